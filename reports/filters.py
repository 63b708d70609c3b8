"""The filter of the transactions: a bad one shows its errors and no rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_filters import DateFilter, FilterSet, MultipleChoiceFilter

from billing.models import Entry, Kind
from console.days import (
    DAY_ERRORS,
    DAY_FORMAT,
    Period,
    day_start,
    day_validators,
    day_widget,
    periods_of,
)
from reports.queries import Scope

# The longest list of accounts that is kind as check boxes; a longer one is a list that scrolls.
FEW_ACCOUNTS = 30


class TransactionForm(forms.Form):
    """What is typed; reversed dates are refused here, the rest by the fields."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("date_from"), cleaned.get("date_to")
        if first and last and last < first:
            self.add_error("date_to", _("This day is before From. Swap the two days."))
        return cleaned


def _day(label: Promise) -> DateFilter:
    return DateFilter(
        label=label,
        method="by_day",
        widget=day_widget(),
        input_formats=[DAY_FORMAT],
        validators=day_validators(),
        error_messages=DAY_ERRORS,
    )


class TransactionFilter(FilterSet):  # type: ignore[misc]
    """By day in the company's time zone, account and kind; several of the latter two.

    Of the accounts and entries that the person sees. An invalid filter matches nothing.
    """

    date_from = _day(_("From"))
    date_to = _day(_("To"))
    account = MultipleChoiceFilter(
        label=_("Accounts"),
        method="by_account",
        error_messages={
            "invalid_choice": _("“%(value)s” is not one of the accounts that you can see here.")
        },
    )
    kind = MultipleChoiceFilter(
        label=_("Kinds"),
        method="by_kind",
        choices=Kind.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": _("“%(value)s” is not a kind of transaction.")},
    )

    class Meta:
        model = Entry
        fields: list[str] = []
        form = TransactionForm

    def __init__(self, data: Mapping[str, Any], scope: Scope) -> None:
        super().__init__(data, scope.entries)
        self.scope = scope
        self.zone = scope.company.zone
        few = len(scope.accounts) <= FEW_ACCOUNTS
        self.filters["account"].extra |= {
            "choices": [(str(account.pk), account.name) for account in scope.accounts],
            "widget": forms.CheckboxSelectMultiple
            if few
            else forms.SelectMultiple(attrs={"aria-label": _("Accounts")}),
        }

    @property
    def form(self) -> forms.Form:
        """The form. What is no date is shown as text: a date input would hide what was typed."""
        form: forms.Form = super().form
        for name, errors in form.errors.as_data().items():
            if name in {"date_from", "date_to"} and any(each.code == "invalid" for each in errors):
                form.fields[name].widget.input_type = "text"
        for name in {"date_from", "date_to"} & {self.first_wrong}:
            form.fields[name].widget.attrs["autofocus"] = True
        return form

    @property
    def first_wrong(self) -> str:
        """The first field with an error, which takes the focus; "" when there is none."""
        errors = super().form.errors
        return next((name for name in self.filters if name in errors), "")

    @property
    def in_words(self) -> list[str]:
        """What is filtered, for paper: the period, the accounts, the kinds."""
        days = {
            name: formats.date_format(day, "j M Y")
            for name, day in self.form.cleaned_data.items()
            if isinstance(day, date)
        }
        if len(days) == 2:
            period = gettext("%(date_from)s to %(date_to)s") % days
        elif "date_from" in days:
            period = gettext("from %(date_from)s") % days
        elif days:
            period = gettext("until %(date_to)s") % days
        else:
            period = gettext("all days")
        accounts = [str(name) for name in self.chosen_accounts]
        kinds = [str(label) for label in self.chosen_kinds]
        return [
            period,
            ", ".join(accounts) or gettext("all accounts"),
            ", ".join(kinds) or gettext("all kinds"),
        ]

    @property
    def periods(self) -> list[Period]:
        """The periods offered today, with the one that is chosen marked."""
        days = self.form.cleaned_data if self.form.is_valid() else {}
        chosen = (days.get("date_from"), days.get("date_to"))
        return [
            replace(period, is_current=bool(days) and chosen == (period.first, period.last))
            for period in periods_of(timezone.localdate(timezone=self.zone))
        ]

    @property
    def chosen_accounts(self) -> list[str]:
        """The names of the accounts that are chosen."""
        return self._chosen("account")

    @property
    def chosen_kinds(self) -> list[str | Promise]:
        """The labels of the kinds that are chosen."""
        return self._chosen("kind")

    def _chosen(self, name: str) -> list[Any]:
        """The labels of what is chosen; what is none of the choices stands for itself."""
        field = cast(Any, self.form.fields[name])
        labels = dict(field.choices)
        return [labels.get(value, f"“{value}”") for value in self.form[name].value() or []]

    def filter_queryset(self, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        """All conditions, or no rows at all where one of them makes no sense."""
        if not self.form.is_valid():
            return queryset.none()
        filtered: QuerySet[Entry] = super().filter_queryset(queryset)
        return filtered

    def by_day(self, entries: QuerySet[Entry], name: str, day: date) -> QuerySet[Entry]:
        """From the first moment of ``date_from`` to the last of ``date_to``."""
        if name == "date_from":
            return entries.filter(posted_at__gte=day_start(day, self.zone))
        return entries.filter(posted_at__lt=day_start(day + timedelta(days=1), self.zone))

    def by_account(
        self, entries: QuerySet[Entry], name: str, accounts: list[str]
    ) -> QuerySet[Entry]:
        """Attributed to one of the accounts."""
        return entries.filter(account__in=[int(account) for account in accounts])

    def by_kind(self, entries: QuerySet[Entry], name: str, kinds: list[str]) -> QuerySet[Entry]:
        """Of one of the kinds."""
        return entries.filter(kind__in=kinds)

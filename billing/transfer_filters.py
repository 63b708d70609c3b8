"""The filter of the transfers' history: a bad one shows its errors and no rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, cast

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_filters import CharFilter, ChoiceFilter, DateFilter, Filter, FilterSet

from accounts.models import Account, User
from billing.fields import AccountSelect, AmountField, Option
from billing.models import Transfer
from console.days import (
    DAY_ERRORS,
    DAY_FORMAT,
    Period,
    day_start,
    day_validators,
    day_widget,
    periods_of,
)

# Who made it, where that is no person of the company.
PLATFORM, OPERATOR = "platform", "operator"
DAYS = ("date_from", "date_to")


class HistoryForm(forms.Form):
    """What is typed; what contradicts itself is refused here, the rest by the fields."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("date_from"), cleaned.get("date_to")
        if first and last and last < first:
            self.add_error("date_to", gettext("This day is before From. Swap the two days."))
        least, most = cleaned.get("min"), cleaned.get("max")
        if least is not None and most is not None and most < least:
            self.add_error("max", gettext("This is less than the least amount. Swap the two."))
        return cleaned


class HistoryAmountField(AmountField):
    """A bound of amounts, which may be left empty."""

    zero = _("Write an amount above zero, or leave this empty.")
    negative = _("Amounts of transfers are above zero.")

    def __init__(self, *, decimals: int, **options: Any) -> None:
        super().__init__(**options)
        self.decimals = decimals


class AmountFilter(Filter):  # type: ignore[misc]
    """A bound of amounts, read as strictly as everywhere."""

    field_class = HistoryAmountField


def day_filter(label: Any) -> DateFilter:
    """A bound of days; the filter's ``by_day`` does what it means."""
    return DateFilter(
        label=label,
        method="by_day",
        widget=day_widget(),
        input_formats=[DAY_FORMAT],
        validators=day_validators(),
        error_messages=DAY_ERRORS,
    )


class TransferFilter(FilterSet):  # type: ignore[misc]
    """By day in the company's time zone, account on either side, person, amount, text of the note.

    ``accounts`` and ``people`` are those the person may choose from. An invalid filter matches
    nothing.
    """

    date_from = day_filter(_("From day"))
    date_to = day_filter(_("To day"))
    account = ChoiceFilter(
        label=_("Account"),
        method="by_account",
        error_messages={
            "invalid_choice": _("“%(value)s” is not one of the accounts that you can see here.")
        },
    )
    by = ChoiceFilter(
        label=_("Made by"),
        method="by_person",
        empty_label=_("Anybody"),
        error_messages={"invalid_choice": _("“%(value)s” has made no transfer that you can see.")},
    )
    min = AmountFilter(label=_("At least"), field_name="amount", lookup_expr="gte")
    max = AmountFilter(label=_("At most"), field_name="amount", lookup_expr="lte")
    note = CharFilter(
        label=_("Text in the note"),
        field_name="note",
        lookup_expr="icontains",
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )

    class Meta:
        model = Transfer
        fields: list[str] = []
        form = HistoryForm

    def __init__(
        self,
        data: Mapping[str, Any],
        queryset: QuerySet[Transfer],
        *,
        company: Account,
        accounts: Sequence[Account],
        people: Iterable[tuple[str, str]],
    ) -> None:
        super().__init__(data, queryset)
        self.zone = company.zone
        picker = AccountSelect()
        picker.empty_label = _("All accounts")
        picker.groups = lambda: {"": [Option(account, account.name) for account in accounts]}
        self.filters["account"].extra |= {
            "choices": [(str(account.pk), account.name) for account in accounts],
            "widget": picker,
        }
        self.filters["by"].extra["choices"] = list(people)
        for name in ("min", "max"):
            bound = self.filters[name]
            bound.extra["decimals"] = company.decimals
            bound.label = gettext("%(label)s, %(currency)s") % {
                "label": bound.label,
                "currency": company.currency,
            }

    @property
    def form(self) -> forms.Form:
        """The form. What is no date is shown as text: a date input would hide what was typed."""
        form: forms.Form = super().form
        for name, errors in form.errors.as_data().items():
            if name in DAYS and any(each.code == "invalid" for each in errors):
                form.fields[name].widget.input_type = "text"
        first = next((name for name in self.filters if name in form.errors), None)
        if first is not None:
            form.fields[first].widget.attrs["autofocus"] = True
        return form

    @property
    def shows_lines(self) -> bool:
        """Whether single lines are asked for: then a batch does not stand for its lines."""
        known = self.form.cleaned_data if self.form.is_valid() else {}
        return any(known.get(name) for name in ("account", "min", "max"))

    @property
    def is_filtered(self) -> bool:
        """Whether anything is filtered, rightly or wrongly."""
        return any(self.form[name].value() for name in self.filters)

    @property
    def periods(self) -> list[Period]:
        """The periods offered today, with the one that is chosen marked."""
        days = self.form.cleaned_data if self.form.is_valid() else {}
        chosen = (days.get("date_from"), days.get("date_to"))
        return [
            replace(period, is_current=bool(days) and chosen == (period.first, period.last))
            for period in periods_of(timezone.localdate(timezone=self.zone))
        ]

    def filter_queryset(self, queryset: QuerySet[Transfer]) -> QuerySet[Transfer]:
        """All conditions, or no rows at all where one of them makes no sense."""
        if not self.form.is_valid():
            return queryset.none()
        return cast("QuerySet[Transfer]", super().filter_queryset(queryset))

    def by_day(self, found: QuerySet[Transfer], name: str, day: date) -> QuerySet[Transfer]:
        """From the first moment of ``date_from`` to the last of ``date_to``."""
        if name == "date_from":
            return found.filter(created_at__gte=day_start(day, self.zone))
        return found.filter(created_at__lt=day_start(day + timedelta(days=1), self.zone))

    def by_account(self, found: QuerySet[Transfer], name: str, account: str) -> QuerySet[Transfer]:
        """From the account or to it."""
        return found.filter(Q(source=int(account)) | Q(destination=int(account)))

    def by_person(self, found: QuerySet[Transfer], name: str, who: str) -> QuerySet[Transfer]:
        """Made by the person, by any operator, or by the platform itself."""
        if who == PLATFORM:
            return found.filter(by__isnull=True)
        if who == OPERATOR:
            return found.filter(by__is_staff=True)
        return found.filter(by=int(who))


def people_of(found: QuerySet[Transfer], reader: User) -> list[tuple[str, str]]:
    """Who has made the transfers, as choices; to customers operators have no names.

    Two queries.
    """
    people = User.objects.filter(pk__in=found.order_by().values("by")).order_by("email")
    choices = [
        (str(user.pk), str(user)) for user in people if reader.is_staff or not user.is_staff
    ]
    choices.sort(key=lambda choice: choice[1].casefold())
    if len(choices) < len(people):
        choices.append((OPERATOR, gettext("Operator")))
    if found.filter(by__isnull=True).exists():
        choices.append((PLATFORM, gettext("The platform")))
    return choices

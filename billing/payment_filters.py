"""The filter of the payments' history: a bad one shows its errors and no rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, cast

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_filters import CharFilter, ChoiceFilter, FilterSet

from accounts.models import Account
from billing.fields import AccountSelect, Option
from billing.models import Payment
from billing.payment_status import Status
from billing.transfer_filters import DAYS, HistoryForm, day_filter
from console.days import Period, day_start, periods_of


class PaymentFilter(FilterSet):  # type: ignore[misc]
    """By day in the company's time zone, account, status, method, text of a reference.

    ``payments`` have their status (``with_status``); ``accounts`` and ``methods`` are those the
    person may choose from. An invalid filter matches nothing.
    """

    date_from = day_filter(_("From day"))
    date_to = day_filter(_("To day"))
    account = ChoiceFilter(
        label=_("Account"),
        field_name="account",
        error_messages={
            "invalid_choice": _("“%(value)s” is not one of the accounts that you can see here.")
        },
    )
    status = ChoiceFilter(
        label=_("Status"),
        field_name="status",
        choices=Status.choices,
        empty_label=pgettext_lazy("status", "Any"),
        error_messages={"invalid_choice": _("“%(value)s” is no status of a payment.")},
    )
    method = ChoiceFilter(
        label=_("Method"),
        field_name="method_label",
        empty_label=pgettext_lazy("method", "Any"),
        error_messages={"invalid_choice": _("Nothing that you can see was paid by “%(value)s”.")},
    )
    reference = CharFilter(
        label=_("Reference or receipt"),
        method="by_reference",
        max_length=50,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )

    class Meta:
        model = Payment
        fields: list[str] = []
        form = HistoryForm

    def __init__(
        self,
        data: Mapping[str, Any],
        queryset: QuerySet[Payment],
        *,
        company: Account,
        accounts: Sequence[Account],
        methods: Iterable[str],
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
        self.filters["method"].extra["choices"] = [(label, label) for label in methods]

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

    def filter_queryset(self, queryset: QuerySet[Payment]) -> QuerySet[Payment]:
        """All conditions, or no rows at all where one of them makes no sense."""
        if not self.form.is_valid():
            return queryset.none()
        return cast("QuerySet[Payment]", super().filter_queryset(queryset))

    def by_day(self, found: QuerySet[Payment], name: str, day: date) -> QuerySet[Payment]:
        """From the first moment of ``date_from`` to the last of ``date_to``."""
        if name == "date_from":
            return found.filter(created_at__gte=day_start(day, self.zone))
        return found.filter(created_at__lt=day_start(day + timedelta(days=1), self.zone))

    def by_reference(self, found: QuerySet[Payment], name: str, text: str) -> QuerySet[Payment]:
        """A part of the payment's reference, as spaced as it likes; or a whole receipt number."""
        squeezed = "".join(text.split())
        wanted = Q(reference__icontains=squeezed)
        year, dash, number = squeezed.partition("-")
        is_receipt = dash and all(part.isascii() and part.isdigit() for part in (year, number))
        if is_receipt and len(year) == len("2026") and len(number) <= len("000001"):
            wanted |= Q(
                pk__in=found.filter(
                    arrivals__receipt_year=int(year), arrivals__receipt_number=int(number)
                ).values("pk")
            )
        return found.filter(wanted)


def methods_of(found: QuerySet[Payment]) -> list[str]:
    """By what the payments were paid, as it was called then; one query."""
    return list(found.order_by("method_label").values_list("method_label", flat=True).distinct())

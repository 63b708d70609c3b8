"""The filter of the audit log: a bad one shows its errors and no rows."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, cast

from django import forms
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_filters import CharFilter, ChoiceFilter, FilterSet

from accounts.audit_actions import AuditAction
from accounts.audit_events import AuditEvent
from accounts.models import Account, User
from billing.fields import AccountSelect, Option
from billing.transfer_filters import DAYS, HistoryForm, day_filter
from console.days import Period, day_start, periods_of

PEOPLE, OPERATORS, SYSTEM = "people", "operators", "system"
LONGEST = 100


def _text(label: Any, **options: Any) -> CharFilter:
    return CharFilter(
        label=label,
        max_length=LONGEST,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
        **options,
    )


class AuditFilter(FilterSet):  # type: ignore[misc]
    """By day, action, who, account and text. An invalid filter matches nothing.

    ``accounts`` are those that may be chosen; None for operators, who write a code. What the
    reader is not shown of operators is not searched either.
    """

    date_from = day_filter(_("From day"))
    date_to = day_filter(_("To day"))
    action = ChoiceFilter(
        label=_("What"),
        choices=AuditAction.choices,
        empty_label=_("Anything"),
        error_messages={"invalid_choice": _("“%(value)s” is nothing that the log tells of.")},
    )
    side = ChoiceFilter(
        label=_("Done by"),
        method="by_side",
        choices=[
            (PEOPLE, _("Customers")),
            (OPERATORS, _("Operators")),
            (SYSTEM, _("Jobs, or nobody known")),
        ],
        empty_label=_("Anybody"),
        error_messages={"invalid_choice": _("“%(value)s” is none of those listed.")},
    )
    account = ChoiceFilter(
        label=_("Account"),
        method="by_account",
        error_messages={
            "invalid_choice": _("“%(value)s” is not one of the accounts that you can see here.")
        },
    )
    code = _text(_("Account or company, its code"), method="by_code")
    person = _text(_("Person, name or e-mail"), method="by_person")
    text = _text(_("Text or IP address"), method="by_text")

    class Meta:
        model = AuditEvent
        fields: list[str] = []
        form = HistoryForm

    def __init__(
        self,
        data: Mapping[str, Any],
        queryset: QuerySet[AuditEvent],
        *,
        zone: zoneinfo.ZoneInfo,
        reader: User,
        accounts: Sequence[Account] | None,
    ) -> None:
        super().__init__(data, queryset)
        self.zone = zone
        self.sees_operators = reader.is_staff
        if accounts is None:
            del self.filters["account"]
        else:
            del self.filters["code"]
            picker = AccountSelect()
            picker.empty_label = _("All accounts")
            picker.groups = lambda: {"": [Option(each, each.name) for each in accounts]}
            self.filters["account"].extra |= {
                "choices": [(str(each.pk), each.name) for each in accounts],
                "widget": picker,
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

    def filter_queryset(self, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """All conditions, or no rows at all where one of them makes no sense."""
        if not self.form.is_valid():
            return queryset.none()
        return cast("QuerySet[AuditEvent]", super().filter_queryset(queryset))

    def by_day(self, found: QuerySet[AuditEvent], name: str, day: date) -> QuerySet[AuditEvent]:
        """From the first moment of ``date_from`` to the last of ``date_to``."""
        if name == "date_from":
            return found.filter(at__gte=day_start(day, self.zone))
        return found.filter(at__lt=day_start(day + timedelta(days=1), self.zone))

    def by_side(self, found: QuerySet[AuditEvent], name: str, side: str) -> QuerySet[AuditEvent]:
        """By people of companies, by operators, or by nobody that is known."""
        if side == SYSTEM:
            return found.filter(actor__isnull=True)
        return found.filter(actor__is_staff=side == OPERATORS)

    def by_account(self, found: QuerySet[AuditEvent], name: str, pk: str) -> QuerySet[AuditEvent]:
        """On this account."""
        return found.filter(account=int(pk))

    def by_code(self, found: QuerySet[AuditEvent], name: str, code: str) -> QuerySet[AuditEvent]:
        """On an account with this code, or anywhere in a company with it."""
        wanted = code.strip().lower()
        return found.filter(Q(account__code=wanted) | Q(master__code=wanted))

    def by_person(self, found: QuerySet[AuditEvent], name: str, who: str) -> QuerySet[AuditEvent]:
        """By the person or done to them; operators are found by operators only."""
        people = User.objects.filter(Q(email__icontains=who) | Q(name__icontains=who))
        if not self.sees_operators:
            people = people.filter(is_staff=False)
        return found.filter(Q(actor__in=people.values("pk")) | Q(whom__in=people.values("pk")))

    def by_text(self, found: QuerySet[AuditEvent], name: str, text: str) -> QuerySet[AuditEvent]:
        """In what changed; and, where it may be shown, in the reason and in where from."""
        written = {
            "was": Cast("before", TextField()),
            "is_now": Cast("after", TextField()),
            "address": Cast("ip", TextField()),
        }
        where_from = (
            Q(about__icontains=text)
            | Q(address__icontains=text)
            | Q(request_id=text)
            | Q(user_agent__icontains=text)
        )
        if not self.sees_operators:
            where_from &= Q(actor__isnull=True) | Q(actor__is_staff=False)
        return found.alias(**written).filter(
            Q(was__icontains=text) | Q(is_now__icontains=text) | where_from
        )

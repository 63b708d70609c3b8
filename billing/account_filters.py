"""The search of subaccounts: a bad one shows its errors and no rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db import models
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import CharFilter, ChoiceFilter, FilterSet

from accounts.models import Account, BalanceMode, State
from billing.caps_sql import NEARLY
from billing.models import Balance
from billing.standing import Standing, stands


class CapState(models.TextChoices):
    """How an account stands with its spending cap; a closed one has none."""

    USED_UP = "used-up", _("Used up")
    NEAR = "near", _("Nearly used up")
    ANY = "any", _("With a cap")
    NONE = "none", _("Without a cap")


class SubaccountFilter(FilterSet):  # type: ignore[misc]
    """By name or code, balance mode, state and spending cap.

    ``queryset`` are balances of one company with their ``pace`` and ``cap_used``, ``pool`` its
    master account's. An invalid filter matches nothing.
    """

    q = CharFilter(
        label=_("Name or code"),
        method="by_text",
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    mode = ChoiceFilter(
        label=_("Balance"),
        method="by_mode",
        choices=BalanceMode.choices,
        empty_label=_("All balances"),
        error_messages={"invalid_choice": _("“%(value)s” is not a balance mode.")},
    )
    state = ChoiceFilter(
        label=_("State"),
        method="by_state",
        choices=Standing.choices,
        empty_label=_("All states"),
        error_messages={"invalid_choice": _("“%(value)s” is not a state of an account.")},
    )

    cap = ChoiceFilter(
        label=_("Spending cap"),
        method="by_cap",
        choices=CapState.choices,
        empty_label=_("All"),
        error_messages={"invalid_choice": _("“%(value)s” says nothing of a spending cap.")},
    )

    class Meta:
        model = Balance
        fields: list[str] = []

    def __init__(
        self,
        data: Mapping[str, Any],
        queryset: QuerySet[Balance],
        *,
        company: Account,
        pool: Balance,
    ) -> None:
        super().__init__(data, queryset)
        self.company = company
        self.pool = pool

    def filter_queryset(self, queryset: QuerySet[Balance]) -> QuerySet[Balance]:
        """All conditions, or no rows at all where one of them makes no sense."""
        if not self.form.is_valid():
            return queryset.none()
        filtered: QuerySet[Balance] = super().filter_queryset(queryset)
        return filtered

    def by_text(self, balances: QuerySet[Balance], name: str, text: str) -> QuerySet[Balance]:
        """Whose account has the text in its name or code, in either case."""
        return balances.filter(Q(account__name__icontains=text) | Q(account__code__icontains=text))

    def by_mode(self, balances: QuerySet[Balance], name: str, mode: str) -> QuerySet[Balance]:
        """Of one mode."""
        return balances.filter(mode=mode)

    def by_state(self, balances: QuerySet[Balance], name: str, state: str) -> QuerySet[Balance]:
        """Whose account stands so."""
        return balances.filter(stands(self.company, self.pool, Standing(state)))

    def by_cap(self, balances: QuerySet[Balance], name: str, cap: str) -> QuerySet[Balance]:
        """Whose spending cap is used so far."""
        balances = balances.exclude(account__state=State.CLOSED)
        if cap == CapState.USED_UP:
            return balances.filter(Q(("cap_used__gte", F("cap"))))
        if cap == CapState.NEAR:
            near = Q(("cap_used__gte", F("cap") * NEARLY), ("cap_used__lt", F("cap")))
            return balances.filter(near)
        return balances.filter(cap__isnull=cap == CapState.NONE)

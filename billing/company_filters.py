"""The search of master accounts: a bad one shows its errors and no rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db import models
from django.db.models import Count, F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, State
from accounts.people_forms import one_line
from billing.models import Balance
from console import places


class CompanyState(models.TextChoices):
    """How a master account stands. One is not closed with its tree below it."""

    ACTIVE = "active", _("Active")
    RESTRICTED = "restricted", _("Restricted")
    SUSPENDED = "suspended", _("Suspended")


class CompanyFilter(forms.Form):
    """By name or code, country and state. Sent by GET."""

    q = forms.CharField(
        label=_("Name or code"),
        required=False,
        max_length=100,
        validators=[one_line],
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    country = forms.ChoiceField(
        label=_("Country"),
        required=False,
        error_messages={"invalid_choice": _("No master account is in “%(value)s”.")},
    )
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("All states")), *CompanyState.choices],
        error_messages={"invalid_choice": _("“%(value)s” is not a state of a master account.")},
    )

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        used = Account.objects.masters().order_by().values_list("country", flat=True).distinct()
        named = sorted(((code, places.country_name(code)) for code in used), key=lambda it: it[1])
        country = self.fields["country"]
        assert isinstance(country, forms.ChoiceField)  # noqa: S101 - for mypy
        country.choices = [("", str(_("All countries"))), *named]

    @property
    def is_filtered(self) -> bool:
        """Whether anything is filtered, rightly or wrongly."""
        return any(self[name].value() for name in self.fields)

    def balances(self) -> QuerySet[Balance]:
        """The balances of the master accounts that match, by code; none for a bad search."""
        found = (
            Balance.objects.filter(account=F("master"), account__master=F("account"))
            .select_related("account")
            .order_by("account__code")
        )
        if not self.is_valid():
            return found.none()
        known = self.cleaned_data
        for word in known["q"].split():
            found = found.filter(
                Q(account__name__icontains=word) | Q(account__code__icontains=word)
            )
        if known["country"]:
            found = found.filter(account__country=known["country"])
        if known["state"]:
            found = found.filter(_stands(CompanyState(known["state"])))
        return found


def subaccounts_of(companies: list[int]) -> dict[int, int]:
    """How many subaccounts each of the companies has; one query for all."""
    found = (
        Account.objects.filter(master__in=companies)
        .subaccounts()
        .order_by()
        .values_list("master")
        .annotate(count=Count("pk"))
    )
    return dict(found)


def _stands(wanted: CompanyState) -> Q:
    """What ``standing`` says of a master account, as a condition."""
    if wanted == CompanyState.SUSPENDED:
        return Q(account__state=State.SUSPENDED)
    spent = Q(credit__lte=F("on_hold") - F("credit_limit"))
    active = Q(account__state=State.ACTIVE)
    return active & (spent if wanted == CompanyState.RESTRICTED else ~spent)

"""The table of a company's subaccounts as of a past moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_tables2 import Table

from accounts.models import Account
from billing.account_tables import available_cell, column
from billing.as_of import BalanceAt
from billing.standing import Standing


@dataclass(frozen=True, slots=True)
class Line:
    """One subaccount as it stood then."""

    account: Account
    then: BalanceAt
    state: Standing


class AsOfTable(Table):  # type: ignore[misc]
    """Lines in their order; ``query`` is what the addresses of their pages carry."""

    name = column(gettext_lazy("Subaccount"), "who", accessor="account__name")
    mode = column(gettext_lazy("Balance"), "mode", accessor="then__mode")
    state = column(gettext_lazy("State"), "state", accessor="state")
    available = column(gettext_lazy("Available"), "num available", accessor="then__available")

    caption = gettext_lazy("Subaccounts then")
    row_header = "name"

    class Meta:
        attrs = {"class": "cards accounts"}
        orderable = False

    def __init__(self, lines: Sequence[Line], *, company: Account, query: str) -> None:
        self.company, self.query = company, query
        super().__init__(lines)
        self.columns["available"].column.verbose_name = _("Available, %(currency)s") % {
            "currency": company.currency
        }

    def render_name(self, record: Line) -> SafeString:
        """The name, which leads to the account's own page of that moment."""
        page = reverse("balance-as-of", args=[self.company.code, record.account.code])
        return format_html('<a href="{}?{}">{}</a>', page, self.query, record.account)

    def render_mode(self, record: Line) -> SafeString:
        """Allocated or shared."""
        return render_to_string("_partials/chip_mode.html", {"mode": record.then.mode})

    def render_state(self, record: Line) -> SafeString:
        """How it stood."""
        return render_to_string("_partials/chip_state.html", {"state": record.state})

    def render_available(self, record: Line) -> SafeString:
        """What it could still spend, and the formula where that says more."""
        if not record.then.is_own:
            return format_html('<span class="quiet">{}</span>', _("shared"))
        return available_cell(record.then, self.company)

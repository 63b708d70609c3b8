"""Tables of billing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_tables2 import Column, Table

from accounts.access import Access
from accounts.models import Account, User
from billing.models import Entry, Transfer
from console.figures import Figures
from console.templatetags.console import local


def made_by(transfer: Transfer, reader: User) -> str:
    """Who made it. To customers the platform's staff are operators, not addresses."""
    if transfer.by is None:
        return _("The platform")
    if transfer.by.is_staff and not reader.is_staff:
        return _("Operator")
    return str(transfer.by)


def _column(label: Promise, classes: str, **options: Any) -> Column:
    """A column; on a phone, where rows are cards, each cell bears its label."""
    attrs = {"th": {"class": classes}, "td": {"class": classes, "data-label": label}}
    return Column(verbose_name=label, attrs=attrs, **options)


def _name_currency(table: Table, company: Account, *columns: str) -> None:
    """Put the company's currency into the headings of columns, where it stands once."""
    for name in columns:
        column = table.columns[name].column
        column.verbose_name = _("%(heading)s, %(currency)s") % {
            "heading": column.verbose_name,
            "currency": company.currency,
        }


class TransferTable(Table):  # type: ignore[misc]
    """Transfers in the order they are given; the time zone stands above the table."""

    created_at = _column(gettext_lazy("Date"), "when", linkify=True)
    source = _column(gettext_lazy("From"), "from")
    destination = _column(gettext_lazy("To"), "to")
    amount = _column(gettext_lazy("Amount"), "num amount")
    by = _column(gettext_lazy("By"), "by", empty_values=())
    note = _column(gettext_lazy("Note"), "note", default="")

    caption = gettext_lazy("Transfers, newest first")
    row_header = "created_at"

    class Meta:
        orderable = False
        attrs = {"class": "cards transfers"}

    def __init__(self, transfers: list[Transfer], *, access: Access) -> None:
        super().__init__(transfers)
        self.access = access
        company = access.company
        self.amounts = Figures([transfer.amount for transfer in transfers], company.decimals)
        # A card has no heading: there the currency stands before the amount.
        self.columns["amount"].column.attrs["td"]["data-label"] = company.currency
        _name_currency(self, company, "amount")

    def render_created_at(self, value: Any) -> SafeString:
        """When, in the company's time zone."""
        return format_html(
            '<time datetime="{}">{}</time>', value.isoformat(), local(value, self.access.company)
        )

    def render_amount(self, value: Decimal) -> SafeString:
        """How much."""
        return self.amounts.cell(value)

    def render_by(self, record: Transfer) -> str:
        """Who made it."""
        return made_by(record, self.access.user)


class Side(NamedTuple):
    """One end of a transfer; ``entry`` is None when its balances are not the person's to see."""

    account: Account
    amount: Decimal
    entry: Entry | None


class SideTable(Table):  # type: ignore[misc]
    """Both ends of one transfer, as they stand in the books."""

    account = _column(gettext_lazy("Account"), "who")
    balance_before = _column(
        gettext_lazy("Balance before"), "num", accessor="entry", empty_values=()
    )
    amount = _column(gettext_lazy("Amount"), "num")
    balance_after = _column(
        gettext_lazy("Balance after"), "num", accessor="entry", empty_values=()
    )

    caption = gettext_lazy("In the books")
    row_header = "account"

    class Meta:
        orderable = False
        attrs = {"class": "cards entries"}

    def __init__(self, sides: list[Side], *, company: Account) -> None:
        super().__init__(sides)
        entries = [side.entry for side in sides if side.entry]
        self.befores = Figures([entry.balance_before for entry in entries], company.decimals)
        self.amounts = Figures([side.amount for side in sides], company.decimals)
        self.afters = Figures([entry.balance_after for entry in entries], company.decimals)
        _name_currency(self, company, "balance_before", "amount", "balance_after")

    def render_balance_before(self, record: Side) -> SafeString:
        """The balance just before, in the tone of debt below zero."""
        return self.befores.cell(record.entry.balance_before) if record.entry else _not_shown()

    def render_amount(self, value: Decimal) -> SafeString:
        """The movement, with its sign."""
        return self.amounts.cell(value, sign=True)

    def render_balance_after(self, record: Side) -> SafeString:
        """The balance just after, in the tone of debt below zero."""
        return self.afters.cell(record.entry.balance_after) if record.entry else _not_shown()


def _not_shown() -> SafeString:
    """In place of a balance that is another's."""
    return format_html(
        '<span aria-hidden="true">—</span><span class="unseen">{}</span>',
        _("Not shown: this balance is not one of yours."),
    )

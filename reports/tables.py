"""The table of transactions: what of an entry is shown, and to whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.formats import get_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_tables2 import Column, Table

from accounts.access import Access
from accounts.models import User
from billing.models import Entry
from console import money
from console.templatetags.console import local
from reports.queries import shows_balance

# What a caller claims to be the moment is worth a line only where it says something new.
SAME_MOMENT = timedelta(minutes=1)


class Figures:
    """A column of amounts whose points stand in one line, however many decimals each has.

    Figures are set flush right, so shorter ones are filled up with zeros that nobody sees.
    """

    def __init__(self, values: Iterable[Decimal], decimals: int) -> None:
        self.decimals = decimals
        self.point = get_format("DECIMAL_SEPARATOR")
        tails = (self._tail(money.format_amount(value, decimals)) for value in values)
        self.width = max(map(len, tails), default=0)

    def cell(self, value: Decimal, *, sign: bool = False) -> SafeString:
        """The amount, green where it is money in and shown with its sign, red where it is debt."""
        text = money.format_amount(value, self.decimals, sign=sign)
        fill = (self.point + "0" * self.width)[len(self._tail(text)) : self.width]
        if fill:
            text = format_html('{}<span class="num-fill" aria-hidden="true">{}</span>', text, fill)
        tone = "in" if sign and value > 0 else "debt" if not sign and value < 0 else ""
        return format_html('<span class="{}">{}</span>', tone, text) if tone else SafeString(text)

    def _tail(self, text: str) -> str:
        """The point and what follows it."""
        return text[text.index(self.point) :] if self.point in text else ""


def _column(
    label: Promise, classes: str, *, short: Promise | None = None, **options: Any
) -> Column:
    """A column; on a phone, where rows are cards, each cell bears its (short) label."""
    attrs = {"th": {"class": classes}, "td": {"class": classes, "data-label": short or label}}
    return Column(verbose_name=label, attrs=attrs, **options)


class TransactionTable(Table):  # type: ignore[misc]
    """Entries as one person may see them.

    ``names`` has the names of the accounts that the person sees, by id. Time zone and currency
    stand once, in the headings.
    """

    posted_at = _column(gettext_lazy("Posted"), "when")
    account = _column(gettext_lazy("Account"), "who", accessor="account_id")
    kind = _column(gettext_lazy("Kind"), "kind", accessor="get_kind_display")
    description = _column(gettext_lazy("Description"), "what", empty_values=())
    by = _column(gettext_lazy("By"), "by", default="")
    amount = _column(gettext_lazy("Amount"), "num amount")
    balance_after = _column(
        gettext_lazy("Balance after"), "num balance", short=gettext_lazy("Balance")
    )

    caption = gettext_lazy("Transactions, newest first")
    row_header = "description"

    class Meta:
        orderable = False
        attrs = {"class": "cards transactions"}

    def __init__(self, entries: list[Entry], *, access: Access, names: Mapping[int, str]) -> None:
        super().__init__(entries)
        self.access = access
        self.company = access.company
        self.names = names
        decimals = self.company.decimals
        self.amounts = Figures([entry.amount for entry in entries], decimals)
        self.balances = Figures(
            [entry.balance_after for entry in entries if shows_balance(entry, names.keys())],
            decimals,
        )
        self._name_once("posted_at", self.company.time_zone)
        self._name_once("amount", self.company.currency)
        self._name_once("balance_after", self.company.currency)

    def _name_once(self, column: str, unit: str) -> None:
        """Put the unit of a column into its heading."""
        bound = self.columns[column]
        bound.column.verbose_name = format_html(
            '{} <span class="unit">{}</span>', bound.column.verbose_name, unit
        )

    def render_posted_at(self, record: Entry) -> SafeString:
        """When it was posted, and when it happened where that is another moment."""
        there = timezone.localtime(record.posted_at, self.company.zone)
        posted = format_html(
            '<time datetime="{}">{}</time>', there.isoformat(), local(there, self.company)
        )
        happened = record.occurred_at
        if happened is None or abs(record.posted_at - happened) <= SAME_MOMENT:
            return posted
        note = _("happened %(when)s") % {"when": local(happened, self.company)}
        return format_html("{}<small>{}</small>", posted, note)

    def render_account(self, record: Entry) -> SafeString:
        """The account, and whose balance moved where that is another's."""
        # Only an account opened since the names were read, a moment ago, is not among them.
        name = self.names.get(record.account_id) or _("New account")
        if record.is_own:
            return format_html("{}", name)
        # Whoever sees an account knows what its company is called.
        holder = self.names.get(record.holder_id, self.company.name)
        note = _("balance of %(holder)s") % {"holder": holder}
        return format_html("{}<small>{}</small>", name, note)

    def render_description(self, record: Entry) -> SafeString:
        """What it was for, and the reference by which its author knows it."""
        return format_html(
            '{}<small class="reference">{}</small>', record.description, record.reference
        )

    def render_by(self, value: User) -> str:
        """Who did it. To customers the platform's staff are operators, not addresses."""
        if value.is_staff and not self.access.user.is_staff:
            return _("Operator")
        return str(value)

    def render_amount(self, value: Decimal) -> SafeString:
        """The movement, with its sign."""
        return self.amounts.cell(value, sign=True)

    def render_balance_after(self, record: Entry, value: Decimal) -> SafeString:
        """The holder's balance afterwards, for those who see the holder."""
        if shows_balance(record, self.names.keys()):
            return self.balances.cell(value)
        return format_html(
            '<span aria-hidden="true">—</span><span class="unseen">{}</span>',
            _("Not shown: this balance is not one of yours."),
        )

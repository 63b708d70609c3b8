"""Tables of billing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_tables2 import Column, Table

from accounts.access import Access
from accounts.models import Account, User
from billing.models import Entry, Transfer
from billing.transfer_batches import BatchPreview, LinePreview
from console import money
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
    """Transfers in the order they are given; the time zone stands above the table.

    ``is_whole``: the first line of a batch stands for all of it.
    """

    created_at = _column(
        gettext_lazy("Date"), "when", linkify=lambda table, record: table.address(record)
    )
    source = _column(gettext_lazy("From"), "from")
    destination = _column(gettext_lazy("To"), "to")
    amount = _column(gettext_lazy("Amount"), "num amount")
    by = _column(gettext_lazy("By"), "by", empty_values=())
    note = _column(gettext_lazy("Note"), "note", empty_values=())

    caption = gettext_lazy("Transfers, newest first")
    row_header = "created_at"

    class Meta:
        orderable = False
        attrs = {"class": "cards transfers"}

    def __init__(self, transfers: list[Transfer], *, access: Access, is_whole: bool) -> None:
        super().__init__(transfers)
        self.access = access
        self.is_whole = is_whole
        company = access.company
        self.amounts = Figures([self._moved(each) for each in transfers], company.decimals)
        # A card has no heading: there the currency stands before the amount.
        self.columns["amount"].column.attrs["td"]["data-label"] = company.currency
        _name_currency(self, company, "amount")

    def render_created_at(self, value: Any) -> SafeString:
        """When, in the company's time zone."""
        return format_html(
            '<time datetime="{}">{}</time>', value.isoformat(), local(value, self.access.company)
        )

    def render_destination(self, record: Transfer) -> str:
        """To whom: one account, or how many."""
        if self._stands_for_batch(record) and record.batch and record.batch.count > 1:
            return ngettext("%(count)d account", "%(count)d accounts", record.batch.count) % {
                "count": record.batch.count
            }
        return str(record.destination)

    def render_amount(self, record: Transfer) -> SafeString:
        """How much."""
        return self.amounts.cell(self._moved(record))

    def render_by(self, record: Transfer) -> str:
        """Who made it."""
        return made_by(record, self.access.user)

    def render_note(self, record: Transfer) -> SafeString | str:
        """The note, after what has become of the transfer."""
        told = ""
        if record.reverses_id is not None:
            told = _("Moves back")
        elif not self._stands_for_batch(record) and record.reversed == record.amount:
            told = _("Moved back")
        elif not self._stands_for_batch(record) and record.reversed:
            told = _("Partly moved back")
        if not told:
            return record.note
        return format_html('<span class="chip outline">{}</span> {}', told, record.note)

    def address(self, record: Transfer) -> str:
        """The page of the transfer, or of the batch that it stands for."""
        whole = record.batch if self._stands_for_batch(record) else None
        if whole is None:
            return record.get_absolute_url()
        whole.master = record.master
        return whole.get_absolute_url()

    def _stands_for_batch(self, record: Transfer) -> bool:
        return self.is_whole and record.batch_id is not None

    def _moved(self, record: Transfer) -> Decimal:
        if self._stands_for_batch(record) and record.batch:
            return record.batch.total
        return record.amount


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


class BatchPreviewTable(Table):  # type: ignore[misc]
    """Every balance before and after; available balances are rounded down."""

    account = _column(gettext_lazy("Account"), "who", accessor="balance__account")
    before = _column(gettext_lazy("Available now"), "num", accessor="balance__available")
    amount = _column(gettext_lazy("Amount"), "num")
    after = _column(gettext_lazy("After"), "num")

    caption = gettext_lazy("What each account gets")
    row_header = "account"

    class Meta:
        orderable = False
        attrs = {"class": "cards entries batch"}

    def __init__(self, told: BatchPreview, *, company: Account) -> None:
        super().__init__(told.lines)
        self.decimals = company.decimals
        _name_currency(self, company, "before", "amount", "after")

    def render_account(self, record: LinePreview) -> SafeString:
        """The account, and why it cannot receive, if it cannot."""
        account = record.balance.account
        why = (
            format_html('<small class="debt">{}</small>', record.refusal.message)
            if record.refusal
            else ""
        )
        return format_html("{}<small>{}</small>{}", account.name, account.code, why)

    def render_before(self, value: Decimal) -> SafeString:
        """What can be spent now."""
        return self._figure(value)

    def render_amount(self, value: Decimal) -> str:
        """What comes in."""
        return money.format_amount(value, self.decimals, sign=True)

    def render_after(self, record: LinePreview) -> SafeString | str:
        """What can then be spent."""
        return "—" if record.refusal else self._figure(record.after)

    def _figure(self, value: Decimal) -> SafeString:
        text = money.format_down(value, self.decimals)
        return format_html('<span class="debt">{}</span>', text) if value < 0 else SafeString(text)


class BatchTable(Table):  # type: ignore[misc]
    """The transfers of a batch, each with what was moved back of it."""

    destination = _column(
        gettext_lazy("To"), "who", linkify=lambda record: record.get_absolute_url()
    )
    amount = _column(gettext_lazy("Amount"), "num")
    reversed = _column(gettext_lazy("Moved back"), "num")

    caption = gettext_lazy("The transfers")
    row_header = "destination"

    class Meta:
        orderable = False
        attrs = {"class": "cards entries batch"}

    def __init__(self, lines: list[Transfer], *, company: Account) -> None:
        super().__init__(lines)
        self.amounts = Figures([line.amount for line in lines], company.decimals)
        self.backs = Figures([line.reversed for line in lines], company.decimals)
        _name_currency(self, company, "amount", "reversed")

    def render_amount(self, value: Decimal) -> SafeString:
        """How much."""
        return self.amounts.cell(value)

    def render_reversed(self, value: Decimal) -> SafeString | str:
        """How much of it was moved back, if anything."""
        return self.backs.cell(value) if value else "—"


def _not_shown() -> SafeString:
    """In place of a balance that is another's."""
    return format_html(
        '<span aria-hidden="true">—</span><span class="unseen">{}</span>',
        _("Not shown: this balance is not one of yours."),
    )

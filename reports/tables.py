"""The table of transactions: what of an entry is shown, and to whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_tables2 import Column, Table

from accounts.access import Access
from billing.models import Entry, Kind
from console.figures import Figures
from console.templatetags.console import local
from reports.columns import ALWAYS, USUAL
from reports.columns import Column as Chosen
from reports.descriptions import author, leg_of, other_sides, title, transfer_pages
from reports.pages import Order, write_key
from reports.queries import shows_balance

# What a caller claims to be the moment is worth a line only where it says something new.
SAME_MOMENT = timedelta(minutes=1)


def _column(
    label: Promise, classes: str, *, short: Promise | None = None, **options: Any
) -> Column:
    """A column; on a phone, where rows are cards, each cell bears its (short) label."""
    attrs = {"th": {"class": classes}, "td": {"class": classes, "data-label": short or label}}
    return Column(verbose_name=label, attrs=attrs, **options)


class TransactionTable(Table):  # type: ignore[misc]
    """Entries as one person may see them; for their transfers, two queries.

    ``names`` has the names of the accounts that the person sees, by id. The currency stands once,
    in the headings; the page names the time zone.
    """

    posted_at = _column(Chosen.POSTED.label, "when")
    occurred_at = _column(Chosen.OCCURRED.label, "when", empty_values=())
    account = _column(Chosen.ACCOUNT.label, "who", accessor="account_id")
    holder = _column(Chosen.HOLDER.label, "who", accessor="holder_id")
    kind = _column(Chosen.KIND.label, "kind", accessor="get_kind_display")
    description = _column(Chosen.DESCRIPTION.label, "what", empty_values=())
    reference = _column(Chosen.REFERENCE.label, "reference")
    origin = _column(Chosen.ORIGIN.label, "origin", accessor="get_origin_display")
    by = _column(Chosen.BY.label, "by", empty_values=())
    contra = _column(Chosen.CONTRA.label, "contra", accessor="contra__label")
    amount = _column(Chosen.AMOUNT.label, "num amount")
    balance_after = _column(
        Chosen.BALANCE_AFTER.label, "num balance", short=gettext_lazy("Balance")
    )

    class Meta:
        orderable = False
        attrs = {"class": "cards transactions"}

    def __init__(
        self,
        entries: list[Entry],
        *,
        access: Access,
        names: Mapping[int, str],
        columns: Sequence[Chosen] = (),
        order: Order = Order.NEWEST,
    ) -> None:
        shown = [entry.balance_after for entry in entries if shows_balance(entry, names.keys())]
        self.hides_balances = bool(entries) and not shown
        self.is_usual = not columns
        wanted = [each for each in Chosen if each in (columns or USUAL) or each in ALWAYS]
        if self.hides_balances:
            wanted = [each for each in wanted if each != Chosen.BALANCE_AFTER]
        self.shown = {each.value for each in wanted}
        super().__init__(
            entries,
            exclude=[each.value for each in Chosen if each not in wanted],
            attrs=None if self.is_usual else {"class": "cards chosen-columns"},
        )
        self.row_header = "description" if "description" in self.shown else "posted_at"
        self.caption = _("Transactions: %(order)s") % {"order": order.label}
        self.access = access
        self.company = access.company
        self.names = names
        # Whoever sees an account knows what its company is called.
        self.known = {**names, self.company.pk: self.company.name}
        self.other_sides = other_sides(self.company, entries)
        self.transfers = transfer_pages(self.company, entries)
        self.amounts = Figures([entry.amount for entry in entries], self.company.decimals)
        self.balances = Figures(shown, self.company.decimals)
        for name in {"amount", "balance_after"} & self.shown:
            column = self.columns[name].column
            column.verbose_name = _("%(figure)s, %(currency)s") % {
                "figure": column.verbose_name,
                "currency": self.company.currency,
            }

    def render_posted_at(self, record: Entry) -> SafeString:
        """When it was posted, and when it happened where that is another moment."""
        there = timezone.localtime(record.posted_at, self.company.zone)
        posted = format_html(
            '<time datetime="{}">{}</time>', there.isoformat(), local(there, self.company)
        )
        if "description" not in self.shown:
            posted = self._to_its_page(record, posted)
        if (
            "occurred_at" in self.shown
            or record.occurred_at is None
            or abs(record.posted_at - record.occurred_at) <= SAME_MOMENT
        ):
            return posted
        happened = timezone.localtime(record.occurred_at, self.company.zone)
        same_day = happened.date() == there.date()
        when = formats.date_format(happened, "H:i") if same_day else local(happened, self.company)
        return format_html("{}<small>{}</small>", posted, _("happened %(when)s") % {"when": when})

    def render_occurred_at(self, record: Entry) -> str:
        """When it happened, as its author says."""
        return local(record.occurred_at, self.company) if record.occurred_at else ""

    def render_holder(self, record: Entry) -> str:
        """Whose balance moved."""
        return self.known.get(record.holder_id, self.company.name)

    def render_reference(self, value: str) -> SafeString:
        """As its author wrote it; a word that may be broken anywhere."""
        return format_html('<span class="reference">{}</span>', value)

    def render_by(self, record: Entry) -> str:
        """Which person made it, if one did."""
        return author(record.by, self.access) if record.by is not None else ""

    def render_account(self, record: Entry) -> SafeString:
        """The account, and whose balance moved where that is another's."""
        # Only an account opened since the names were read, a moment ago, is not among them.
        name = self.names.get(record.account_id) or _("New account")
        if record.is_own or "holder" in self.shown:
            return format_html("{}", name)
        holder = self.known.get(record.holder_id, self.company.name)
        note = _("balance of %(holder)s") % {"holder": holder}
        return format_html("{}<small>{}</small>", name, note)

    def render_description(self, record: Entry) -> SafeString:
        """What it was, with a link where it has a page; beneath, what is known of it besides."""
        other = self.known.get(self.other_sides.get(leg_of(record), 0))
        text: str = title(record, other)
        text = self._to_its_page(record, text)
        about = format_html_join(" · ", "{}", ((part,) for part in self._about(record)))
        return format_html("{}<small>{}</small>" if about else "{}", text, about)

    def _to_its_page(self, entry: Entry, text: str) -> SafeString:
        """A page of its own, not new rows for this table."""
        page = reverse("transaction-detail", args=[self.company.code, write_key(entry)])
        return format_html('<a href="{}" hx-boost="false">{}</a>', page, text)

    def _about(self, entry: Entry) -> Iterator[str | SafeString]:
        """A transfer's note, the reference by which the author knows it, and who did it."""
        if entry.kind == Kind.TRANSFER and entry.description:
            yield entry.description
        # A form's key says nothing to anybody.
        if leg_of(entry) not in self.transfers and "reference" not in self.shown:
            yield format_html('<span class="reference">{}</span>', entry.reference)
        if entry.by is not None and "by" not in self.shown:
            yield _("by %(name)s") % {"name": author(entry.by, self.access)}

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

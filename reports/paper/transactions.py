"""The transactions of a selection as a document: the oldest first, with the running balance."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, NamedTuple

from django.utils import formats, timezone
from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.models import Kind
from console.money import format_amount
from console.templatetags.console import local, local_exact
from reports.descriptions import is_form_key
from reports.filters import TransactionFilter
from reports.models import Statement
from reports.paper.document import Breakdown, Column, Document, Edge, Line, PaperError, Sum
from reports.paper.drawing import draw
from reports.paper.engine import Progress, write_document
from reports.paper.fitting import MM, SIDE, width_of
from reports.paper.selection import Selection, read_selection
from reports.paper.sheets import isolate
from reports.queries import Scope, snapshot
from reports.rows import Row, read_rows

# Some 3,500 pages, ten minutes.
MOST = 100_000
WIDTH, WHEN, WHO = 180.0, 27.0, 32.0
# As on the page: a claimed moment is worth a line only where it says something new.
SAME_MOMENT = timedelta(minutes=1)


def write_transactions(
    scope: Scope,
    filters: TransactionFilter,
    out: Path | BinaryIO,
    progress: Progress | None = None,
) -> int:
    """See ``reports.paper.write``."""
    with snapshot():
        return write_within(scope, filters, out, progress).pages


def write_within(
    scope: Scope,
    filters: TransactionFilter,
    out: Path | BinaryIO,
    progress: Progress | None = None,
) -> Written:
    """The same within the caller's ``snapshot``."""
    selection = read_selection(scope, filters)
    rows = selection.total.entries
    if rows > MOST:
        raise PaperError(
            _(
                "A PDF holds at most %(most)s transactions, and these are %(count)s. Choose a"
                " shorter period, or export them as CSV."
            )
            % {"most": f"{MOST:,}", "count": f"{rows:,}"}
        )
    report = Report(scope, filters, selection)
    entries = filters.qs.order_by("posted_at", "holder", "seq")
    lines = map(report.line, read_rows(scope, entries))
    return Written(write_document(report.document(), lines, out, progress=progress), rows)


class Written(NamedTuple):
    """How much a document holds."""

    pages: int
    rows: int


class Report:
    """How the selection is written: its words and its figures."""

    def __init__(self, scope: Scope, filters: TransactionFilter, selection: Selection) -> None:
        self.scope = scope
        self.company = scope.company
        self.filters = filters
        self.selection = selection
        self.names = {account.code: account.name for account in scope.accounts}
        self.names.setdefault(self.company.code, self.company.name)
        self.kinds: dict[str, str] = {kind.value: str(kind.label) for kind in Kind}
        self.point = get_format("DECIMAL_SEPARATOR")
        decimals = self.company.decimals
        self.amount_decimals = max(decimals, selection.amount_decimals)
        self.balance_decimals = max(decimals, selection.balance_decimals)

    def document(self) -> Document:
        """All but the lines."""
        selection, company = self.selection, self.company
        period, *others = self.filters.in_words
        title, first, last = _("Transactions"), None, None
        facts = [
            (_("Period"), period),
            (_("Filters"), "; ".join(isolate(each) for each in others)),
        ]
        if (statement := self.filters.whole_statement) is not None:
            title = _("Statement %(number)s") % {"number": statement.name}
            facts = self._facts_of(statement)
        if selection.opening is not None and selection.closing is not None:
            first = self._edge(_("Opening balance"), selection.opening)
            last = self._edge(_("Closing balance"), selection.closing)
        return Document(
            title=title,
            company=company.name,
            company_words=f"{company.code}, {company.country}",
            facts=[
                *facts,
                (_("Time zone"), company.time_zone),
                (_("Currency"), company.currency),
                (
                    _("Made"),
                    _("%(moment)s by %(name)s")
                    % {
                        "moment": local_exact(timezone.now(), company),
                        "name": isolate(str(self.scope.access.user)),
                    },
                ),
            ],
            sums=self._sums(),
            columns=self._columns(),
            heading=_("Transactions, oldest first"),
            nothing=_("There are no transactions in this selection."),
            breakdown=self._breakdown(),
            chart=draw(company, selection),
            first=first if self.filters.whole_statement is not None else None,
            last=last if self.filters.whole_statement is not None else None,
        )

    def _facts_of(self, statement: Statement) -> list[tuple[str, str]]:
        """What a statement is of, and when it was fixed."""
        days = {
            "first": formats.date_format(statement.first, "j M Y"),
            "last": formats.date_format(statement.last, "j M Y"),
        }
        return [
            (_("Account"), self.scope.names[statement.holder_id]),
            (_("Period"), _("%(first)s to %(last)s") % days),
            (_("Issued"), local_exact(statement.issued_at, self.company)),
        ]

    def _edge(self, label: str, balance: Decimal) -> Edge:
        """The line before or after all others."""
        return Edge(("", "", label, "", self._filled(balance, self.balance_decimals)))

    def line(self, row: Row) -> Line:
        """The cells of one transaction."""
        amount = self._filled(row.amount, self.amount_decimals, sign=True)
        cells: Line = (self._when(row), self._who(row), self._what(row), amount)
        if not self.selection.shows_balances:
            return cells
        if row.balance_after is None:
            return (*cells, "—")
        return (*cells, self._filled(row.balance_after, self.balance_decimals))

    def _when(self, row: Row) -> str | tuple[str, ...]:
        posted = local(row.posted_at, self.company)
        if row.occurred_at is None or abs(row.posted_at - row.occurred_at) <= SAME_MOMENT:
            return posted
        same_day = row.occurred_at.date() == row.posted_at.date()
        when = (
            formats.date_format(row.occurred_at, "H:i")
            if same_day
            else local(row.occurred_at, self.company)
        )
        return posted, _("happened %(when)s") % {"when": when}

    def _who(self, row: Row) -> str | tuple[str, ...]:
        if row.holder == row.account:
            return row.account_name
        holder = self.names.get(row.holder, self.company.name)
        return row.account_name, _("balance of %(holder)s") % {"holder": isolate(holder)}

    def _what(self, row: Row) -> tuple[str, ...]:
        about = [self.kinds[row.kind]]
        if row.note:
            about.append(row.note)
        if not is_form_key(row.origin, row.reference):
            about.append(row.reference)
        if row.by:
            about.append(_("by %(name)s") % {"name": row.by})
        return row.description, " · ".join(isolate(each) for each in about)

    def _filled(self, value: Decimal, decimals: int, *, sign: bool = False) -> str:
        """The figure, with spaces as wide as digits for the decimals that it has not."""
        text = format_amount(value, self.company.decimals, sign=sign)
        _whole, found, tail = text.partition(self.point)
        if missing := decimals - len(tail):
            text += "\N{FIGURE SPACE}" * missing
            if not found:
                text += "\N{PUNCTUATION SPACE}"
        return text

    def _sums(self) -> list[Sum]:
        selection, total = self.selection, self.selection.total
        count = ngettext("%(count)s transaction", "%(count)s transactions", total.entries) % {
            "count": f"{total.entries:,}"
        }
        sums = [
            Sum(_("Money in"), self._money(total.money_in)),
            Sum(_("Money out"), self._money(-total.money_out)),
            Sum(
                _("Net of %(count)s") % {"count": count},
                self._money(total.net),
                is_main=selection.opening is None,
            ),
        ]
        if selection.opening is not None and selection.closing is not None:
            sums.insert(0, Sum(_("Opening balance"), self._money(selection.opening)))
            sums.append(Sum(_("Closing balance"), self._money(selection.closing), is_main=True))
        return sums

    def _money(self, value: Decimal) -> str:
        return f"{self.company.currency} {format_amount(value, self.company.decimals)}"

    def _breakdown(self) -> Breakdown | None:
        by_kind = self.selection.by_kind
        if not by_kind:
            return None
        decimals = self.company.decimals
        return Breakdown(
            [_("Kind"), _("Transactions"), _("In"), _("Out"), _("Net")],
            [
                [
                    label,
                    f"{by_kind[kind].entries:,}",
                    format_amount(by_kind[kind].money_in, decimals, sign=True),
                    format_amount(-by_kind[kind].money_out, decimals),
                    format_amount(by_kind[kind].net, decimals, sign=True),
                ]
                for kind, label in self.kinds.items()
                if kind in by_kind
            ],
        )

    def _columns(self) -> list[Column]:
        """As wide as the longest figures want; the description has what is left."""
        currency = self.company.currency
        amount = _("%(figure)s, %(currency)s") % {"figure": _("Amount"), "currency": currency}
        least, most = self.selection.amounts
        figures = [
            Column(amount, self._room(amount, least, most, self.amount_decimals), is_figure=True)
        ]
        if self.selection.shows_balances:
            balance = _("%(figure)s, %(currency)s") % {
                "figure": _("Balance after"),
                "currency": currency,
            }
            lowest, highest = self.selection.balances
            room = self._room(balance, lowest, highest, self.balance_decimals)
            figures.append(Column(balance, room, is_figure=True))
        rest = WIDTH - WHEN - WHO - sum(column.width for column in figures)
        return [
            Column(_("Posted"), WHEN),
            Column(_("Account"), WHO),
            Column(_("Description"), rest),
            *figures,
        ]

    def _room(self, heading: str, least: Decimal, most: Decimal, decimals: int) -> float:
        texts = [self._filled(each, decimals, sign=True) for each in (least, most)]
        # The heading is smaller, and bold.
        return (max(map(width_of, [*texts, heading])) + 2 * SIDE + 3) / MM

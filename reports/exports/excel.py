"""XLSX: typed cells, local times, amounts as numbers, and the totals on a sheet of their own."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.utils.translation import gettext as _
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from billing.models import Contra, Kind
from console import money
from reports.exports.base import Progress, Unwritable, counted_rows
from reports.filters import TransactionFilter
from reports.queries import Scope
from reports.rows import Row

# A sheet has 1,048,576; one is the heading.
MOST_ROWS = 1_048_575
# Excel keeps so many figures of a number.
FIGURES = 15

WIDTHS = (18, 18, 14, 24, 14, 9, 12, 40, 10, 30, 22, 20, 16, 18, 40)


def check_rows(rows: int | None) -> None:
    """Raise Unwritable for more rows than a sheet has; None is an unknown number."""
    if rows is not None and rows > MOST_ROWS:
        raise Unwritable(
            _("An Excel sheet holds at most %(most)s rows: choose a shorter period, or CSV.")
            % {"most": money.format_amount(Decimal(MOST_ROWS), 0)}
        )


def write(scope: Scope, filters: TransactionFilter, out: BinaryIO, progress: Progress) -> int:
    """Write the workbook. Memory stays flat. Raises Unwritable past MOST_ROWS."""
    settings.EXPORTS_ROOT.mkdir(mode=0o700, parents=True, exist_ok=True)
    book = Workbook(
        out,
        {
            "constant_memory": True,
            "tmpdir": str(settings.EXPORTS_ROOT),
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    try:
        count, totals = _Rows(book, scope).write(filters, progress)
        _write_totals(book, scope, filters, totals, count)
    except BaseException:
        # Its parts are temporary files, which would stay.
        for sheet in book.worksheets():
            sheet.row_data_fh.close()
            Path(sheet.row_data_filename).unlink(missing_ok=True)
        raise
    book.close()
    return count


class _Cells:
    """How cells of a workbook look."""

    def __init__(self, book: Workbook, scope: Scope) -> None:
        self.decimals = scope.company.decimals
        self.book = book
        self.bold = book.add_format({"bold": True})
        self.heading = book.add_format(
            {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}
        )
        self.moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self.amounts = {
            decimals: book.add_format({"num_format": f"#,##0.{'0' * decimals}".rstrip(".")})
            for decimals in range(self.decimals, money.LEDGER_DECIMALS + 1)
        }

    def amount(self, sheet: Worksheet, row: int, column: int, value: Decimal) -> None:
        """A number with the decimals of the currency, or more where the amount has them.

        What Excel could not keep to the last figure is a text: books are exact.
        """
        text = money.plain_amount(value, self.decimals)
        if len(text.strip("-").replace(".", "").strip("0")) > FIGURES:
            sheet.write_string(row, column, text)
            return
        decimals = len(text.partition(".")[2])
        sheet.write_number(row, column, float(value), self.amounts[decimals])


class _Totals:
    """Sums of what was written, kept along the way: they cannot differ from the rows."""

    def __init__(self) -> None:
        self.by_kind: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
        self.entries: dict[str, int] = defaultdict(int)

    def add(self, row: Row) -> None:
        """Count one row."""
        self.by_kind[row.kind][row.amount < 0] += row.amount
        self.entries[row.kind] += 1


class _Rows:
    """The sheet of the rows."""

    def __init__(self, book: Workbook, scope: Scope) -> None:
        self.scope = scope
        self.cells = _Cells(book, scope)
        self.sheet = book.add_worksheet(_("Transactions")[:31])
        zone, currency = scope.company.time_zone, scope.company.currency
        self.headings = [
            _("Posted (%(zone)s)") % {"zone": zone},
            _("Happened (%(zone)s)") % {"zone": zone},
            _("Account"),
            _("Account name"),
            _("Balance of"),
            _("Number"),
            _("Kind"),
            _("Description"),
            _("Origin"),
            _("Reference"),
            _("By"),
            _("Contra account"),
            _("Amount, %(currency)s") % {"currency": currency},
            _("Balance after, %(currency)s") % {"currency": currency},
            _("Note"),
        ]
        self.kinds = {kind.value: str(kind.label) for kind in Kind}
        self.contras = {contra.value: str(contra.label) for contra in Contra}

    def write(self, filters: TransactionFilter, progress: Progress) -> tuple[int, _Totals]:
        sheet, totals, count = self.sheet, _Totals(), 0
        for column, width in enumerate(WIDTHS):
            sheet.set_column(column, column, width)
        sheet.freeze_panes(1, 0)
        for column, heading in enumerate(self.headings):
            sheet.write_string(0, column, heading, self.cells.heading)
        for count, row in enumerate(counted_rows(self.scope, filters, progress), start=1):
            check_rows(count)
            self._row(count, row)
            totals.add(row)
        sheet.autofilter(0, 0, count, len(self.headings) - 1)
        return count, totals

    def _row(self, at: int, row: Row) -> None:
        sheet = self.sheet
        self._moment(at, 0, row.posted_at)
        if row.occurred_at is not None:
            self._moment(at, 1, row.occurred_at)
        for column, text in (
            (2, row.account),
            (3, row.account_name),
            (4, row.holder),
            (6, self.kinds[row.kind]),
            (7, row.description),
            (8, row.origin),
            (9, row.reference),
            (10, row.by),
            (11, self.contras[row.contra]),
            (14, row.note),
        ):
            if text:
                sheet.write_string(at, column, text)
        if row.seq is not None:
            sheet.write_number(at, 5, row.seq)
        self.cells.amount(sheet, at, 12, row.amount)
        if row.balance_after is not None:
            self.cells.amount(sheet, at, 13, row.balance_after)

    def _moment(self, at: int, column: int, moment: datetime) -> None:
        """Local, as the heading says: Excel knows no zones. To the second, as CSV."""
        local = moment.replace(tzinfo=None, microsecond=0)
        self.sheet.write_datetime(at, column, local, self.cells.moment)


def _write_totals(
    book: Workbook, scope: Scope, filters: TransactionFilter, totals: _Totals, count: int
) -> None:
    """Whose books, what was selected, and in, out and net: for each kind and in all."""
    cells = _Cells(book, scope)
    sheet = book.add_worksheet(_("Totals")[:31])
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 4, 18)
    facts: list[tuple[str, Any]] = [
        (_("Company"), scope.company.name),
        (_("Selected"), " · ".join(filters.in_words)),
        (_("Currency"), scope.company.currency),
        (_("Time zone"), scope.company.time_zone),
    ]
    for at, (label, text) in enumerate(facts):
        sheet.write_string(at, 0, label, cells.bold)
        sheet.write_string(at, 1, text)
    at = len(facts) + 1
    for column, heading in enumerate((_("Kind"), _("Rows"), _("In"), _("Out"), _("Net"))):
        sheet.write_string(at, column, heading, cells.heading)
    lines = [
        (str(kind.label), totals.entries[kind], totals.by_kind[kind])
        for kind in Kind
        if kind in totals.entries
    ]
    into, out = (
        sum((sums[side] for _label, _entries, sums in lines), Decimal(0)) for side in (0, 1)
    )
    for label, entries, (money_in, money_out) in [*lines, (_("All"), count, [into, out])]:
        at += 1
        sheet.write_string(at, 0, label, cells.bold)
        sheet.write_number(at, 1, entries)
        for column, value in enumerate((money_in, money_out, money_in + money_out), start=2):
            cells.amount(sheet, at, column, value)

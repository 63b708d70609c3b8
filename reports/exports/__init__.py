"""The selected transactions as files: one module a format, all called alike.

Rows and totals of a file are read in one snapshot (``queries.snapshot``), so they agree with each
other though charges go on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.access import Access
from reports.exports import camt053, comma_separated, excel, journal, json_file, pdf
from reports.exports.base import Progress, Unwritable, Write
from reports.exports.selection import MOST_AT_ONCE, count_if_cheap
from reports.filters import TransactionFilter
from reports.queries import Scope

__all__ = ["FORMATS", "Format", "Progress", "Unwritable", "Write"]


def _takes_all(scope: Scope, filters: TransactionFilter) -> None:
    """Every selection can be written."""


def _any_number(rows: int | None) -> None:
    """There is room for every number of rows."""


def _for_all(access: Access) -> bool:
    """Everybody who sees an account."""
    return True


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file. ``is_for`` is whether it can write anything that the person sees. ``check``
    raises Unwritable for a selection that it cannot hold, and PermissionDenied for people it is
    not for; ``check_rows`` raises Unwritable for too many, None being an unknown number. At most
    ``most_at_once`` rows are made while one waits; ``count`` is how many there will be, of a
    selection that was checked, None being unknown.
    """

    label: str | Promise
    about: str | Promise
    extension: str
    content_type: str
    write: Write
    check: Callable[[Scope, TransactionFilter], None] = _takes_all
    most_at_once: int = MOST_AT_ONCE
    check_rows: Callable[[int | None], None] = _any_number
    report: str = "transactions"
    count: Callable[[Scope, TransactionFilter], int | None] = count_if_cheap
    is_for: Callable[[Access], bool] = _for_all


# A format is one entry here; its code stands in addresses and rows.
FORMATS = {
    "pdf": Format(
        "PDF",
        _("to print and keep"),
        "pdf",
        "application/pdf",
        pdf.write,
        check_rows=pdf.check_rows,
        most_at_once=pdf.MOST_AT_ONCE,
    ),
    "csv": Format(
        "CSV", _("for any program"), "csv", "text/csv; charset=utf-8", comma_separated.write
    ),
    "xlsx": Format(
        "Excel",
        _("with totals"),
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        excel.write,
        check_rows=excel.check_rows,
    ),
    "json": Format("JSON", _("for developers"), "json", "application/json", json_file.write),
    "camt053": Format(
        "camt.053",
        _("a bank statement, for accounting"),
        "xml",
        "application/xml",
        camt053.write,
        camt053.check,
        report="statement",
        count=camt053.count,
        is_for=camt053.is_for,
    ),
    "hledger": Format(
        "hledger",
        _("the whole company's journal"),
        "journal",
        "text/plain; charset=utf-8",
        journal.write_hledger,
        journal.check,
        report="journal",
        is_for=journal.is_for,
    ),
    "beancount": Format(
        "Beancount",
        _("the whole company's journal"),
        "beancount",
        "text/plain; charset=utf-8",
        journal.write_beancount,
        journal.check,
        report="journal",
        is_for=journal.is_for,
    ),
}

"""A statement's movements as CSV, the oldest first."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime

from console.money import plain_amount
from reports.exports.comma_separated import FORMULAS
from reports.models import Statement
from reports.queries import Scope
from reports.rows import CHUNK, Row, rows_of
from reports.statements import movements

COLUMNS = (
    "number",
    "posted_at",
    "occurred_at",
    "account",
    "account_name",
    "kind",
    "description",
    "origin",
    "reference",
    "by",
    "currency",
    "amount",
    "balance_after",
    "note",
)


class _Line:
    """What the csv module writes to: it gives back each line."""

    def write(self, line: str) -> str:
        return line


def lines(statement: Statement, scope: Scope) -> Iterator[str]:
    """The file, line by line; some thousands of entries are read at a time.

    What a statement holds never changes, so that no transaction is kept open while somebody reads
    slowly. The byte order mark lets spreadsheets know that it is UTF-8.
    """
    writer = csv.writer(_Line())
    yield "\N{ZERO WIDTH NO-BREAK SPACE}" + writer.writerow(COLUMNS)
    currency, decimals = scope.company.currency, scope.company.decimals
    found = movements(statement).select_related("by")
    for first in range(statement.first_seq, statement.last_seq + 1, CHUNK):
        for row in rows_of(scope, found.filter(seq__gte=first, seq__lt=first + CHUNK)):
            yield writer.writerow(_cells(row, currency, decimals))


def _cells(row: Row, currency: str, decimals: int) -> list[str]:
    balance = row.balance_after
    return [
        str(row.seq or ""),
        _moment(row.posted_at),
        _moment(row.occurred_at),
        *map(_text, (row.account, row.account_name, row.kind, row.description, row.origin)),
        *map(_text, (row.reference, row.by)),
        currency,
        plain_amount(row.amount, decimals),
        "" if balance is None else plain_amount(balance, decimals),
        _text(row.note),
    ]


def _moment(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _text(value: str) -> str:
    """A spreadsheet would take it for a formula, which somebody else wrote."""
    return f"'{value}" if value.startswith(tuple(FORMULAS)) else value

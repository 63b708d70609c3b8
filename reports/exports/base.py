"""What all formats share: how they are called, how they refuse, and in which order rows come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.models import Entry
from reports.filters import TransactionFilter
from reports.queries import Scope
from reports.rows import Row, read_rows

# Called with how many rows are done; may raise to end the export.
Progress = Callable[[int], None]
# Writes the filtered rows and returns how many. Called within ``queries.snapshot``; reads nothing
# outside of it. Raises Unwritable.
Write = Callable[[Scope, TransactionFilter, BinaryIO, Progress], int]

# Rows between two reports of progress.
STEP = 1_000


class Unwritable(Exception):
    """What cannot be written in this format; ``message`` is a sentence with the way out."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def oldest_first(entries: QuerySet[Entry]) -> QuerySet[Entry]:
    """In the order of the books, whatever the page sorts by: running balances can be followed."""
    return entries.order_by("posted_at", "holder_id", "seq")


def counted_rows(scope: Scope, filters: TransactionFilter, progress: Progress) -> Iterator[Row]:
    """The filtered rows, oldest first, telling ``progress`` now and then."""
    for done, row in enumerate(read_rows(scope, oldest_first(filters.qs)), start=1):
        yield row
        if done % STEP == 0:
            progress(done)


def period_of(filters: TransactionFilter) -> tuple[str, str]:
    """The first and last day as 2026-10-31, "" for no bound."""
    days = filters.form.cleaned_data
    first, last = days.get("date_from"), days.get("date_to")
    return (first.isoformat() if first else "", last.isoformat() if last else "")


def no_accounts_of_their_own() -> str:
    """The sentence for those who see no balance."""
    return _(
        "Accounts that draw on the shared balance have no balance of their own, so there is no"
        " statement of them. Export CSV or Excel instead."
    )

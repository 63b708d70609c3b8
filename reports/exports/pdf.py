"""PDF: the document of ``reports.paper``, as an export."""

from __future__ import annotations

from typing import BinaryIO

from django.utils.translation import gettext as _

from reports.exports.base import Progress, Unwritable
from reports.filters import TransactionFilter
from reports.paper import PaperError
from reports.queries import Scope

# It takes a second or two; more are made in the background.
MOST_AT_ONCE = 300
MOST = 100_000


def write(scope: Scope, filters: TransactionFilter, out: BinaryIO, progress: Progress) -> int:
    """Write the document. Raises Unwritable for what no document holds."""
    # A second to import, and libraries of the system: only who wants a document needs them.
    from reports.paper.transactions import write_within  # noqa: PLC0415

    try:
        return write_within(scope, filters, out, progress).rows
    except PaperError as error:
        raise Unwritable(str(error)) from error


def check_rows(rows: int | None) -> None:
    """Raises Unwritable for more than a document holds."""
    if rows is not None and rows > MOST:
        raise Unwritable(
            _(
                "A PDF holds at most %(most)s transactions, and these are %(count)s. Choose a"
                " shorter period, or export them as CSV."
            )
            % {"most": f"{MOST:,}", "count": f"{rows:,}"}
        )

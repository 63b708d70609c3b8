"""Reports as PDF: documents that one would hand to an auditor.

``write`` makes the report of a selection of transactions; ``engine.write_document`` sets any
other ``Document``. This module is light: the processes that set pieces begin with it, without
Django's models, and pages may import it for PaperError.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from reports.paper.document import (
    Breakdown,
    Chart,
    Column,
    Document,
    Edge,
    Line,
    PaperError,
    Sum,
)

if TYPE_CHECKING:
    from reports.filters import TransactionFilter
    from reports.queries import Scope

__all__ = [
    "Breakdown",
    "Chart",
    "Column",
    "Document",
    "Edge",
    "Line",
    "PaperError",
    "Sum",
    "write",
]


def write(
    scope: Scope,
    filters: TransactionFilter,
    out: Path | BinaryIO,
    progress: Callable[[int], object] | None = None,
) -> int:
    """Write what ``filters`` (valid ones) select to ``out`` as one PDF; how many pages it has.

    All of it is read in one snapshot, in a transaction of its own, so not within another one.
    ``progress`` is told now and then how many transactions are set; what it raises ends the work.
    Raises PaperError, a sentence for the reader, where there are too many transactions or the
    work was stopped; then nothing was written. A second call asks the books anew.
    """
    # A second to import, and libraries of the system: only who wants a document needs them.
    from reports.paper.transactions import write_transactions  # noqa: PLC0415

    return write_transactions(scope, filters, out, progress)

"""The books as a journal that independent programs read and check: hledger and beancount.

Each entry becomes one transaction of its own between the holder's credit, a liability of the
platform, and the contra account of its kind. Entry by entry, not posting by posting: every entry
is balanced by itself, the holder's balance is asserted after each, one at a time needs no memory,
and the legs of one posting may bear two moments, even two days (``posted_at`` never runs
backwards for a holder). What belongs together carries one origin and reference; the contra account
of transfers is asserted to come out at zero.

The journal is a function of the books and the period alone: written twice, it is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date

from accounts.models import Account
from reports.journal import beancount, hledger
from reports.journal.books import Books, ForeignAccount, Line, read_books, read_lines
from reports.queries import snapshot

__all__ = ["FORMATS", "ForeignAccount", "export", "write_within"]

FORMATS: dict[str, Callable[[Books, Iterable[Line]], Iterator[str]]] = {
    "beancount": beancount.journal,
    "hledger": hledger.journal,
}


def export(
    *,
    company: Account,
    first: date | None = None,
    last: date | None = None,
    format: str,
    write: Callable[[str], object],
) -> int:
    """Write the journal of the company (a master account), whole lines at a time.

    From the day ``first`` to the day ``last``, both included, in the company's time zone; None is
    no bound. ``format`` is one of FORMATS. Returns how many entries there were.

    Reads one snapshot, locks nothing and needs the memory of some thousand entries. Opens a
    transaction of its own, so it cannot be called within one; what ``write`` raises ends it.
    Raises ForeignAccount where the books themselves are broken.
    """
    with snapshot():
        return write_within(company=company, first=first, last=last, format=format, write=write)


def write_within(
    *,
    company: Account,
    first: date | None,
    last: date | None,
    format: str,
    write: Callable[[str], object],
    progress: Callable[[int], object] = int,
) -> int:
    """The same as ``export`` in the snapshot that the caller has opened.

    ``progress`` is called after each entry with how many there are so far.
    """
    count = 0

    def counted(lines: Iterable[Line]) -> Iterator[Line]:
        nonlocal count
        for line in lines:
            count += 1
            yield line
            progress(count)

    books = read_books(company, first, last)
    for text in FORMATS[format](books, counted(read_lines(books))):
        write(text)
    return count

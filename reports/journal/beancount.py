"""The journal for beancount: ``bean-check FILE``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from reports.journal.books import DAY, Books, Line
from reports.journal.text import escape


def journal(books: Books, lines: Iterable[Line]) -> Iterator[str]:
    """The journal in pieces of whole directives.

    A balance holds at the beginning of a day: each holder's is asserted after every day on which
    it moved, and all accounts' at the end; with no tolerance.
    """
    company = books.company
    currency = company.currency
    title = f"{company.name} ({company.code}), days in {company.time_zone}"
    yield f'option "title" {_string(title)}\noption "operating_currency" "{currency}"\n\n'
    yield from (f"{books.opened} open {name} {currency}\n" for name in books.accounts)
    yield from _opening(books)
    moved: dict[str, Decimal] = {}
    today = books.opened
    for line in lines:
        if line.day != today:
            yield from _balances(today, moved, currency)
            moved.clear()
            today = line.day
        moved[line.account] = -line.balance_after
        yield _transaction(line, currency)
    # What the last entries say, and what the balances say.
    yield from _balances(today, moved, currency)
    yield from _balances(books.ended, books.closing, currency)


def _opening(books: Books) -> Iterator[str]:
    if not books.opening:
        return
    postings = "".join(
        f"  {name}  {amount:.6f} {books.currency}\n" for name, amount in books.opening.items()
    )
    yield f'\n{books.opened} * "opening balances" ""\n{postings}'
    yield from _balances(books.opened, books.opening, books.currency)


def _transaction(line: Line, currency: str) -> str:
    facts = f"  seq: {line.seq}\n  origin: {_string(line.origin)}\n"
    facts += f"  reference: {_string(line.reference)}\n"
    facts += f'  posted: "{line.posted_at.isoformat()}"\n'
    if line.occurred_at is not None:
        facts += f'  occurred: "{line.occurred_at.isoformat()}"\n'
    if line.attributed:
        facts += f'  attributed: "{line.attributed}"\n'
    if line.by is not None:
        facts += f"  by: {line.by}\n"
    if line.hold is not None:
        facts += f'  hold: "{line.hold}"\n'
    return (
        f'\n{line.day} * "{line.kind}" {_string(line.description)}\n{facts}'
        f"  {line.account}  {-line.amount} {currency}\n"
        f"  {line.contra}  {line.amount} {currency}\n"
    )


def _balances(day: date, balances: dict[str, Decimal], currency: str) -> Iterator[str]:
    """The balances at the end of the day, which is the beginning of the next."""
    if balances:
        yield "\n"
    for name, amount in balances.items():
        yield f"{day + DAY} balance {name}  {amount:.6f} ~ 0 {currency}\n"


def _string(text: str) -> str:
    """A string literal, on one line and without what a terminal or a reader might obey."""
    plain = escape(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'

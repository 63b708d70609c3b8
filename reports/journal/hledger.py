"""The journal for hledger: ``hledger -f FILE check --strict ordereddates payees``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal

from billing.models import Kind
from reports.journal.books import Books, Line
from reports.journal.text import escape

TYPES = {"Assets": "A", "Liabilities": "L", "Equity": "E", "Income": "R", "Expenses": "X"}
OPENING, CLOSING = "opening balances", "closing balances"


def journal(books: Books, lines: Iterable[Line]) -> Iterator[str]:
    """The journal in pieces of whole transactions; the balance is asserted after each entry."""
    yield from _declarations(books)
    if books.opening:
        yield _asserted(books, books.opened, OPENING, books.opening, books.opening)
    currency = books.currency
    for line in lines:
        yield _transaction(line, currency)
    zero = dict.fromkeys(books.closing, Decimal(0))
    yield _asserted(books, books.ended, CLOSING, zero, books.closing)


def _declarations(books: Books) -> Iterator[str]:
    company = books.company
    yield f"; {escape(company.name)} ({company.code}), days in {company.time_zone}\n"
    yield f"; from {books.first or 'the beginning'} to {books.last or 'the end'}\n"
    # Six decimals, so that hledger balances transactions to the last of them.
    yield f"\ndecimal-mark .\ncommodity 1000.000000 {company.currency}\n\n"
    yield from (f"account {name}  ; type:{letter}\n" for name, letter in TYPES.items())
    yield from (f"account {name}\n" for name in books.accounts)
    yield "\n"
    yield from (f"payee {payee}\n" for payee in [OPENING, *Kind.values, CLOSING])


def _transaction(line: Line, currency: str) -> str:
    # With a status, a code and a payee before it, the description is nothing but itself.
    head = f"\n{line.day} * ({line.holder}/{line.seq}) {line.kind}"
    if line.description:
        head += f" | {escape(line.description, but=';')}"
    tags = f"seq:{line.seq}, origin:{line.origin}, posted:{line.posted_at.isoformat()}"
    if line.occurred_at is not None:
        tags += f", occurred:{line.occurred_at.isoformat()}"
    if line.attributed:
        tags += f", attributed:{line.attributed}"
    if line.by is not None:
        tags += f", by:{line.by}"
    if line.hold is not None:
        tags += f", hold:{line.hold}"
    return (
        f"{head}\n    ; {tags}\n    ; reference:{escape(line.reference, but=',')}\n"
        f"    {line.account}  {-line.amount} {currency} == {-line.balance_after} {currency}\n"
        f"    {line.contra}  {line.amount} {currency}\n"
    )


def _asserted(
    books: Books, day: date, payee: str, moved: Mapping[str, Decimal], after: Mapping[str, Decimal]
) -> str:
    """A transaction of many postings, each with the balance that it leads to."""
    currency = books.currency
    postings = (
        f"    {name}  {moved[name]:.6f} {currency} == {after[name]:.6f} {currency}\n"
        for name in books.accounts
        if name in moved
    )
    return f"\n{day} * {payee}\n{''.join(postings)}"

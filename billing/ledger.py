"""The only writer of entries and balances: ``post()``.

A posting is a set of signed entries for one master account, written all or nothing. The caller (a
verb: ``transfers.make``, ``charges.charge``...) opens the transaction with ``transact()``; here

1. the holders' balance rows are locked, lowest account first, so that opposite transfers cannot
   deadlock;
2. modes, states, references and the clock are read again, under the lock and in a statement of
   their own: one that locks and reads would see what was there before it waited;
3. each posting is decided, one after the other, against the balances as they then stand;
4. the entries are written in bulk and the balances updated.

See ``docs/ledger.md`` for the rules with worked examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum
from typing import NamedTuple, TypeVar

import psycopg
from django.db import OperationalError, transaction

from accounts.models import State
from billing import ledger_sql
from billing.ledger_sql import AccountRow, EntryRow, Purse
from billing.models import DECIMAL_PLACES, MAX_DIGITS, Entry, Kind
from billing.refusals import (
    AccountClosed,
    AccountSuspended,
    BalanceTooLarge,
    InsufficientBalance,
    ReferenceConflict,
    Refused,
    SharedBalance,
)

T = TypeVar("T")

# An amount that does not fit numeric(20, 6) exactly raises instead of being rounded.
_EXACT = Context(prec=MAX_DIGITS, traps=[Inexact, InvalidOperation])
_MICRO = Decimal(1).scaleb(-DECIMAL_PLACES)
_TOO_LARGE = Decimal(10) ** (MAX_DIGITS - DECIMAL_PLACES)


class StartAgain(Exception):
    """A holder changed, or a reference was taken, between looking and locking: begin anew."""


class Leg(NamedTuple):
    """One movement of a posting: ``amount`` is signed, ``account`` the id it is attributed to."""

    account: int
    amount: Decimal


class Posting(NamedTuple):
    """What is to be written: one leg, or several that stand or fall together.

    ``reference`` is the caller's idempotency key. ``enforce_limit=False`` records what has already
    happened, past the limit and whatever the state. ``moment`` is for demo, import of history and
    tests only: the time of posting instead of the clock, never before the holder's last.
    """

    kind: Kind
    reference: str
    legs: tuple[Leg, ...]
    description: str = ""
    occurred_at: datetime | None = None
    enforce_limit: bool = True
    moment: datetime | None = None


class Status(StrEnum):
    """What became of a posting."""

    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    REFUSED = "refused"
    CONFLICT = "conflict"


class Outcome(NamedTuple):
    """What became of one posting: its rows when accepted or replayed, else why it was refused."""

    status: Status
    rows: Sequence[EntryRow] = ()
    refusal: Refused | None = None

    @property
    def entries(self) -> list[Entry]:
        """The rows as model instances; no query."""
        return [Entry(**row._asdict()) for row in self.rows]

    def raise_refusal(self) -> None:
        """Raise the refusal (or conflict) if there is one."""
        if self.refusal is not None:
            raise self.refusal


def transact(work: Callable[[], T]) -> T:
    """Run ``work`` in a durable transaction of its own, and once again if it must start again.

    The verbs' way to call ``post()``. Raises StartAgain when the second attempt meets a change,
    too, which takes two changes of the same account within milliseconds, and when somebody holds a
    balance for longer than the connection's ``lock_timeout``. Then nothing was written.
    """
    try:
        try:
            with transaction.atomic(durable=True):
                return work()
        except StartAgain:
            with transaction.atomic(durable=True):
                return work()
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise StartAgain from error
        raise


def post(
    *, master: int, postings: Sequence[Posting], origin: str, by: int | None = None
) -> list[Outcome]:
    """Decide and write ``postings`` of one master account; one outcome each, in their order.

    Must run within ``transact()``. They are decided one after the other: 60, 70, 30 against 100
    gives yes, no, yes. A refused posting leaves no trace. A reference that was used before, in the
    books or earlier in this batch, is replayed when its content (kind, accounts, amounts) is the
    same, even if the holder is another today, and a conflict otherwise: calling twice posts once.

    Amounts are in the company's currency with at most six decimals. ``by`` is the id of the person
    who asked. Raises StartAgain (see ``transact``), LookupError for an account that is not of this
    company, ValueError for an amount that does not fit the ledger or a ``moment`` out of order.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("post() runs in its caller's transaction")
    if not postings:
        return []
    accounts = {leg.account for posting in postings for leg in posting.legs}
    references = {posting.reference for posting in postings}
    for posting in postings:
        _check_amounts(posting)

    purses = ledger_sql.lock(master, accounts)
    books = ledger_sql.read(master, accounts, origin, references)
    missing = accounts - books.accounts.keys()
    if missing:
        raise LookupError(f"accounts {sorted(missing)} are not of master account {master}")
    if any(books.accounts[account].holder not in purses for account in accounts):
        raise StartAgain

    clerk = _Clerk(master, origin, by, purses, books)
    # Decided while it is written: PostgreSQL enters the first rows meanwhile.
    rows = clerk.decide(postings)
    try:
        if len(postings) < ledger_sql.BULK:
            ledger_sql.write(master, list(rows), clerk.moved)
        else:
            ledger_sql.write_in_bulk(master, rows, clerk.moved)
    except ledger_sql.ReferenceTaken as error:
        raise StartAgain from error
    return clerk.outcomes


def _check_amounts(posting: Posting) -> None:
    """Refuse what numeric(20, 6) would round or not hold: the verbs have explained it before."""
    if not posting.legs:
        raise ValueError("a posting has at least one leg")
    for leg in posting.legs:
        try:
            exact = _EXACT.quantize(leg.amount, _MICRO).is_finite()
        except (Inexact, InvalidOperation):
            exact = False
        if not exact:
            raise ValueError(f"{leg.amount} does not fit the ledger")
        if not leg.amount:
            raise ValueError("an amount of zero is no movement")


class _Clerk:
    """Decides postings one after the other against the locked balances, and says what to write."""

    def __init__(
        self,
        master: int,
        origin: str,
        by: int | None,
        purses: dict[int, Purse],
        books: ledger_sql.Books,
    ) -> None:
        self.master = master
        self.origin = origin
        self.by = by
        self.accounts = books.accounts
        self.booked = books.booked
        self.clock = books.clock
        self.company = books.accounts[master]
        # Found once an account, not once a posting: whose balance it moves, and why it may not
        # spend whatever that is.
        self.purses = {
            account.id: purses[account.holder]
            for account in books.accounts.values()
            if account.holder in purses
        }
        self.bars = {
            account.id: bar
            for account in books.accounts.values()
            if (bar := _bar(account) or _bar(self.company)) is not None
        }
        self.moved: dict[int, Purse] = {}
        self.outcomes: list[Outcome] = []

    def decide(self, postings: Iterable[Posting]) -> Iterator[EntryRow]:
        """Accept, replay or refuse each posting; the rows to write as they come.

        ``outcomes``, and in ``moved`` the holders whose balance changed, grow meanwhile.
        """
        for posting in postings:
            booked = self.booked.get(posting.reference)
            if booked is not None:
                self.outcomes.append(_repeated(posting, booked))
                continue
            refusal = self._refusal(posting)
            if refusal is not None:
                self.outcomes.append(Outcome(Status.REFUSED, refusal=refusal))
                continue
            rows = self._enter(posting)
            self.booked[posting.reference] = rows
            self.outcomes.append(Outcome(Status.ACCEPTED, rows))
            yield from rows

    def _refusal(self, posting: Posting) -> Refused | None:
        """Why the posting cannot be made, or None. Only what reduces a balance is guarded."""
        moved: dict[int, Decimal] = {}
        for account, amount in posting.legs:
            purse = self.purses[account]
            holder = purse.holder
            if holder != account and posting.kind == Kind.TRANSFER:
                return _has_no_balance(self.accounts[account])
            credit = moved.get(holder, purse.credit) + amount
            if abs(credit) >= _TOO_LARGE:
                return BalanceTooLarge(account=account, name=self.accounts[account].name)
            moved[holder] = credit
            if amount < 0 and posting.enforce_limit:
                if account in self.bars:
                    return self.bars[account]
                if credit < purse.floor:
                    return InsufficientBalance(
                        account=holder,
                        name=self.accounts[holder].name,
                        available=credit - amount - purse.floor,
                        asked=-amount,
                        currency=self.company.currency,
                    )
        return None

    def _enter(self, posting: Posting) -> list[EntryRow]:
        """Move the holders' balances and make the entries that say so."""
        rows = []
        for number, (account, amount) in enumerate(posting.legs):
            purse = self.purses[account]
            self.moved[purse.holder] = purse
            purse.seq += 1
            purse.credit += amount
            purse.posted_at = self._moment(posting, purse)
            row = EntryRow(
                self.master,
                purse.holder,
                purse.seq,
                account,
                self.by,
                purse.posted_at,
                posting.occurred_at,
                number,
                posting.kind._value_,  # the same as .value, which is slow
                self.origin,
                posting.reference,
                posting.description,
                amount,
                purse.credit,
            )
            rows.append(row)
        return rows

    def _moment(self, posting: Posting, purse: Purse) -> datetime:
        """The later of the clock under the lock and the holder's last: time never runs back."""
        last = purse.posted_at
        if posting.moment is None:
            return self.clock if last is None or last < self.clock else last
        if last is not None and posting.moment < last:
            raise ValueError(f"{posting.moment} is before the holder's last entry, {last}")
        if posting.moment > self.clock:
            raise ValueError(f"{posting.moment} has not come yet")
        return posting.moment


def _repeated(posting: Posting, booked: Sequence[EntryRow]) -> Outcome:
    """What becomes of a posting whose reference is in the books: ``booked`` are its rows."""
    if _same_content(posting, booked):
        return Outcome(Status.REPLAYED, booked)
    account = posting.legs[0].account
    return Outcome(
        Status.CONFLICT, refusal=ReferenceConflict(account=account, reference=posting.reference)
    )


def _same_content(posting: Posting, booked: Sequence[EntryRow]) -> bool:
    """Whether the booked rows, by leg, are what this posting would write."""
    return len(booked) == len(posting.legs) and all(
        row.kind == posting.kind and row.account_id == leg.account and row.amount == leg.amount
        for row, leg in zip(booked, posting.legs, strict=True)
    )


def _bar(account: AccountRow) -> Refused | None:
    """Why the account may not spend whatever its balance. Closed or suspended by hand."""
    if account.state == State.CLOSED:
        return AccountClosed(account=account.id, name=account.name)
    if account.state == State.SUSPENDED:
        return AccountSuspended(account=account.id, name=account.name)
    return None


def _has_no_balance(account: AccountRow) -> Refused:
    """Why credit cannot be moved from or to an account that another one holds."""
    if account.state == State.CLOSED:
        return AccountClosed(account=account.id, name=account.name)
    return SharedBalance(account=account.id, name=account.name)

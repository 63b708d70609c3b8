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

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum
from typing import NamedTuple, TypeVar

from django.db import transaction

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
    too, which takes two changes of the same account within milliseconds.
    """
    try:
        with transaction.atomic(durable=True):
            return work()
    except StartAgain:
        with transaction.atomic(durable=True):
            return work()


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
    outcomes = [clerk.decide(posting) for posting in postings]
    try:
        ledger_sql.write(master, clerk.rows, clerk.moved)
    except ledger_sql.ReferenceTaken as error:
        raise StartAgain from error
    return outcomes


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
    """Decides postings one after the other against the locked balances, and keeps what to write."""

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
        self.purses = purses
        self.accounts = books.accounts
        self.booked = books.booked
        self.clock = books.clock
        self.company = books.accounts[master]
        self.rows: list[EntryRow] = []

    @property
    def moved(self) -> Iterable[Purse]:
        """The balances that changed."""
        holders = {row.holder_id for row in self.rows}
        return [self.purses[holder] for holder in holders]

    def decide(self, posting: Posting) -> Outcome:
        """Accept, replay or refuse one posting."""
        booked = self.booked.get(posting.reference)
        if booked is not None:
            if _same_content(posting, booked):
                return Outcome(Status.REPLAYED, booked)
            conflict = ReferenceConflict(
                account=posting.legs[0].account, reference=posting.reference
            )
            return Outcome(Status.CONFLICT, refusal=conflict)
        refusal = self._refusal(posting)
        if refusal is not None:
            return Outcome(Status.REFUSED, refusal=refusal)
        rows = [self._enter(posting, leg, number) for number, leg in enumerate(posting.legs)]
        self.rows += rows
        self.booked[posting.reference] = rows
        return Outcome(Status.ACCEPTED, rows)

    def _refusal(self, posting: Posting) -> Refused | None:
        """Why the posting cannot be made, or None. Only what reduces a balance is guarded."""
        moved: dict[int, Decimal] = {}
        for leg in posting.legs:
            account = self.accounts[leg.account]
            if posting.kind == Kind.TRANSFER and account.holder != account.id:
                return _has_no_balance(account)
            credit = moved.get(account.holder, self.purses[account.holder].credit) + leg.amount
            if abs(credit) >= _TOO_LARGE:
                return BalanceTooLarge(account=account.id, name=account.name)
            moved[account.holder] = credit
            if leg.amount < 0 and posting.enforce_limit:
                refusal = self._spending_refusal(account, leg, credit)
                if refusal is not None:
                    return refusal
        return None

    def _spending_refusal(
        self, account: AccountRow, leg: Leg, credit_after: Decimal
    ) -> Refused | None:
        """Why the account may not spend this, or None."""
        # A suspended or closed company closes the tap of its whole tree.
        for asked in (account, self.company):
            if asked.state == State.CLOSED:
                return AccountClosed(account=asked.id, name=asked.name)
            if asked.state == State.SUSPENDED:
                return AccountSuspended(account=asked.id, name=asked.name)
        purse = self.purses[account.holder]
        if credit_after >= purse.floor:
            return None
        return InsufficientBalance(
            account=account.holder,
            name=self.accounts[account.holder].name,
            available=credit_after - leg.amount - purse.floor,
            asked=-leg.amount,
            currency=self.company.currency,
        )

    def _enter(self, posting: Posting, leg: Leg, number: int) -> EntryRow:
        """Move the holder's balance and make the entry that says so."""
        purse = self.purses[self.accounts[leg.account].holder]
        purse.seq += 1
        purse.credit += leg.amount
        purse.posted_at = self._moment(posting, purse)
        return EntryRow(
            self.master,
            purse.holder,
            purse.seq,
            leg.account,
            self.by,
            purse.posted_at,
            posting.occurred_at,
            number,
            posting.kind.value,
            self.origin,
            posting.reference,
            posting.description,
            leg.amount,
            purse.credit,
        )

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


def _same_content(posting: Posting, booked: Sequence[EntryRow]) -> bool:
    """Whether the booked rows, by leg, are what this posting would write."""
    return len(booked) == len(posting.legs) and all(
        row.kind == posting.kind and row.account_id == leg.account and row.amount == leg.amount
        for row, leg in zip(booked, posting.legs, strict=True)
    )


def _has_no_balance(account: AccountRow) -> Refused:
    """Why credit cannot be moved from or to an account that another one holds."""
    if account.state == State.CLOSED:
        return AccountClosed(account=account.id, name=account.name)
    return SharedBalance(account=account.id, name=account.name)

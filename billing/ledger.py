"""The only writer of entries, balances and holds: ``post()``, ``place_hold()``...

A posting is a set of signed entries for one master account, written all or nothing. The caller (a
verb: ``transfers.make``, ``charges.charge``...) opens the transaction with ``transact()``; here

1. the holders' balance rows are locked, lowest account first, so that opposite transfers cannot
   deadlock;
2. modes, states, references and the clock are read again, under the lock and in a statement of
   their own: one that locks and reads would see what was there before it waited;
3. each posting is decided, one after the other, against the balances as they then stand
   (``billing.clerk``);
4. the entries are written in bulk and the balances updated;
5. who has asked to be told of a low balance, or must be of a used cap, is (``billing.telling``).

See ``docs/ledger.md`` for the rules with worked examples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence, Set
from datetime import timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import TypeVar
from uuid import UUID

import psycopg
from django.db import OperationalError, transaction

from billing import caps_sql, holds_sql, ledger_sql, telling
from billing.clerk import Clerk
from billing.models import DECIMAL_PLACES, MAX_DIGITS, Hold, HoldState, Origin
from billing.postings import Capture, Leg, Locked, Outcome, Posting, StartAgain, Status
from billing.refusals import Refused
from console import metrics

__all__ = [
    "Capture",
    "Leg",
    "Outcome",
    "Posting",
    "StartAgain",
    "Status",
    "expire_holds",
    "fits",
    "place_hold",
    "post",
    "release_hold",
    "transact",
]

T = TypeVar("T")

SWEPT_AT_ONCE = 1_000

# An amount that does not fit numeric(20, 6) exactly raises instead of being rounded.
_EXACT = Context(prec=MAX_DIGITS, traps=[Inexact, InvalidOperation])
_WRITTEN = (Status.ACCEPTED.value, Status.REPLAYED.value)
_MICRO = Decimal(1).scaleb(-DECIMAL_PLACES)


def transact(work: Callable[[], T]) -> T:
    """Run ``work`` in a durable transaction of its own, and once again if it must start again.

    The verbs' way to call ``post()``. Raises StartAgain when the second attempt meets a change,
    too, which takes two changes of the same account within milliseconds, and when somebody holds a
    balance for longer than the connection's ``lock_timeout``. Then nothing was written.
    """
    try:
        return _attempt(work)
    except Locked:
        raise  # It has waited for long enough.
    except StartAgain:
        return _attempt(work)


def _attempt(work: Callable[[], T]) -> T:
    try:
        with transaction.atomic(durable=True):
            return work()
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise Locked from error
        # Two batches that write the same references in another order.
        if isinstance(error.__cause__, psycopg.errors.DeadlockDetected):
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
    if not postings:
        return []
    for posting in postings:
        _check_amounts(posting)
    references = {posting.reference for posting in postings}
    accounts = {
        leg.account for posting in postings if posting.capture is None for leg in posting.legs
    }
    captures = {posting.capture for posting in postings if posting.capture is not None}

    clerk = _engage(
        master=master,
        accounts=accounts,
        holders={capture.holder for capture in captures},
        origin=origin,
        references=references,
        by=by,
    )
    strained = clerk.strained(
        leg for posting in postings if posting.capture is None for leg in posting.legs
    )
    if strained:
        clerk.free(holds_sql.expire_holds(master, strained, clerk.clock))
    if captures:
        ids = {capture.hold for capture in captures}
        clerk.holds = holds_sql.read_holds(master, ids)
        if not ids <= clerk.holds.keys():
            raise LookupError(f"holds {ids - clerk.holds.keys()} are not of master {master}")
    capped = clerk.capped(accounts)
    if capped:
        months = clerk.months(postings)
        clerk.budgets = caps_sql.read_budgets(master, capped, clerk.clock, months)
    used = telling.used(clerk)

    few = len(postings) < ledger_sql.BULK
    order = range(len(postings)) if few else clerk.order(postings, references)
    # Decided while it is written: PostgreSQL enters the first rows meanwhile.
    rows = clerk.decide(postings[at] for at in order)
    try:
        if few:
            ledger_sql.write(master, list(rows), clerk.moved, clerk.totals)
        else:
            ledger_sql.write_in_bulk(master, rows, clerk.moved, clerk.totals)
    except ledger_sql.ReferenceTaken as error:
        raise StartAgain from error
    holds_sql.write_holds(master, clerk.changed.values())
    telling.tell(clerk, used)
    _count(clerk.outcomes)
    outcomes = dict(zip(order, clerk.outcomes, strict=True))
    return [outcomes[at] for at in range(len(postings))]


def _count(outcomes: Sequence[Outcome]) -> None:
    """For /metrics: what is written when it stands; a refusal at once, for its verb undoes all."""
    counts = Counter(outcome.status.value for outcome in outcomes)
    for_good = Counter({name: counts.pop(name) for name in _WRITTEN if name in counts})
    metrics.count_postings(counts)
    if for_good:
        transaction.on_commit(lambda: metrics.count_postings(for_good))


def place_hold(*, hold: Hold, expires_in: timedelta) -> Hold | Refused:
    """Reserve the hold's amount with its account's holder of today, and write its row.

    Must run within ``transact()``. Returns ``hold`` with its holder and times, or the one that
    carries its reference already, or why it is refused. Raises StartAgain, also when its reference
    was just taken, and what ``post`` raises.
    """
    master, account = hold.master_id, hold.account_id
    _check_amount(hold.amount)
    clerk = _engage(master=master, accounts={account})
    # Under the lock: the same request a moment ago may have left nothing to reserve.
    there = holds_sql.find_hold(master, hold.origin, hold.reference)
    if there is not None:
        return there
    strained = clerk.strained([Leg(account, -hold.amount)])
    if strained:
        clerk.free(holds_sql.expire_holds(master, strained, clerk.clock))
    # A refund's is no usage to come.
    capped = set() if hold.origin == Origin.PAYMENT else clerk.capped({account})
    clerk.budgets = caps_sql.read_budgets(master, capped, clerk.clock, clerk.months(()))
    used = telling.used(clerk)
    refusal = clerk.place(hold)
    if refusal is None:
        hold.placed_at = clerk.clock
        hold.expires_at = clerk.clock + expires_in
        try:
            holds_sql.insert_hold(hold)
        except ledger_sql.ReferenceTaken as error:
            raise StartAgain from error
    ledger_sql.write(master, (), clerk.moved)
    telling.tell(clerk, used)
    return refusal or hold


def release_hold(*, master: int, holder: int, hold: UUID) -> None:
    """Give back what remains of an open hold of ``holder``. Must run within ``transact()``.

    One past its time ends as expired. A second call changes nothing. Raises KeyError for a hold
    that is not of this company.
    """
    clerk = _engage(master=master, holders={holder})
    found = holds_sql.read_holds(master, {hold})[hold]
    if found.is_open:
        late = found.expires_at <= clerk.clock
        clerk.end(found, HoldState.EXPIRED if late else HoldState.RELEASED)
        ledger_sql.write(master, (), clerk.moved)
        holds_sql.write_holds(master, clerk.changed.values())
        telling.tell(clerk)


def expire_holds(*, master: int, holder: int) -> int:
    """End the holds of ``holder`` that are past their time. Must run within ``transact()``.

    At most SWEPT_AT_ONCE of them in one call. Returns how many: call it until there are none.
    """
    clerk = _engage(master=master, holders={holder})
    expired = holds_sql.expire_holds(master, {holder}, clerk.clock, SWEPT_AT_ONCE)
    clerk.free(expired)
    ledger_sql.write(master, (), clerk.moved)
    telling.tell(clerk)
    return sum(each.number for each in expired)


def fits(amount: Decimal) -> bool:
    """Whether numeric(20, 6) holds the amount exactly."""
    try:
        return _EXACT.quantize(amount, _MICRO).is_finite()
    except (Inexact, InvalidOperation):
        return False


def _engage(
    *,
    master: int,
    accounts: Set[int] = frozenset(),
    holders: Set[int] = frozenset(),
    origin: str = "",
    references: Collection[str] = (),
    by: int | None = None,
) -> Clerk:
    """Lock the balances of the accounts' holders, and of ``holders``, then read what is true."""
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("the ledger runs in its caller's transaction")
    purses = ledger_sql.lock(master, accounts, holders, few=len(references) < ledger_sql.BULK)
    books = ledger_sql.read(master, accounts | holders, origin, references)
    missing = accounts - books.accounts.keys()
    if missing:
        raise LookupError(f"accounts {sorted(missing)} are not of master account {master}")
    if any(books.accounts[account].holder not in purses for account in accounts):
        raise StartAgain
    return Clerk(master, origin, by, purses, books)


def _check_amounts(posting: Posting) -> None:
    """Refuse what numeric(20, 6) would round or not hold: the verbs have explained it before."""
    if posting.capture is not None:
        if len(posting.legs) > 1:
            raise ValueError("a capture has one leg at most")
    elif not posting.legs:
        raise ValueError("a posting has at least one leg")
    for leg in posting.legs:
        _check_amount(leg.amount)


def _check_amount(amount: Decimal) -> None:
    if not fits(amount):
        raise ValueError(f"{amount} does not fit the ledger")
    if not amount:
        raise ValueError("an amount of zero is no movement")

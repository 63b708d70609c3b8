"""The statements of ``billing.ledger``: lock, read, write. Nothing else may call them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import chain, islice
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.db import IntegrityError, connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Q

from accounts.models import BalanceMode, State
from billing.models import Hold, HoldState

# From here on COPY is faster than one statement that carries all the rows.
BULK = 40

LOCK = """
SELECT b.account_id, b.credit, b.credit_limit, b.on_hold, b.last_seq, b.last_posted_at
FROM billing_balance b
-- ARRAY: the holders are found once, not once per balance of the company.
WHERE b.master_id = %(master)s AND b.account_id = ANY(ARRAY(
    SELECT CASE WHEN a.balance_mode = 'shared' OR a.state = 'closed' THEN a.master_id ELSE a.id END
    FROM accounts_account a
    WHERE a.master_id = %(master)s AND a.id = ANY(%(accounts)s::bigint[])
    -- The holders of holds, who never change.
    UNION ALL SELECT unnest(%(holders)s::bigint[])))
-- Lowest account first, so that opposite transfers cannot deadlock.
ORDER BY b.account_id
FOR NO KEY UPDATE OF b
"""

# ARRAY: of its length the planner knows nothing and takes the index, also where a new table has no
# statistics yet; and references that are neighbours are found in one descent of it.
# The clock stands in the master account's row only: a moment takes long to read, for Python.
READ = """
SELECT CASE a.id WHEN %(master)s THEN clock_timestamp() END,
       a.id, a.name, a.balance_mode, a.state, a.currency,
       NULL::bigint, NULL::bigint, NULL::bigint, NULL::timestamptz, NULL::timestamptz,
       NULL::smallint, NULL::text, NULL::text, NULL::text, NULL::numeric, NULL::numeric,
       NULL::uuid
FROM accounts_account a
WHERE a.master_id = %(master)s AND (a.id = ANY(%(accounts)s::bigint[]) OR a.id = %(master)s)
UNION ALL
SELECT NULL, e.account_id, NULL, NULL, NULL, NULL,
       e.holder_id, e.seq, e.by_id, e.posted_at, e.occurred_at,
       e.leg, e.kind, e.reference, e.description, e.amount, e.balance_after, e.hold_id
FROM billing_entry e
WHERE e.master_id = %(master)s AND e.origin = %(origin)s AND e.reference = ANY(ARRAY(
    SELECT json_array_elements_text(%(references)s::json)))
"""

COLUMNS = (
    "master_id, holder_id, seq, account_id, by_id, posted_at, occurred_at, leg, kind, origin,"
    " reference, description, amount, balance_after, hold_id"
)

COPY = f"COPY billing_entry ({COLUMNS}) FROM STDIN"

UPDATE = """
UPDATE billing_balance b
SET credit = n.credit, on_hold = n.on_hold, last_seq = n.seq, last_posted_at = n.posted_at
FROM unnest(%(holders)s::bigint[], %(credits)s::numeric[], %(on_hold)s::numeric[],
            %(seqs)s::bigint[], %(moments)s::timestamptz[])
    AS n (holder, credit, on_hold, seq, posted_at)
WHERE b.master_id = %(master)s AND b.account_id = n.holder
"""

WRITE = f"""
WITH entries AS (
    INSERT INTO billing_entry ({COLUMNS})
    SELECT * FROM unnest(
        %(c0)s::bigint[], %(c1)s::bigint[], %(c2)s::bigint[], %(c3)s::bigint[], %(c4)s::bigint[],
        %(c5)s::timestamptz[], %(c6)s::timestamptz[], %(c7)s::smallint[], %(c8)s::text[],
        %(c9)s::text[], %(c10)s::text[], %(c11)s::text[], %(c12)s::numeric[], %(c13)s::numeric[],
        %(c14)s::uuid[]))
{UPDATE}
"""  # noqa: S608 - column names of our own

UPDATE_HOLDS = """
UPDATE billing_hold h SET captured = n.captured, state = n.state, ended_at = n.ended_at
FROM unnest(%(ids)s::uuid[], %(captured)s::numeric[], %(states)s::text[],
            %(ended_at)s::timestamptz[]) AS n (id, captured, state, ended_at)
WHERE h.master_id = %(master)s AND h.id = n.id
"""

# How COPY's text format writes what would end a cell, and what is not there.
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
NULL = r"\N"
PIECE = 100

# psycopg's own. Its moments are in the connection's zone, as Django's are.
MOMENT_LOADER = psycopg.adapters.get_loader(
    psycopg.adapters.types["timestamptz"].oid, psycopg.pq.Format.TEXT
)


class ReferenceTaken(Exception):
    """Another posting wrote the same reference after this one had looked for it."""


class AccountRow(NamedTuple):
    """What the posting must know of an account."""

    id: int
    name: str
    state: str
    currency: str
    holder: int


class EntryRow(NamedTuple):
    """A row of ``billing_entry``, in the order of COLUMNS and with the model's names."""

    master_id: int
    holder_id: int
    seq: int
    account_id: int
    by_id: int | None
    posted_at: datetime
    occurred_at: datetime | None
    leg: int
    kind: str
    origin: str
    reference: str
    description: str
    amount: Decimal
    balance_after: Decimal
    hold_id: UUID | None


@dataclass(slots=True)
class Purse:
    """A locked balance row as it moves; ``floor`` is how far credit may fall."""

    holder: int
    credit: Decimal
    floor: Decimal
    on_hold: Decimal
    seq: int
    posted_at: datetime | None

    def reserve(self, amount: Decimal) -> None:
        """Set ``amount`` apart from what is available; less than zero gives it back."""
        self.on_hold += amount
        self.floor += amount


class Books(NamedTuple):
    """What was read under the lock."""

    clock: datetime
    accounts: dict[int, AccountRow]
    booked: dict[str, list[EntryRow]]


def lock(
    master: int, accounts: Collection[int], holders: Collection[int] = ()
) -> dict[int, Purse]:
    """Lock the balance rows of the accounts' holders, and of ``holders``; by holder.

    The holders are those of the moment before the lock: whoever calls reads them again.
    """
    with _quick_cursor() as cursor:
        cursor.execute(
            LOCK, {"master": master, "accounts": list(accounts), "holders": list(holders)}
        )
        return {
            holder: Purse(holder, credit, on_hold - limit, on_hold, seq, posted_at)
            for holder, credit, limit, on_hold, seq, posted_at in cursor.fetchall()
        }


def read(
    master: int, accounts: Collection[int], origin: str, references: Collection[str]
) -> Books:
    """The clock, the accounts, and the entries that already carry one of the references."""
    with _quick_cursor() as cursor:
        cursor.execute(
            READ,
            {
                "master": master,
                "accounts": list(accounts),
                "origin": origin,
                # Not as a list: psycopg would quote a thousand of them one by one.
                "references": json.dumps(list(references)),
            },
        )
        found = cursor.fetchall()
    clock: datetime | None = None
    known: dict[int, AccountRow] = {}
    booked: dict[str, list[EntryRow]] = {}
    for now, account, name, mode, state, currency, *entry in found:
        if name is not None:
            clock = now or clock
            borrowed = mode == BalanceMode.SHARED or state == State.CLOSED
            known[account] = AccountRow(
                account, name, state, currency, master if borrowed else account
            )
            continue
        holder, seq, by, posted_at, occurred_at, leg, kind, reference, description, *figures = (
            entry
        )
        amount, balance_after, hold_id = figures
        row = EntryRow(
            master,
            holder,
            seq,
            account,
            by,
            posted_at,
            occurred_at,
            leg,
            kind,
            origin,
            reference,
            description,
            amount,
            balance_after,
            hold_id,
        )
        booked.setdefault(reference, []).append(row)
    for rows in booked.values():
        rows.sort(key=attrgetter("leg"))
    if clock is None:
        raise LookupError(f"there is no master account {master}")
    return Books(clock, known, booked)


def write(master: int, rows: Sequence[EntryRow], moved: Mapping[int, Purse]) -> None:
    """Write entries and the balances they lead to, in one statement. Raises ReferenceTaken."""
    if not rows:
        _write_balances(master, moved)
        return
    columns = {f"c{at}": list(column) for at, column in enumerate(zip(*rows, strict=True))}
    with connection.cursor() as cursor, _told_of_references():
        cursor.execute(WRITE, _balances(master, moved) | columns)


def write_in_bulk(master: int, rows: Iterator[EntryRow], moved: Mapping[int, Purse]) -> None:
    """Write many entries while they are made, then the balances. Raises ReferenceTaken.

    ``moved`` may fill up as ``rows`` are taken.
    """
    first = next(rows, None)
    if first is not None:
        rows = chain([first], rows)
        with connection.cursor() as cursor, _told_of_references(), cursor.copy(COPY) as copy:
            # In small pieces, so that the server is busy while the next rows are decided.
            while lines := "".join(map(_copy_line, islice(rows, PIECE))):
                copy.write(lines)
    _write_balances(master, moved)


def _write_balances(master: int, moved: Mapping[int, Purse]) -> None:
    if moved:
        with connection.cursor() as cursor:
            cursor.execute(UPDATE, _balances(master, moved))


def _copy_line(row: EntryRow) -> str:
    """The row in COPY's text format; psycopg's ``write_row`` takes three times as long."""
    (
        master,
        holder,
        seq,
        account,
        by,
        posted_at,
        occurred_at,
        leg,
        kind,
        origin,
        reference,
        description,
        amount,
        balance_after,
        hold_id,
    ) = row
    return (
        f"{master}\t{holder}\t{seq}\t{account}\t{NULL if by is None else by}"
        f"\t{_copy_moment(posted_at)}\t{_copy_moment(occurred_at)}\t{leg}\t{kind}\t{origin}"
        f"\t{_copy_text(reference)}\t{_copy_text(description)}"
        f"\t{amount!s}\t{balance_after!s}\t{NULL if hold_id is None else hold_id}\n"
    )


def _copy_text(text: str) -> str:
    # What has to be escaped is no printable character, but for the backslash.
    return text if text.isprintable() and "\\" not in text else text.translate(ESCAPES)


# The entries of one posting share their moment.
@lru_cache(maxsize=64)
def _copy_moment(moment: datetime | None) -> str:
    return NULL if moment is None else str(moment)


@contextmanager
def _quick_cursor() -> Iterator[CursorWrapper]:
    """A cursor that reads moments in C: by Django's loader one takes as long as a whole row."""
    with connection.cursor() as cursor:
        cursor.adapters.register_loader("timestamptz", MOMENT_LOADER)
        yield cursor


@contextmanager
def _told_of_references() -> Iterator[None]:
    """Say ReferenceTaken for what COPY and execute raise: psycopg's own error and Django's."""
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        raise ReferenceTaken from error
    except IntegrityError as error:
        if isinstance(error.__cause__, psycopg.errors.UniqueViolation):
            raise ReferenceTaken from error
        raise


def _balances(master: int, moved: Mapping[int, Purse]) -> dict[str, Any]:
    """The parameters of UPDATE."""
    purses = moved.values()
    return {
        "master": master,
        "holders": [purse.holder for purse in purses],
        "credits": [purse.credit for purse in purses],
        "on_hold": [purse.on_hold for purse in purses],
        "seqs": [purse.seq for purse in purses],
        "moments": [purse.posted_at for purse in purses],
    }


def read_holds(
    master: int,
    ids: Collection[UUID],
    holders: Collection[int],
    clock: datetime,
    limit: int | None = None,
) -> list[Hold]:
    """The holds with these ids, and (at most ``limit``) open ones of the holders that expired."""
    expired = Q(holder__in=holders, state=HoldState.OPEN, expires_at__lte=clock)
    return list(Hold.objects.filter(Q(id__in=ids) | expired, master=master)[:limit])


def insert_hold(hold: Hold) -> None:
    """Write a new hold. Raises ReferenceTaken."""
    with _told_of_references():
        hold.save(force_insert=True)


def write_holds(master: int, holds: Collection[Hold]) -> None:
    """Write what holds have become."""
    if not holds:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            UPDATE_HOLDS,
            {
                "master": master,
                "ids": [hold.id for hold in holds],
                "captured": [hold.captured for hold in holds],
                "states": [str(hold.state) for hold in holds],
                "ended_at": [hold.ended_at for hold in holds],
            },
        )

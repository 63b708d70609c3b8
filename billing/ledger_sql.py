"""The statements of ``billing.ledger``: lock, read, write. Nothing else may call them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import chain, islice
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.db import IntegrityError, connection
from django.db.backends.utils import CursorWrapper

from accounts.models import BalanceMode, State

# From here on COPY is faster than one statement that carries all the rows.
BULK = 12

LOCK = """
SELECT b.account_id, b.credit, b.credit_limit, b.on_hold, b.last_seq, b.last_posted_at,
       b.tell_at_or_below, b.tell_at_or_above
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

# The same for many postings, which also want to know whether the planner knows the entries: asked
# here, it is no statement of its own under the lock.
HAS_STATISTICS = """, (SELECT EXISTS (
    SELECT FROM pg_stats WHERE tablename = 'billing_entry' AND attname = 'reference'))"""
LOCK_AND_ASK = LOCK.replace("b.tell_at_or_above", f"b.tell_at_or_above{HAS_STATISTICS}")

# The clock stands in the master account's row only: a moment takes long to read, for Python.
READ = """
SELECT CASE a.id WHEN %(master)s THEN clock_timestamp() END,
       a.id, a.name, a.balance_mode, a.state, a.currency, a.time_zone, c.cap, c.cap_is_hard,
       NULL::bigint, NULL::bigint, NULL::bigint, NULL::timestamptz, NULL::timestamptz,
       NULL::smallint, NULL::text, NULL::text, NULL::text, NULL::numeric, NULL::numeric,
       NULL::boolean, NULL::uuid
FROM accounts_account a
JOIN billing_balance c ON c.master_id = a.master_id AND c.account_id = a.id
WHERE a.master_id = %(master)s AND a.id = ANY(%(accounts)s::bigint[] || %(master)s::bigint)
UNION ALL
SELECT NULL, e.account_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       e.holder_id, e.seq, e.by_id, e.posted_at, e.occurred_at,
       e.leg, e.kind, e.reference, e.description, e.amount, e.balance_after,
       e.limit_enforced, e.hold_id
"""

# OFFSET 0: reference by reference, by the unique key, whatever the planner thinks of the table.
READ_ONE_BY_ONE = f"""
{READ}
FROM json_array_elements_text(%(references)s::json) AS r (reference)
CROSS JOIN LATERAL (
    SELECT * FROM billing_entry b
    WHERE b.master_id = (SELECT %(master)s::bigint) AND b.origin = %(origin)s
      AND b.reference = r.reference
    OFFSET 0) e
"""  # noqa: S608 - statements of our own

# Many references in one pass over the index, in half the time. But where the table has no
# statistics yet, as in its first minutes, all entries of the company would be compared with each.
# (SELECT ...): whose entries they are the planner must not know. Of a company that is not in the
# statistics yet it believes that it has none, and would read all of them through another index.
READ_IN_ONE_PASS = f"""
{READ}
FROM billing_entry e
WHERE e.master_id = (SELECT %(master)s::bigint) AND e.origin = %(origin)s
  AND e.reference = ANY(ARRAY(
    SELECT json_array_elements_text(%(references)s::json)))
"""

COLUMNS = (
    "master_id, holder_id, seq, account_id, by_id, posted_at, occurred_at, leg, kind, origin,"
    " reference, description, amount, balance_after, limit_enforced, hold_id"
)

COPY = f"COPY billing_entry ({COLUMNS}) FROM STDIN"

INSERT = f"INSERT INTO billing_entry ({COLUMNS}) VALUES "  # noqa: S608 - names of our own
ENTRY = f"({', '.join(['%s'] * (COLUMNS.count(',') + 1))})"

UPDATE = """
UPDATE billing_balance b
SET credit = n.credit, on_hold = n.on_hold, last_seq = n.seq, last_posted_at = n.posted_at
FROM {balances} AS n (holder, credit, on_hold, seq, posted_at)
WHERE b.master_id = %s AND b.account_id = n.holder
"""
BALANCE = "(%s::bigint, %s::numeric, %s::numeric, %s::bigint, %s::timestamptz)"
ADD = """
INSERT INTO billing_dailytotal AS t
    (master_id, account_id, day, holder_id, kind, contra, amount_in, amount_out, entries)
{totals}
ON CONFLICT (master_id, account_id, day, holder_id, kind, contra) DO UPDATE
SET amount_in = t.amount_in + excluded.amount_in,
    amount_out = t.amount_out + excluded.amount_out,
    entries = t.entries + excluded.entries
"""
TOTAL = f"({', '.join(['%s'] * 9)})"
# Many go as arrays, which are written and read faster than as many rows.
ADD_MANY = ADD.format(
    totals="""SELECT %s, * FROM unnest(%s::bigint[], %s::date[], %s::bigint[], %s::text[],
    %s::text[], %s::numeric[], %s::numeric[], %s::bigint[])"""
)
UPDATE_MANY = UPDATE.format(
    balances="unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::bigint[], %s::timestamptz[])"
)
WRITE_MANY = f"WITH totals AS ({ADD_MANY}) {UPDATE_MANY}"

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
    zone: str
    cap: Decimal | None
    cap_is_hard: bool


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
    limit_enforced: bool | None
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
    tell_at_or_below: Decimal | None = None
    tell_at_or_above: Decimal | None = None

    @property
    def has_something_to_tell(self) -> bool:
        """Whether what is available has come to where an alert has something to tell."""
        low, high = self.tell_at_or_below, self.tell_at_or_above
        available = self.credit - self.floor
        return (low is not None and available <= low) or (high is not None and available >= high)

    def reserve(self, amount: Decimal) -> None:
        """Set ``amount`` apart from what is available; less than zero gives it back."""
        self.on_hold += amount
        self.floor += amount


class Total(NamedTuple):
    """Which row of ``billing_dailytotal``; the columns after the master account, in its order."""

    account: int
    day: date
    holder: int
    kind: str
    contra: str


@dataclass(slots=True)
class Sums:
    """What is added to a row of ``billing_dailytotal``."""

    amount_in: Decimal = Decimal(0)
    amount_out: Decimal = Decimal(0)
    entries: int = 0


class Books(NamedTuple):
    """What was read under the lock."""

    clock: datetime
    accounts: dict[int, AccountRow]
    booked: dict[str, list[EntryRow]]


# Told by LOCK_AND_ASK, once for each database.
_databases_with_statistics: set[str] = set()


def lock(
    master: int,
    accounts: Collection[int],
    holders: Collection[int] = (),
    *,
    few: bool = True,
) -> dict[int, Purse]:
    """Lock the balance rows of the accounts' holders, and of ``holders``; by holder.

    The holders are those of the moment before the lock: whoever calls reads them again. ``few``:
    whether it is for fewer than BULK postings.
    """
    database = connection.settings_dict["NAME"]
    asks = not few and database not in _databases_with_statistics
    with _cursor(prepared=len(accounts) < BULK) as cursor:
        cursor.execute(
            LOCK_AND_ASK if asks else LOCK,
            {"master": master, "accounts": array(accounts), "holders": array(holders)},
        )
        found = cursor.fetchall()
    if asks and any(known for *_, known in found):
        _databases_with_statistics.add(database)
    return {
        holder: Purse(holder, credit, on_hold - limit, on_hold, seq, posted_at, low, high)
        for holder, credit, limit, on_hold, seq, posted_at, low, high, *_ in found
    }


def read(
    master: int, accounts: Collection[int], origin: str, references: Collection[str]
) -> Books:
    """The clock, the accounts, and the entries that already carry one of the references."""
    few = len(references) < BULK
    has_statistics = connection.settings_dict["NAME"] in _databases_with_statistics
    with _cursor(prepared=few) as cursor:
        cursor.execute(
            READ_IN_ONE_PASS if few or has_statistics else READ_ONE_BY_ONE,
            {
                "master": master,
                "accounts": array(accounts),
                "origin": origin,
                # Not as a list: psycopg would quote a thousand of them one by one.
                "references": json.dumps(list(references)),
            },
        )
        found = cursor.fetchall()
    clock: datetime | None = None
    known: dict[int, AccountRow] = {}
    booked: dict[str, list[EntryRow]] = {}
    for now, account, name, mode, state, currency, zone, cap, cap_is_hard, *entry in found:
        if name is not None:
            clock = now or clock
            borrowed = mode == BalanceMode.SHARED or state == State.CLOSED
            holder = master if borrowed else account
            known[account] = AccountRow(
                account, name, state, currency, holder, zone, cap, cap_is_hard
            )
            continue
        holder, seq, by, posted_at, occurred_at, leg, kind, reference, description, *figures = (
            entry
        )
        amount, balance_after, limit_enforced, hold_id = figures
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
            limit_enforced,
            hold_id,
        )
        booked.setdefault(reference, []).append(row)
    for rows in booked.values():
        rows.sort(key=attrgetter("leg"))
    if clock is None:
        raise LookupError(f"there is no master account {master}")
    return Books(clock, known, booked)


def write(
    master: int,
    rows: Sequence[EntryRow],
    moved: Mapping[int, Purse],
    totals: Mapping[Total, Sums] = MappingProxyType({}),
) -> None:
    """Write a few entries, the balances they lead to and what they add to the days' totals.

    In one statement. Without entries: balances whose credit on hold has changed. Raises
    ReferenceTaken.
    """
    if moved:
        values: list[Any] = [
            *chain(*rows),
            *chain(*((master, *row) for row in _totals(totals))),
            *chain(*map(_balance, moved.values())),
            master,
        ]
        with _cursor(prepared=True) as cursor, told_of_references():
            cursor.execute(_statement(len(rows), len(totals), len(moved)), values)


@lru_cache(maxsize=BULK * BULK)
def _statement(entries: int, totals: int, balances: int) -> str:
    """One statement that writes so many entries, totals and balances."""
    update = UPDATE.format(balances=f"(VALUES {', '.join([BALANCE] * balances)})")
    if not entries:
        return update
    add = ADD.format(totals=f"VALUES {', '.join([TOTAL] * totals)}")
    return f"WITH entries AS ({INSERT}{', '.join([ENTRY] * entries)}), totals AS ({add}) {update}"


def write_in_bulk(
    master: int,
    rows: Iterator[EntryRow],
    moved: Mapping[int, Purse],
    totals: Mapping[Total, Sums],
) -> None:
    """Write many entries while they are made, then totals and balances. Raises ReferenceTaken.

    ``moved`` and ``totals`` may fill up as ``rows`` are taken.
    """
    first = next(rows, None)
    if first is not None:
        rows = chain([first], rows)
        with (
            # Of what COPY raises Django makes its own errors only here.
            connection.wrap_database_errors,
            connection.cursor() as cursor,
            told_of_references(),
            cursor.copy(COPY) as copy,
        ):
            # In small pieces, so that the server is busy while the next rows are decided.
            while lines := "".join(map(_copy_line, islice(rows, PIECE))):
                copy.write(lines)
    if moved:
        added = map(array, zip(*_totals(totals), strict=True)) if totals else [array(())] * 8
        columns = map(array, zip(*map(_balance, moved.values()), strict=True))
        with connection.cursor() as cursor:
            cursor.execute(WRITE_MANY, [master, *added, *columns, master])


def _totals(totals: Mapping[Total, Sums]) -> list[tuple[object, ...]]:
    """What ADD is told of them. In order, so that postings of other holders cannot deadlock."""
    return [
        (*total, sums.amount_in, sums.amount_out, sums.entries)
        for total, sums in sorted(totals.items())
    ]


def _balance(purse: Purse) -> tuple[int, Decimal, Decimal, int, datetime | None]:
    """What UPDATE is told of a balance."""
    return purse.holder, purse.credit, purse.on_hold, purse.seq, purse.posted_at


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
        limit_enforced,
        hold_id,
    ) = row
    return (
        f"{master}\t{holder}\t{seq}\t{account}\t{NULL if by is None else by}"
        f"\t{_copy_moment(posted_at)}\t{_copy_moment(occurred_at)}\t{leg}\t{kind}\t{origin}"
        f"\t{_copy_text(reference)}\t{_copy_text(description)}"
        f"\t{amount!s}\t{balance_after!s}\t{limit_enforced!s}"
        f"\t{NULL if hold_id is None else hold_id}\n"
    )


def array(items: Iterable[object]) -> str:
    """An array of numbers or moments as text; psycopg's own way takes ten times as long."""
    return f"{{{','.join('NULL' if item is None else str(item) for item in items)}}}"


def _copy_text(text: str) -> str:
    # What has to be escaped is no printable character, but for the backslash.
    return text if text.isprintable() and "\\" not in text else text.translate(ESCAPES)


# The entries of one posting share their moment.
@lru_cache(maxsize=64)
def _copy_moment(moment: datetime | None) -> str:
    return NULL if moment is None else str(moment)


@contextmanager
def _cursor(*, prepared: bool) -> Iterator[CursorWrapper]:
    """A cursor that reads moments in C: by Django's loader one takes as long as a whole row.

    ``prepared``: whose statements PostgreSQL plans once a connection, if the settings allow it. Of
    a single charge planning is half the work; many rows are better off with a plan of their own.
    """
    # Django's cursors put the values into the statement, so that each is another one: which is
    # what whoever has queries logged wants to see.
    if prepared and not connection.queries_logged:
        connection.ensure_connection()
        own: Any = psycopg.Cursor(connection.connection)
        cursor = connection.make_cursor(own)
    else:
        cursor = connection.cursor()
    with cursor:
        cursor.adapters.register_loader("timestamptz", MOMENT_LOADER)
        yield cursor


@contextmanager
def told_of_references() -> Iterator[None]:
    """Say ReferenceTaken for what COPY and execute raise: psycopg's own error and Django's."""
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        raise ReferenceTaken from error
    except IntegrityError as error:
        if isinstance(error.__cause__, psycopg.errors.UniqueViolation):
            raise ReferenceTaken from error
        raise

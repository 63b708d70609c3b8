"""Entries as reports hand them out: a row of plain values, the same in every form and file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

from django.db.models import QuerySet
from django.utils import timezone

from billing.models import Entry, Kind
from reports.descriptions import author, leg_of, other_sides, title
from reports.queries import Scope, shows_balance

CHUNK = 2_000


class Row(NamedTuple):
    """One entry, as its reader may see it.

    Moments are in the company's time zone, amounts in its currency with the sign of the books:
    money in is positive. ``holder`` is the code of the account whose balance moved; it is "", and
    ``seq`` and ``balance_after`` are None, where the reader does not see that account. ``note`` is
    what was written on a transfer, whose ``description`` names its other side.
    """

    posted_at: datetime
    occurred_at: datetime | None
    account: str
    account_name: str
    holder: str
    seq: int | None
    kind: str
    description: str
    origin: str
    reference: str
    by: str
    contra: str
    amount: Decimal
    balance_after: Decimal | None
    note: str


def read_rows(scope: Scope, entries: QuerySet[Entry]) -> Iterator[Row]:
    """The entries (of ``scope``, filtered and ordered) as rows, some thousands at a time.

    Memory stays flat however many there are: a cursor of the server, so it wants a transaction,
    which ``queries.snapshot`` opens. One query, and one more for each chunk that has transfers.
    """
    found = entries.iterator(chunk_size=CHUNK)
    while chunk := list(islice(found, CHUNK)):
        yield from rows_of(scope, chunk)


def rows_of(scope: Scope, entries: Iterable[Entry]) -> list[Row]:
    """The same for entries that were read already."""
    entries = list(entries)
    others = other_sides(scope.company, entries)
    codes = {account.pk: account.code for account in scope.accounts}
    # Whoever sees an account knows what its company is called.
    names = {**scope.names, scope.company.pk: scope.company.name}
    zone = scope.company.zone
    rows = []
    for entry in entries:
        sees_holder = shows_balance(entry, codes.keys())
        occurred = entry.occurred_at
        rows.append(
            Row(
                posted_at=timezone.localtime(entry.posted_at, zone),
                occurred_at=occurred and timezone.localtime(occurred, zone),
                account=codes[entry.account_id],
                account_name=names[entry.account_id],
                holder=codes[entry.holder_id] if sees_holder else "",
                seq=entry.seq if sees_holder else None,
                kind=entry.kind,
                description=title(entry, names.get(others.get(leg_of(entry), 0))),
                origin=entry.origin,
                reference=entry.reference,
                by=author(entry.by, scope.access) if entry.by is not None else "",
                contra=entry.contra.value,
                amount=entry.amount,
                balance_after=entry.balance_after if sees_holder else None,
                note=entry.description if entry.kind == Kind.TRANSFER else "",
            )
        )
    return rows

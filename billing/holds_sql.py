"""The statements of ``billing.ledger`` about holds. Nothing else may call them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from billing.ledger_sql import array, told_of_references
from billing.models import Hold

EXPIRE_HOLDS = """
WITH expired AS (
    UPDATE billing_hold h SET state = 'expired', ended_at = %(clock)s
    WHERE h.master_id = %(master)s AND h.id IN (
        SELECT late.id FROM billing_hold late
        WHERE late.master_id = %(master)s AND late.holder_id = ANY(%(holders)s::bigint[])
          AND late.state = 'open' AND late.expires_at <= %(clock)s
        ORDER BY late.expires_at LIMIT %(limit)s)
    RETURNING h.holder_id, h.amount - h.captured AS remaining)
SELECT holder_id, count(*), sum(remaining) FROM expired GROUP BY holder_id
"""

UPDATE_HOLDS = """
UPDATE billing_hold h SET captured = n.captured, state = n.state, ended_at = n.ended_at
FROM unnest(%(ids)s::uuid[], %(captured)s::numeric[], %(states)s::text[],
            %(ended_at)s::timestamptz[]) AS n (id, captured, state, ended_at)
WHERE h.master_id = %(master)s AND h.id = n.id
"""


class Expired(NamedTuple):
    """How many holds of a holder have expired, and what they still reserved."""

    holder: int
    number: int
    remaining: Decimal


def read_holds(master: int, ids: Collection[UUID]) -> dict[UUID, Hold]:
    """The company's holds with these ids."""
    return {hold.id: hold for hold in Hold.objects.filter(master=master, id__in=ids)}


def find_hold(master: int, origin: str, reference: str) -> Hold | None:
    """The hold that already carries the reference."""
    return Hold.objects.filter(master=master, origin=origin, reference=reference).first()


def expire_holds(
    master: int, holders: Collection[int], clock: datetime, limit: int | None = None
) -> list[Expired]:
    """End the holders' open holds that are past their time, at most ``limit``."""
    with connection.cursor() as cursor:
        cursor.execute(
            EXPIRE_HOLDS,
            {"master": master, "holders": array(holders), "clock": clock, "limit": limit},
        )
        return [Expired(*row) for row in cursor.fetchall()]


def insert_hold(hold: Hold) -> None:
    """Write a new hold. Raises ReferenceTaken."""
    with told_of_references():
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

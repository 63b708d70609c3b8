"""An account's credit at the end of each day, in one statement: a probe of the index per day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import connection

from accounts.models import Account
from billing.models import Kind

# Days are the company's: each ends where the next begins in its time zone. Money that came in is
# never usage; saying so lets the small index by kind serve.
READ_DAYS = """
SELECT d.day, coalesce(e.balance_after, 0), e.balance_after IS NOT NULL, m.entries, m.amount
FROM (
    SELECT s::date AS day,
           s AT TIME ZONE %(zone)s AS begins,
           (s + interval '1 day') AT TIME ZONE %(zone)s AS ends
    FROM generate_series(%(first)s::timestamp, %(last)s::timestamp, interval '1 day') AS s) d
LEFT JOIN LATERAL (
    SELECT balance_after FROM billing_entry
    WHERE master_id = %(master)s AND holder_id = %(holder)s AND posted_at < d.ends
    ORDER BY posted_at DESC, seq DESC LIMIT 1) e ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS entries, coalesce(sum(amount), 0) AS amount FROM billing_entry
    WHERE master_id = %(master)s AND holder_id = %(holder)s AND kind = ANY(%(kinds)s)
      AND kind <> 'usage' AND amount > 0 AND posted_at >= d.begins AND posted_at < d.ends) m
ORDER BY d.day
"""


@dataclass(frozen=True, slots=True)
class BalanceDay:
    """The credit at the end of a day (of today: now), and what topped it up on that day.

    Before ``is_begun`` the account had no entry at all, and so nothing.
    """

    day: date
    credit: Decimal
    is_begun: bool
    top_ups: int
    topped_up: Decimal


def read_history(account: Account, today: date, days: int) -> Sequence[BalanceDay]:
    """The account's own credit on the last days, the oldest first and today last. One query.

    A top-up is a payment; a subaccount's are the transfers that it received, too. A shared
    account has no credit of its own: of it this says what it had before.
    """
    kinds = [Kind.PAYMENT.value]
    if not account.is_master:
        kinds.append(Kind.TRANSFER.value)
    first = today - timedelta(days=days - 1)
    with connection.cursor() as cursor:
        cursor.execute(
            READ_DAYS,
            {
                "master": account.master_id,
                "holder": account.pk,
                "zone": account.zone.key,
                "first": datetime.combine(first, datetime.min.time()),
                "last": datetime.combine(today, datetime.min.time()),
                "kinds": kinds,
            },
        )
        return [BalanceDay(*row) for row in cursor.fetchall()]

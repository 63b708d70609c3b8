"""Balances as they stood at a past moment: one index probe per account, however long its books.

What was posted at a moment or before it counts, and so does a limit, mode or state set by then.
The books never change behind the latest posting, so neither does an answer; only in the instants
while postings of that very moment are still being committed may it lack them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from billing.holds import LONGEST
from billing.ledger_sql import array

# The holder is found as billing.ledger_sql.LOCK does, from the account's history.
READ = """
SELECT a.id, c.mode, c.state, h.holder, coalesce(e.balance_after, 0), e.posted_at,
       coalesce(l.new, 0), coalesce(o.held, 0)
FROM unnest(%(accounts)s::bigint[]) AS a (id)
CROSS JOIN LATERAL (
    SELECT c.mode, c.state FROM billing_accountchange c
    WHERE c.master_id = %(master)s AND c.account_id = a.id AND c.changed_at <= %(moment)s
    ORDER BY c.id DESC LIMIT 1) c
CROSS JOIN LATERAL (
    SELECT CASE WHEN c.mode = 'shared' OR c.state = 'closed' THEN %(master)s::bigint ELSE a.id END
        AS holder) h
LEFT JOIN LATERAL (
    SELECT e.balance_after, e.posted_at FROM billing_entry e
    WHERE e.master_id = %(master)s AND e.holder_id = h.holder AND e.posted_at <= %(moment)s
    ORDER BY e.posted_at DESC, e.seq DESC LIMIT 1) e ON true
LEFT JOIN LATERAL (
    SELECT l.new FROM billing_creditlimitchange l
    WHERE l.master_id = %(master)s AND l.account_id = h.holder AND l.changed_at <= %(moment)s
    ORDER BY l.id DESC LIMIT 1) l ON true
-- Past its time a hold is in nobody's way any more, swept or not; and none lasts longer than this.
LEFT JOIN LATERAL (
    SELECT sum(o.amount - coalesce(k.captured, 0)) AS held
    FROM billing_hold o
    LEFT JOIN LATERAL (
        SELECT -sum(k.amount) AS captured FROM billing_entry k
        WHERE k.master_id = %(master)s AND k.hold_id = o.id AND k.posted_at <= %(moment)s) k
        ON true
    WHERE o.master_id = %(master)s AND o.holder_id = h.holder
      AND o.placed_at <= %(moment)s AND o.placed_at > %(moment)s - %(longest)s::interval
      AND o.expires_at > %(moment)s AND (o.ended_at IS NULL OR o.ended_at > %(moment)s)) o ON true
"""


@dataclass(frozen=True, slots=True)
class BalanceAt:
    """The balance that ``account`` drew on at a moment: its own, or its master account's.

    ``mode`` and ``state`` are the account's of then. ``last_posted_at`` is the holder's last
    entry up to then, None when there was none. Amounts are in the company's currency.
    """

    account: int
    mode: str
    state: str
    holder: int
    credit: Decimal
    last_posted_at: datetime | None
    credit_limit: Decimal
    on_hold: Decimal

    @property
    def available(self) -> Decimal:
        """Credit + credit limit - on hold: what could be spent then."""
        return self.credit + self.credit_limit - self.on_hold

    @property
    def is_own(self) -> bool:
        """Whether the account drew on a balance of its own."""
        return self.holder == self.account


def balances_at(
    *, master: int, accounts: Collection[int], moment: datetime
) -> dict[int, BalanceAt]:
    """By account, of one company (``master`` is its id): how it stood at ``moment``.

    An account that had not been opened by then has no row. One statement; locks nothing. Of a
    shared account these are the master account's figures: whoever asks must be allowed them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            READ,
            {
                "master": master,
                "accounts": array(accounts),
                "moment": moment,
                "longest": f"{LONGEST.days} days",
            },
        )
        found = cursor.fetchall()
    return {
        account: BalanceAt(account, mode, state, holder, credit, last, limit, held)
        for account, mode, state, holder, credit, last, limit, held in found
    }

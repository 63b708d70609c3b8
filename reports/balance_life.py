"""An account's life as far as statements care: since when it is there, and had its own balance."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from accounts.models import Account, BalanceMode
from billing.models import AccountChange, Entry

# One index probe for each moment, however long the books.
BEFORE = """
SELECT coalesce(e.seq, 0), coalesce(e.balance_after, 0)
FROM unnest(%(moments)s::timestamptz[]) WITH ORDINALITY AS m (moment, nth)
LEFT JOIN LATERAL (
    SELECT e.seq, e.balance_after FROM billing_entry e
    WHERE e.master_id = %(master)s AND e.holder_id = %(holder)s AND e.posted_at < m.moment
    ORDER BY e.posted_at DESC, e.seq DESC LIMIT 1) e ON true
ORDER BY m.nth"""


class Stood(NamedTuple):
    """A holder's balance before a moment, and its last entry's number; zero before the first."""

    seq: int
    balance: Decimal


def stood_before(holder: Account, moments: Collection[datetime]) -> list[Stood]:
    """How the holder's balance stood before each of the moments; one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            BEFORE, {"master": holder.master_id, "holder": holder.pk, "moments": list(moments)}
        )
        return [Stood(seq, balance) for seq, balance in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Life:
    """Since when an account is there, and the modes that it had from which moments on."""

    began: datetime
    modes: Sequence[tuple[datetime, str]]

    def held(self, start: datetime, end: datetime) -> bool:
        """Whether it had a balance of its own at any moment from ``start`` until before ``end``.

        A switch in between counts on either side: what was moved by it stands in the statement.
        """
        if end <= self.began:
            return False
        later = [mode for moment, mode in self.modes if start < moment < end]
        before = [mode for moment, mode in self.modes if moment <= start]
        # Entries that were imported are older than the account's row: it was then as it began.
        return BalanceMode.ALLOCATED in [before[-1] if before else self.modes[0][1], *later]


def read_life(account: Account) -> Life:
    """From the account's history and its first entries; three queries."""
    modes = list(
        AccountChange.objects.filter(master=account.master_id, account=account)
        .order_by("id")
        .values_list("changed_at", "mode")
    ) or [(account.created_at, account.balance_mode)]
    entries = Entry.objects.filter(master=account.master_id)
    own = entries.filter(holder=account, seq=1).values_list("posted_at", flat=True)
    attributed = (
        entries.filter(account=account)
        .order_by("posted_at", "holder_id", "seq")
        .values_list("posted_at", flat=True)
    )
    return Life(began=min([modes[0][0], *own, *attributed[:1]]), modes=modes)

"""Companies with many subaccounts: more than the verbs open in the time that a bench has."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

from django.db import connection

from accounts.models import BalanceMode
from billing.ledger import Leg, Posting, post, transact
from billing.models import Kind, Origin
from tests import factories

# What each may spend: more than any bench does.
CREDIT = Decimal(1_000_000)
BATCH = 1_000

# As tree.open_subaccount would leave them.
OPEN = """
WITH opened AS (
    INSERT INTO accounts_account
        (master_id, code, name, country, currency, time_zone, balance_mode, state, created_at)
    SELECT %(master)s, 'unit-' || n, 'Unit ' || n, '', '', '', %(mode)s, 'active', %(opened)s
    FROM generate_series(%(first)s, %(first)s + %(count)s - 1) AS n
    RETURNING id, name),
history AS (
    INSERT INTO billing_accountchange
        (master_id, account_id, action, name, mode, state, changed_at)
    SELECT %(master)s, id, 'opened', name, %(mode)s, 'active', %(opened)s FROM opened),
balances AS (
    INSERT INTO billing_balance
        (master_id, account_id, mode, credit, credit_limit, on_hold, cap_is_hard, last_seq)
    SELECT %(master)s, id, %(mode)s, 0, 0, 0, true, 0 FROM opened)
SELECT id FROM opened ORDER BY id
"""


def add_subaccounts(
    master: int,
    count: int,
    *,
    first: int = 0,
    mode: BalanceMode = BalanceMode.ALLOCATED,
    opened: datetime | None = None,
) -> list[int]:
    """Open ``unit-0``, ``unit-1``... of the company with nothing on them; their ids.

    ``first`` is the number to begin with, ``opened`` a moment in the past.
    """
    facts = {
        "master": master,
        "count": count,
        "first": first,
        "mode": mode.value,
        "opened": opened or datetime.now(UTC),
    }
    with connection.cursor() as cursor:
        cursor.execute(OPEN, facts)
        return [account for (account,) in cursor.fetchall()]


def open_company(
    code: str, count: int, *, mode: BalanceMode = BalanceMode.ALLOCATED
) -> tuple[int, list[int]]:
    """A company with ``count`` subaccounts that may spend; the ids of both.

    With allocated balances each has CREDIT; with the shared one they have that much together.
    """
    master = factories.make_master(code).pk
    accounts = add_subaccounts(master, count, mode=mode)
    holders = accounts if mode == BalanceMode.ALLOCATED else [master]
    for first in range(0, len(holders), BATCH):
        postings = [
            Posting(Kind.PAYMENT, f"pay-{holder}", (Leg(holder, CREDIT),), "Top up")
            for holder in holders[first : first + BATCH]
        ]
        transact(partial(post, master=master, postings=postings, origin=Origin.PAYMENT))
    with connection.cursor() as cursor:
        # Planned as in a database that has lived for a while.
        cursor.execute("VACUUM ANALYZE accounts_account, billing_balance, billing_entry")
    return master, accounts

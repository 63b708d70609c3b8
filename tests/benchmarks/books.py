"""Books of a year, built once by the database itself, for all benches that read.

Two companies with 1,000 subaccounts each, of which one in ten draws on the master account:
``small`` with 10,000 entries, ``large`` with 1,000,000, or with FULL=1 10,000,000. They reach from
a year ago to now, so they are built anew each week; all that the posting would have written is
there, and ``verify_ledger`` agrees.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.core.management import call_command
from django.db import connection

from accounts.models import BalanceMode, Membership, Role, User
from tests import factories
from tests.benchmarks import stage
from tests.benchmarks.companies import add_subaccounts

SUBACCOUNTS = 1_000
SHARED = SUBACCOUNTS // 10
SMALL = 10_000
LARGE = 1_000_000
FULL = 10_000_000

# A first payment of each holder, then usage of each subaccount, evenly over the year that ends
# now. Of a shared one the holder is the master account, whose entries are those of all of them.
ENTRIES = """
WITH moved AS (
    SELECT a.id AS account,
           CASE a.balance_mode WHEN 'shared' THEN a.master_id ELSE a.id END AS holder, nth,
           now() - interval '365 days' * ((%(each)s - nth)::float8 / %(each)s)
               + interval '1 microsecond' * a.id AS posted_at,
           CASE nth WHEN 1 THEN 1000 ELSE -(1 + (a.id * 31 + nth * 7919) %% 99) / 10000.0 END
               ::numeric(20, 6) AS amount
    FROM generate_series(1, %(each)s) AS nth, accounts_account a
    WHERE a.master_id = %(master)s AND a.id <> %(master)s),
booked AS (
    SELECT m.*, row_number() OVER w AS seq, sum(amount) OVER w AS balance_after
    FROM moved m WINDOW w AS (PARTITION BY holder ORDER BY nth, account))
INSERT INTO billing_entry
    (master_id, holder_id, seq, account_id, posted_at, leg, kind, origin, reference,
     description, amount, balance_after, limit_enforced)
SELECT %(master)s, holder, seq, account, posted_at - interval '1 hour', 0,
       CASE nth WHEN 1 THEN 'payment' ELSE 'usage' END,
       CASE nth WHEN 1 THEN 'payment' ELSE 'import' END,
       'entry-' || account || '-' || nth, 'SMS to Egypt', amount, balance_after, true
FROM booked ORDER BY nth, account
"""
BALANCES = """
UPDATE billing_balance b
SET credit = e.balance_after, last_seq = e.seq, last_posted_at = e.posted_at
FROM (SELECT DISTINCT ON (holder_id) * FROM billing_entry WHERE master_id = %(master)s
      ORDER BY holder_id, seq DESC) e
WHERE b.master_id = %(master)s AND b.account_id = e.holder_id
"""
TOTALS = """
INSERT INTO billing_dailytotal
    (master_id, account_id, day, holder_id, kind, contra, amount_in, amount_out, entries)
SELECT e.master_id, e.account_id, (e.posted_at AT TIME ZONE m.time_zone)::date, e.holder_id,
    e.kind, CASE e.kind WHEN 'usage' THEN 'usage_revenue' ELSE 'payments_clearing' END,
    sum(greatest(e.amount, 0)), -sum(least(e.amount, 0)), count(*)
FROM billing_entry e JOIN accounts_account m ON m.id = e.master_id
WHERE e.master_id = %(master)s
GROUP BY 1, 2, 3, 4, 5, 6
"""
# Indexes that no constraint needs are built in the end: that takes a third of the time.
INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index i
WHERE indrelid = 'billing_entry'::regclass
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
"""


def sizes() -> dict[str, int]:
    """How many entries each company has, by its code."""
    return {"small": SMALL, "large": FULL if os.environ.get("FULL") else LARGE}


@contextmanager
def kept_books() -> Iterator[dict[str, int]]:
    """Django on the database of these books, whose sizes are yielded; built if it is not there."""
    chosen = sizes()
    year, week, _ = datetime.now(UTC).isocalendar()
    with stage.kept_database(f"books_{chosen['large']}_{year}w{week}", lambda: _fill(chosen)):
        yield chosen


def admin_of(code: str) -> User:
    """The master admin of a company of the books."""
    return User.objects.get(email=f"admin@{code}.example")


def _fill(chosen: dict[str, int]) -> None:
    opened = datetime.now(UTC) - timedelta(days=366)
    for code in chosen:
        master = factories.make_master(code, moment=opened)
        admin = User.objects.create_user(f"admin@{code}.example")
        Membership.objects.create(user=admin, account=master, role=Role.MASTER_ADMIN)
        own = SUBACCOUNTS - SHARED
        add_subaccounts(master.pk, own, opened=opened)
        add_subaccounts(master.pk, SHARED, first=own, mode=BalanceMode.SHARED, opened=opened)
    with connection.cursor() as cursor:
        cursor.execute(INDEXES)
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        cursor.execute("SET work_mem = '512MB'; SET maintenance_work_mem = '1GB'")
        for code, entries in chosen.items():
            cursor.execute("SELECT id FROM accounts_account WHERE code = %s", [code])
            facts = {"master": cursor.fetchone()[0], "each": entries // SUBACCOUNTS}
            for statement in (ENTRIES, BALANCES, TOTALS):
                cursor.execute(statement, facts)
            print(f"built {entries:,} entries", flush=True)
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute("RESET work_mem; RESET maintenance_work_mem")
        cursor.execute("VACUUM ANALYZE")
    call_command("verify_ledger")

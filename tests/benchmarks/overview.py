"""The overview of a master account with 1,000 subaccounts and 1,000,000 entries.

The entries reach from a year ago to now, so the database is built anew each day, and kept for the
runs of that day. A second company with as many subaccounts and 10,000 entries stands beside it.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from statistics import median

from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import reverse

from accounts.models import Membership, Role, User
from tests import factories
from tests.benchmarks import stage
from tests.benchmarks.companies import add_subaccounts

SUBACCOUNTS = 1_000
SIZES = {"small": 10_000, "large": 1_000_000}
FULL_SIZES = SIZES | {"huge": 10_000_000}
QUERIES = 15
REQUESTS = 15

# A first payment to each subaccount, then usage, evenly over the year that ends now.
ENTRIES = """
WITH moved AS (
    SELECT a.id AS holder, seq,
           now() - interval '365 days' * ((%(each)s - seq)::float8 / %(each)s) AS posted_at,
           CASE seq WHEN 1 THEN 1000 ELSE -(1 + (a.id * 31 + seq * 7919) %% 99) / 10000.0 END
               ::numeric(20, 6) AS amount
    FROM generate_series(1, %(each)s) AS seq, accounts_account a
    WHERE a.master_id = %(master)s AND a.id <> %(master)s)
INSERT INTO billing_entry
    (master_id, holder_id, seq, account_id, posted_at, leg, kind, origin, reference,
     description, amount, balance_after)
SELECT %(master)s, holder, seq, holder, posted_at, 0,
       CASE seq WHEN 1 THEN 'payment' ELSE 'usage' END,
       CASE seq WHEN 1 THEN 'payment' ELSE 'import' END,
       'entry-' || holder || '-' || seq, 'SMS to Egypt', amount,
       sum(amount) OVER (PARTITION BY holder ORDER BY seq)
FROM moved ORDER BY seq, holder
"""
BALANCES = """
UPDATE billing_balance b
SET credit = e.balance_after, last_seq = e.seq, last_posted_at = e.posted_at
FROM billing_entry e
WHERE e.master_id = %(master)s AND e.seq = %(each)s
  AND (b.master_id, b.account_id) = (e.master_id, e.holder_id)
"""


def run() -> None:
    """Count the queries of the page and time it, for each size; they do not grow with it."""
    sizes = FULL_SIZES if os.environ.get("FULL") else SIZES
    today = datetime.now(UTC).strftime("%Y%m%d")
    name = f"overview_{len(sizes)}_{today}"
    # DEBUG would keep all queries; static files have not been collected here.
    storages = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    with (
        stage.kept_database(name, lambda: _fill(sizes)),
        override_settings(STORAGES=storages, ALLOWED_HOSTS=["*"], SECURE_SSL_REDIRECT=False),
    ):
        for code, entries in sizes.items():
            queries, seconds = _measure(code)
            stage.report(
                f"overview, {SUBACCOUNTS:,} subaccounts, {entries:,} entries,"
                f" {seconds * 1000:.0f} ms, queries={queries} goal<={QUERIES}",
                QUERIES / queries,
                1.0,
            )


def _measure(code: str) -> tuple[int, float]:
    """How many queries the master admin's page takes, and the median of its seconds."""
    client = Client()
    client.force_login(User.objects.get(email=f"admin@{code}.example"))
    page = reverse("overview", args=[code])
    taken = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        answer = client.get(page)
        taken.append(time.perf_counter() - began)
        if answer.status_code != 200:
            raise RuntimeError(f"{page} answers {answer.status_code}")
    with CaptureQueriesContext(connection) as queries:
        client.get(page)
    return len(queries), median(taken)


def _fill(sizes: dict[str, int]) -> None:
    """The companies, with books that tie out."""
    for code, entries in sizes.items():
        master = factories.make_master(code)
        admin = User.objects.create_user(f"admin@{code}.example")
        Membership.objects.create(user=admin, account=master, role=Role.MASTER_ADMIN)
        facts = {
            "master": master.pk,
            "each": entries // SUBACCOUNTS,
        }
        add_subaccounts(master.pk, SUBACCOUNTS)
        with connection.cursor() as cursor:
            for statement in (ENTRIES, BALANCES):
                cursor.execute(statement, facts)
        print(f"built {entries:,} entries", flush=True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    call_command("verify_ledger")

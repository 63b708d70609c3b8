"""Balances at a past moment: one index probe per account, however many entries there are."""

from __future__ import annotations

import random
import re
import time
from datetime import UTC, datetime, timedelta
from statistics import median

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from billing.as_of import balances_at
from tests.benchmarks import books, stage

MOMENTS = 15
PROBE = re.compile(r"entry_by_holder_time.*?rows=([\d.]+) loops=(\d+)")


def run() -> None:
    """Ask all accounts of both companies at random moments of the year."""
    with books.kept_books() as sizes:
        companies = {code: Account.objects.get(code=code) for code in sizes}
        accounts = {
            code: list(Account.objects.filter(master=company).values_list("pk", flat=True))
            for code, company in companies.items()
        }
        dice = random.Random(1)
        now = datetime.now(UTC)
        taken: dict[str, list[float]] = {code: [] for code in sizes}
        for _ in range(MOMENTS):
            moment = now - timedelta(seconds=dice.randrange(360 * 24 * 3600))
            for code, company in companies.items():
                began = time.perf_counter()
                found = balances_at(master=company.pk, accounts=accounts[code], moment=moment)
                taken[code].append(time.perf_counter() - began)
                if len(found) != len(accounts[code]):
                    raise RuntimeError(f"{code} has {len(found)} balances at {moment}")
        rows, probes = _probes(companies["large"], accounts["large"], now)
        asked = len(accounts["large"])
        small, large = (median(each) * 1000 for each in taken.values())
        stage.report(
            f"as of, {asked:,} accounts, {sizes['large']:,} entries: {probes:,} index probes,"
            f" {rows:.0f} entry each, {large:.0f} ms; with {sizes['small']:,} {small:.0f} ms",
            asked / max(probes * rows, 1),
            1.0,
        )


def _probes(company: Account, accounts: list[int], now: datetime) -> tuple[float, int]:
    """How many entries a probe of the index reads, and how many probes there are."""
    moment = now - timedelta(days=100)
    with CaptureQueriesContext(connection) as queries:
        balances_at(master=company.pk, accounts=accounts, moment=moment)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {queries[0]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    found = PROBE.search(plan)
    if found is None:
        raise RuntimeError(f"the index is not used:\n{plan}")
    return float(found[1]), int(found[2])

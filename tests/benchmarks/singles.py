"""``charges.charge`` one at a time from 8 processes, against pgbench's TPC-B-like transaction.

pgbench runs at 8 clients and scale 10, in a database of its own on the same server. Ours are
spread over 10,000 accounts, and then all on the one balance that a company's subaccounts share:
there each waits for the commit of the one before it.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import time
from decimal import Decimal
from typing import Any

from accounts.models import Account, BalanceMode
from billing import charges
from billing.ledger import Status
from console.postgres import binaries
from tests.benchmarks import stage
from tests.benchmarks.companies import open_company
from tests.benchmarks.workers import Crew, hired

CLIENTS = 8
SCALE = 10
ACCOUNTS = 10_000
SHARING = 100
SECONDS = 10
ROUNDS = 3
GOALS = {"spread": 0.25, "hot": 0.12}
WHERE = {
    "spread": f"over {ACCOUNTS:,} accounts",
    "hot": f"{SHARING} accounts on one hot shared balance",
}


def run() -> None:
    """pgbench, ours spread and ours on one balance, by turns."""
    with stage.fresh_database():
        open_company("spread", ACCOUNTS)
        open_company("hot", SHARING, mode=BalanceMode.SHARED)
        workers = hired("singles", CLIENTS, DATABASE_URL=stage.database_url())
        with stage.empty_database("pgbench") as database, workers as crew:
            _pgbench(database, "--initialize", f"--scale={SCALE}", "--quiet")
            measured: dict[str, list[float]] = {"pgbench": [], "spread": [], "hot": []}
            # The first charges of a worker read its accounts and fill the caches.
            for company in GOALS:
                _charge(crew, company, turn=0, seconds=1)
            for turn in range(1, ROUNDS + 1):
                stage.checkpoint()
                measured["pgbench"].append(_run_pgbench(database))
                for company in GOALS:
                    stage.checkpoint()
                    measured[company].append(_charge(crew, company, turn=turn, seconds=SECONDS))
    base = measured["pgbench"]
    for company, goal in GOALS.items():
        ours = measured[company]
        stage.report(
            f"charge() one at a time from {CLIENTS} processes, {WHERE[company]},"
            f" {stage.spread(ours, 'charges/s')}; pgbench {stage.spread(base, 'transactions/s')}",
            stage.ratio(ours, base),
            goal,
        )


def work(number: int, *, company: str, turn: int, seconds: float) -> dict[str, Any]:
    """One process: charge accounts of the company at random, and count."""
    if company not in _accounts:
        # Its subaccounts; the master account itself is not charged.
        found = Account.objects.filter(master__code=company).exclude(code=company)
        _accounts[company] = list(found.order_by("id"))
    accounts = _accounts[company]
    dice = random.Random(f"{company} {turn} {number}")
    made = 0
    began = time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds:
        outcome = charges.charge(
            account=dice.choice(accounts),
            amount=Decimal(dice.randint(1, 99_999)).scaleb(-6),
            reference=f"msg-{turn:02}-{number:02}-{made:08}",
            description="SMS to Egypt",
        )
        if outcome.status is not Status.ACCEPTED:
            raise RuntimeError(str(outcome))
        made += 1
    return {"rate": made / taken}


_accounts: dict[str, list[Account]] = {}


def _charge(crew: Crew, company: str, *, turn: int, seconds: float) -> float:
    """Charges a second, all processes together."""
    done = crew.do({"company": company, "turn": turn, "seconds": seconds})
    return float(sum(one["rate"] for one in done))


def _run_pgbench(database: str) -> float:
    """Transactions a second of the built-in transaction, as pgbench comes."""
    said = _pgbench(database, f"--client={CLIENTS}", "--jobs=2", f"--time={SECONDS}")
    found = re.search(r"^tps = ([\d.]+)", said, re.MULTILINE)
    if found is None:
        raise RuntimeError(said)
    return float(found[1])


def _pgbench(database: str, *options: str) -> str:
    """Run pgbench, the embedded server's or else the machine's, and return what it says."""
    try:
        program = str(binaries.packaged() / "pgbench")
    except binaries.EmbeddedPostgresError:
        program = shutil.which("pgbench") or "pgbench"
    done = subprocess.run(
        [program, *options, database], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout

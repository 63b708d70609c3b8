"""The API over HTTP: gunicorn as docs/operations.md has it, and a socket on 127.0.0.1."""

from __future__ import annotations

import http.client
import json
import random
from functools import partial

from accounts import api_keys
from accounts.models import Account, Scope
from billing.api.bodies import JSON, NDJSON
from tests.benchmarks import stage
from tests.benchmarks.companies import open_company
from tests.benchmarks.serving import served
from tests.benchmarks.workers import hired

ACCOUNTS = 100
BATCH = 5_000
BATCHES = 4
ROUNDS = 5
BATCH_GOAL = 0.25
KINDS = {"json": JSON, "ndjson": NDJSON}

CLIENTS = 4
SECONDS = 3
BALANCE_GOAL = 0.5


def run() -> None:
    """Batches against COPY of the same rows, and reading a balance against a trivial view."""
    with stage.fresh_database():
        stage.make_twin()
        master, accounts = open_company("bench", ACCOUNTS)
        _, key = api_keys.create(
            name="Bench", scopes=list(Scope), master=Account.objects.get(pk=master)
        )
        headers = {"Authorization": f"Bearer {key}"}
        with served() as port:
            for name, kind in KINDS.items():
                _measure_batches(port, name, headers | {"Content-Type": kind})
            _measure_reading(port, headers, trivial=f"/bench/{accounts[0]}")


def _measure_batches(port: int, name: str, headers: dict[str, str]) -> None:
    """From the first byte sent to the last one read; the bodies are made beforehand."""
    posted, copied = [], []
    for turn in range(ROUNDS + 1):
        prefix = f"msg-{name}-{turn}-"
        bodies = _bodies(name, prefix)
        posted.append(stage.timed(partial(_post, port, headers, bodies)))
        rows = stage.entries(prefix)
        if len(rows) != BATCH * BATCHES:
            raise RuntimeError(f"only {len(rows)} were posted")
        copied.append(stage.timed(partial(stage.copy_to_twin, rows)))
    # The first turn filled the caches.
    posted, copied = posted[1:], copied[1:]
    size = BATCH * BATCHES
    stage.report(
        f"batches of {BATCH:,} charges over HTTP as {name.upper()}, {stage.rates(posted, size)};"
        f" COPY {stage.rates(copied, size)}",
        stage.ratio(copied, posted),
        BATCH_GOAL,
    )


def _bodies(name: str, prefix: str) -> list[bytes]:
    dice = random.Random(prefix)
    charges = [
        {
            "reference": f"{prefix}{number:08}",
            "account": f"unit-{dice.randrange(ACCOUNTS)}",
            "amount": f"0.{dice.randint(1, 9_999):06}",
            "description": "SMS to Egypt",
        }
        for number in range(BATCH * BATCHES)
    ]
    batches = [charges[first : first + BATCH] for first in range(0, len(charges), BATCH)]
    if name == "json":
        return [json.dumps({"charges": batch}).encode() for batch in batches]
    return ["\n".join(map(json.dumps, batch)).encode() for batch in batches]


def _post(port: int, headers: dict[str, str], bodies: list[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for body in bodies:
        connection.request("POST", "/api/v1/masters/bench/charges", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200 or said.count(b'"accepted"') != BATCH:
            raise RuntimeError(f"{answer.status} {said[:500]!r}")
    connection.close()


def _measure_reading(port: int, headers: dict[str, str], *, trivial: str) -> None:
    """By turns: the balance of an account, and one row by its primary key."""
    paths = {"balance": "/api/v1/masters/bench/accounts/unit-0/balance", "trivial": trivial}
    rates: dict[str, list[float]] = {"balance": [], "trivial": []}
    with hired("http_load", CLIENTS, DATABASE_URL=stage.database_url()) as crew:
        for turn in range(ROUNDS + 1):
            for name, path in paths.items():
                order = {"port": port, "path": path, "headers": headers}
                seconds = SECONDS if turn else 1
                done = crew.do(order | {"seconds": seconds})
                rates[name].append(sum(one["rate"] for one in done))
    # The first turn filled the caches.
    balance, least = rates["balance"][1:], rates["trivial"][1:]
    stage.report(
        f"reading a balance over HTTP, {CLIENTS} connections, {stage.spread(balance, '/s')};"
        f" a trivial view {stage.spread(least, '/s')}",
        stage.ratio(balance, least),
        BALANCE_GOAL,
    )

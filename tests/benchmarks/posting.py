"""``ledger.post()`` in batches of 1,000 charges, against a bare COPY of the same rows."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from functools import partial

from accounts.models import BalanceMode
from billing.ledger import Leg, Posting, post, transact
from billing.models import Kind, Origin
from tests.benchmarks import stage
from tests.benchmarks.companies import open_company

BATCH = 1_000
BATCHES = 30
ROUNDS = 7
ACCOUNTS = 100
GOAL = 0.4
HOT_GOAL = 0.38
NAMES = {
    "one": f"{ACCOUNTS} accounts, in one transaction as COPY",
    "each": f"{ACCOUNTS} accounts, with a commit each",
    "hot": "one hot shared balance, with a commit each",
}

Work = Callable[[list[list[Posting]]], None]


def run() -> None:
    """Post and copy the same rows by turns; the references are looked up and the limits kept.

    COPY writes all rows in one transaction. The batches are posted likewise, and, as in real life,
    with a commit (and its fsync) each: spread over accounts with balances of their own, and all on
    the one balance that accounts share.
    """
    with stage.fresh_database():
        stage.make_twin()
        master, accounts = open_company("spread", ACCOUNTS)
        _compare("one", partial(_post_in_one, master), accounts, GOAL)
        _compare("each", partial(_post, master), accounts, GOAL)
        master, accounts = open_company("hot", ACCOUNTS, mode=BalanceMode.SHARED)
        _compare("hot", partial(_post, master), accounts, HOT_GOAL)


def _compare(name: str, work: Work, accounts: list[int], goal: float) -> None:
    """Time ``work`` and COPY by turns."""
    posted, copied = [], []
    for turn in range(ROUNDS + 1):
        prefix = f"msg-{name}-{turn}-"
        batches = make_batches(prefix, accounts)
        posted.append(stage.timed(partial(work, batches)))
        rows = stage.entries(prefix)
        if len(rows) != BATCH * BATCHES:
            raise RuntimeError(f"only {len(rows)} were posted")
        copied.append(stage.timed(partial(stage.copy_to_twin, rows)))
    # The first turn filled the caches.
    posted, copied = posted[1:], copied[1:]
    size = BATCH * BATCHES
    stage.report(
        f"post() in batches of {BATCH:,}, {NAMES[name]}, {stage.rates(posted, size)};"
        f" COPY {stage.rates(copied, size)}",
        stage.ratio(copied, posted),
        goal,
    )


def _post(master: int, batches: list[list[Posting]]) -> None:
    for batch in batches:
        transact(partial(post, master=master, postings=batch, origin=Origin.API))


def _post_in_one(master: int, batches: list[list[Posting]]) -> None:
    def work() -> None:
        for batch in batches:
            post(master=master, postings=batch, origin=Origin.API)

    transact(work)


def make_batches(prefix: str, accounts: list[int]) -> list[list[Posting]]:
    """Charges of fractions of a cent, spread over the accounts at random but always the same."""
    dice = random.Random(prefix)
    return [
        [
            Posting(
                Kind.USAGE,
                f"{prefix}{batch:04}-{number:04}",
                (Leg(dice.choice(accounts), -Decimal(dice.randint(1, 99_999)).scaleb(-6)),),
                "SMS to Egypt",
            )
            for number in range(BATCH)
        ]
        for batch in range(BATCHES)
    ]

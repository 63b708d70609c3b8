"""``ledger.post()`` in batches of 1,000 charges over 100 accounts, against a bare COPY."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from functools import partial

from billing.ledger import Leg, Posting, post, transact
from billing.models import Kind, Origin
from tests import factories
from tests.benchmarks import stage

BATCH = 1_000
BATCHES = 50
ROUNDS = 7
GOAL = 0.4


def run() -> None:
    """Post and copy the same rows by turns; the references are looked up and the limits kept.

    COPY writes all rows in one transaction. The batches are posted likewise, and, as in real life,
    with a commit (and its fsync) each.
    """
    with stage.fresh_database():
        stage.make_twin()
        master, accounts = company(100)
        _compare("in one transaction as COPY", partial(_post_in_one, master), accounts, turns=0)
        _compare("with a commit each", partial(_post, master), accounts, turns=ROUNDS + 1)


def _compare(
    how: str, work: Callable[[list[list[Posting]]], None], accounts: list[int], *, turns: int
) -> None:
    """Time ``work`` and COPY by turns; ``turns`` is the number of the first, for references."""
    posted, copied = [], []
    for turn in range(turns, turns + ROUNDS + 1):
        batches = make_batches(turn, accounts)
        posted.append(stage.timed(partial(work, batches)))
        rows = stage.entries(f"msg-{turn:02}-")
        if len(rows) != BATCH * BATCHES:
            raise RuntimeError(f"only {len(rows)} were posted")
        copied.append(stage.timed(partial(stage.copy_to_twin, rows)))
    # The first turn filled the caches.
    posted, copied = posted[1:], copied[1:]
    size = BATCH * BATCHES
    stage.report(
        f"post() in batches of {BATCH:,} {how}, {stage.rates(posted, size)};"
        f" COPY {stage.rates(copied, size)}",
        stage.ratio(copied, posted),
        GOAL,
    )


def _post(master: int, batches: list[list[Posting]]) -> None:
    for batch in batches:
        transact(partial(post, master=master, postings=batch, origin=Origin.API))


def _post_in_one(master: int, batches: list[list[Posting]]) -> None:
    def work() -> None:
        for batch in batches:
            post(master=master, postings=batch, origin=Origin.API)

    transact(work)


def company(size: int) -> tuple[int, list[int]]:
    """A master account with ``size`` allocated subaccounts that may spend; their ids."""
    master = factories.make_master("bench")
    accounts = []
    for number in range(size):
        account = factories.make_subaccount(master, f"unit-{number}")
        factories.give(account, "1000000")
        accounts.append(account.pk)
    return master.pk, accounts


def make_batches(turn: int, accounts: list[int]) -> list[list[Posting]]:
    """Charges of fractions of a cent, spread over the accounts at random."""
    dice = random.Random(turn)
    return [
        [
            Posting(
                Kind.USAGE,
                f"msg-{turn:02}-{batch:04}-{number:04}",
                (Leg(dice.choice(accounts), -Decimal(dice.randint(1, 99_999)).scaleb(-6)),),
                "SMS to Egypt",
            )
            for number in range(BATCH)
        ]
        for batch in range(BATCHES)
    ]

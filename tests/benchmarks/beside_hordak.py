"""Beside django-hordak: the same transfers, ours through our API and theirs through its own.

Its process has its own Django and database on the same server. It keeps no balances and asks no
limits or references: what is compared is how many transfers a caller gets made.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from uuid import uuid4

from accounts.models import Account
from billing import transfers
from billing.ledger import Leg, Posting, Status, post, transact
from billing.models import Kind, Origin
from tests.benchmarks import hordak_plan, stage
from tests.benchmarks.companies import open_company
from tests.benchmarks.hordak_plan import BATCH, Planned
from tests.benchmarks.workers import hired

ROUNDS = 5
# How many a round, and how many times as fast we want to be.
GOALS = {"singly": (300, 1.5), "in batches of 1,000": (2_000, 20)}


def run() -> None:
    """Both ways, theirs and ours by turns."""
    try:
        theirs = f"django-hordak {version('django-hordak')}"
    except PackageNotFoundError:
        print("django-hordak is not installed: `make bench` does that", flush=True)
        return
    with stage.fresh_database(), stage.empty_database("hordak") as database:
        _, ids = open_company("bench", hordak_plan.ACCOUNTS)
        accounts = list(Account.objects.filter(pk__in=ids).order_by("pk"))
        settings = {"DJANGO_SETTINGS_MODULE": "tests.benchmarks.hordak_settings"}
        with hired("hordak_worker", DATABASE_URL=database, **settings) as worker:
            for how, (count, goal) in GOALS.items():
                ours, hordaks = [], []
                for turn in range(ROUNDS + 1):
                    order = {"how": how, "seed": f"{how} {turn}", "count": count}
                    stage.checkpoint()
                    [answer] = worker.do(order)
                    if answer["legs"] != 2 * count:
                        raise RuntimeError(f"only {answer['legs']} legs were written")
                    hordaks.append(float(answer["seconds"]))
                    planned = hordak_plan.transfers(f"{how} {turn}", count)
                    work = _singly if how == "singly" else _in_batches
                    ours.append(stage.timed(partial(work, accounts, planned)))
                # The first turn filled the caches.
                stage.report(
                    f"transfers {how}, {stage.rates(ours[1:], count, 'transfers/s')};"
                    f" {theirs} {stage.rates(hordaks[1:], count, 'transfers/s')}",
                    stage.ratio(hordaks[1:], ours[1:]),
                    goal,
                )


def _singly(accounts: list[Account], planned: list[Planned]) -> None:
    for source, destination, amount in planned:
        transfers.make(
            source=accounts[source],
            destination=accounts[destination],
            amount=amount,
            key=uuid4(),
            by=None,
            note="Budget",
        )


def _in_batches(accounts: list[Account], planned: list[Planned]) -> None:
    master = accounts[0].master_id
    for first in range(0, len(planned), BATCH):
        postings = [
            _posting(accounts[source].pk, accounts[destination].pk, amount)
            for source, destination, amount in planned[first : first + BATCH]
        ]
        work = partial(post, master=master, postings=postings, origin=Origin.CONSOLE)
        if any(outcome.status is not Status.ACCEPTED for outcome in transact(work)):
            raise RuntimeError("a transfer was refused")


def _posting(source: int, destination: int, amount: Decimal) -> Posting:
    legs = (Leg(source, -amount), Leg(destination, amount))
    return Posting(Kind.TRANSFER, str(uuid4()), legs, "Budget")

"""The process of django-hordak: its own database, its own API."""

from __future__ import annotations

import time
from typing import Any

from django.core.management import call_command
from django.db import connection, transaction
from hordak.models import Account, AccountType, Leg, Transaction
from moneyed import Money

from tests.benchmarks.hordak_plan import ACCOUNTS, BATCH, CURRENCY, Planned, transfers

_accounts: list[Account] = []


def work(number: int, *, how: str, seed: str, count: int) -> dict[str, Any]:
    """Make the transfers of ``seed``, and say how many seconds they took."""
    if not _accounts:
        _prepare()
    planned = transfers(seed, count)
    before = Leg.objects.count()
    with connection.cursor() as cursor:
        # Its triggers keep the plans that were made while the tables were empty, at ten times the
        # cost, until there are new statistics: as in a database that has lived for a while.
        cursor.execute("VACUUM ANALYZE")
    began = time.perf_counter()
    (_singly if how == "singly" else _in_batches)(planned)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "legs": Leg.objects.count() - before}


def _singly(planned: list[Planned]) -> None:
    for source, destination, amount in planned:
        _accounts[source].transfer_to(
            _accounts[destination], Money(amount, CURRENCY), description="Budget"
        )


def _in_batches(planned: list[Planned]) -> None:
    for first in range(0, len(planned), BATCH):
        batch = planned[first : first + BATCH]
        with transaction.atomic():
            made = Transaction.objects.bulk_create(
                [Transaction(description="Budget") for _ in batch]
            )
            Leg.objects.bulk_create(
                leg
                for parent, (source, destination, amount) in zip(made, batch, strict=True)
                for leg in (
                    Leg(
                        transaction=parent,
                        account=_accounts[source],
                        credit=Money(amount, CURRENCY),
                    ),
                    Leg(
                        transaction=parent,
                        account=_accounts[destination],
                        debit=Money(amount, CURRENCY),
                    ),
                )
            )


def _prepare() -> None:
    call_command("migrate", verbosity=0)
    for place in range(ACCOUNTS):
        _accounts.append(
            Account.objects.create(
                name=f"Unit {place}", type=AccountType.liability, currencies=[CURRENCY]
            )
        )

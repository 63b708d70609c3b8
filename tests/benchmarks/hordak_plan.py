"""The transfers that both ledgers are to make; in neither's Django."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import NamedTuple

ACCOUNTS = 100
BATCH = 1_000
CURRENCY = "EUR"


class Planned(NamedTuple):
    """From one account to another, by their places in the list of accounts."""

    source: int
    destination: int
    amount: Decimal


def transfers(seed: str, count: int) -> list[Planned]:
    """Transfers at random, but the same for both."""
    dice = random.Random(seed)
    return [
        Planned(*dice.sample(range(ACCOUNTS), 2), Decimal(dice.randint(1, 999)).scaleb(-2))
        for _ in range(count)
    ]

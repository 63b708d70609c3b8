"""What the workers of the fault tests do: numbered operations, the same each time they are done.

An operation is known by its worker, round and number. So a process that was killed is followed by
another that does the very same again, and the test knows what to look for.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db.models import QuerySet

from accounts.models import Account, BalanceMode
from billing import charges, holds, transfers
from billing.charges import Charge
from billing.ledger_sql import BULK
from billing.models import Entry, Hold, HoldState, Origin, Transfer
from billing.refusals import Refused
from tests.factories import give, make_master, make_subaccount

# How many charges stand in a batch that is written by COPY, and in one that is not.
MANY, FEW = 5 * BULK, BULK // 2
# The bank's accounts, and what each has in the beginning.
BANK = 6
OPENING = Decimal(1000)


class Operation(Protocol):
    """Something that is done whole or not at all, and that done twice is done once."""

    @property
    def size(self) -> int:
        """How many rows it leaves."""
        ...

    @property
    def entries(self) -> int:
        """How many of them are entries."""
        ...

    def do(self) -> tuple[list[str], list[list[Any]]]:
        """Do it; the statuses and the rows that the caller was told."""
        ...

    def found(self) -> list[list[Any]]:
        """The rows that the database has of it, as ``do`` tells them."""
        ...


@dataclass(frozen=True)
class Charging:
    """One charge, or a batch."""

    master: int
    charges: tuple[Charge, ...]

    @property
    def size(self) -> int:
        return len(self.charges)

    entries = size

    def do(self) -> tuple[list[str], list[list[Any]]]:
        outcomes = charges.charge_many(master=self.master, charges=self.charges)
        rows = [_row(row) for outcome in outcomes for row in outcome.rows]
        return [outcome.status.value for outcome in outcomes], sorted(rows)

    def found(self) -> list[list[Any]]:
        names = [charge.reference for charge in self.charges]
        entries = Entry.objects.filter(master=self.master, origin=Origin.API, reference__in=names)
        return sorted(_row(entry) for entry in entries)


@dataclass(frozen=True)
class Moving:
    """A transfer: its own row and two entries."""

    source: Account
    destination: Account
    amount: Decimal
    key: UUID
    size = 3
    entries = 2

    def do(self) -> tuple[list[str], list[list[Any]]]:
        try:
            transfer = transfers.make(
                source=self.source,
                destination=self.destination,
                amount=self.amount,
                key=self.key,
                by=None,
            )
        except Refused as refusal:
            return [refusal.code], []
        return [], [
            [transfer.pk, f"{transfer.amount:.6f}"],
            [self.source.pk, f"{-self.amount:.6f}"],
            [self.destination.pk, f"{self.amount:.6f}"],
        ]

    def found(self) -> list[list[Any]]:
        made = Transfer.objects.filter(master=self.source.master_id, key=self.key)
        legs = Entry.objects.filter(
            master=self.source.master_id, origin=Origin.CONSOLE, reference=str(self.key)
        ).order_by("leg")
        return [
            *([each.pk, f"{each.amount:.6f}"] for each in made),
            *([leg.account_id, f"{leg.amount:.6f}"] for leg in legs),
        ]


@dataclass(frozen=True)
class Holding:
    """A hold; what becomes of it later is told by what follows."""

    account: Account
    amount: Decimal
    reference: str
    size = 1
    entries = 0

    def do(self) -> tuple[list[str], list[list[Any]]]:
        outcome = holds.hold(account=self.account, amount=self.amount, reference=self.reference)
        return [outcome.status.value], [_hold(hold) for hold in [outcome.hold] if hold]

    def found(self) -> list[list[Any]]:
        return [_hold(hold) for hold in _holds(self.account.master_id, self.reference)]


@dataclass(frozen=True)
class Capturing:
    """A part of a hold, or (``amount`` None) what remains of it."""

    master: int
    hold: str
    amount: Decimal | None
    reference: str
    final: bool = False
    size = 1
    entries = 1

    def do(self) -> tuple[list[str], list[list[Any]]]:
        outcome = holds.capture(
            master=self.master,
            hold=_holds(self.master, self.hold).get().id,
            amount=self.amount,
            reference=self.reference,
            final=self.final,
        )
        return [outcome.status.value], [_row(row) for row in outcome.rows]

    def found(self) -> list[list[Any]]:
        entries = Entry.objects.filter(
            master=self.master, origin=Origin.API, reference=self.reference
        )
        return [_row(entry) for entry in entries]


@dataclass(frozen=True)
class Releasing:
    """The end of a hold."""

    master: int
    hold: str
    size = 1
    entries = 0

    def do(self) -> tuple[list[str], list[list[Any]]]:
        hold = _holds(self.master, self.hold).get()
        hold = holds.release(master=self.master, hold=hold.id)
        return [], [[hold.state, *_hold(hold)]]

    def found(self) -> list[list[Any]]:
        ended = _holds(self.master, self.hold).filter(state=HoldState.RELEASED)
        return [[hold.state, *_hold(hold)] for hold in ended]


def _holds(master: int, reference: str) -> QuerySet[Hold]:
    return Hold.objects.filter(master=master, origin=Origin.API, reference=reference)


def _hold(hold: Hold) -> list[Any]:
    return [hold.reference, str(hold.id), hold.account_id, hold.holder_id, f"{hold.amount:.6f}"]


def _row(entry: Any) -> list[Any]:
    return [
        entry.reference,
        entry.account_id,
        entry.holder_id,
        entry.seq,
        f"{entry.amount:.6f}",
        f"{entry.balance_after:.6f}",
    ]


def open_charged_company(code: str) -> Account:
    """A company with more credit than the workers can spend, on three balances."""
    master = make_master(code)
    own = [make_subaccount(master, name) for name in ("alpha", "beta")]
    for name in ("gamma", "delta"):
        make_subaccount(master, name, mode=BalanceMode.SHARED)
    for account in (master, *own):
        give(account, 1_000_000)
    return master


def open_bank(code: str) -> Account:
    """A company whose money only goes round: BANK accounts with OPENING each."""
    master = make_master(code)
    for number in range(1, BANK):
        make_subaccount(master, f"teller-{number}")
    for account in tree_of(master.pk):
        give(account, OPENING)
    return master


def tree_of(master: int) -> Sequence[Account]:
    """The company's accounts in the order in which they were opened, itself first."""
    return list(Account.objects.filter(master=master).order_by("pk"))


def charging(tree: Sequence[Account], name: str, number: int) -> Operation:
    """Operation ``number`` of a worker's round: charges, a transfer, a hold and its end."""
    master, alpha, beta, *_shared = tree
    draw = random.Random(f"{name} {number}")
    step, reference = number % 10, f"{name}-{number}"
    hold = f"{name}-{number - step + 1}"
    if step == 1:
        return Holding(draw.choice(tree), Decimal(5), reference)
    if step == 4:
        key = uuid5(NAMESPACE_URL, reference)
        return Moving(alpha, beta, Decimal(draw.randint(1, 9)), key)
    if step == 5:
        return Capturing(master.pk, hold, Decimal("1.25"), reference)
    if step == 8:
        # What was released has been captured in part; the other one is captured to its end.
        if number % 20 == 8:
            return Releasing(master.pk, hold)
        return Capturing(master.pk, hold, None, reference)
    asked = [
        Charge(
            draw.choice(tree).pk,
            Decimal(draw.randint(1, 20_000)).scaleb(-4),
            f"{reference}-{nth}",
        )
        for nth in range({2: MANY, 7: FEW}.get(step, 1))
    ]
    return Charging(master.pk, tuple(asked))


def banking(tree: Sequence[Account], name: str, number: int) -> Operation:
    """Transfer ``number`` of a worker's round, between two accounts at random."""
    draw = random.Random(f"{name} {number}")
    source, destination = draw.sample(tree, 2)
    amount = Decimal(draw.randint(1, 40_000)).scaleb(-2)
    return Moving(source, destination, amount, uuid5(NAMESPACE_URL, f"{name}-{number}"))


KINDS = {"charging": charging, "banking": banking}

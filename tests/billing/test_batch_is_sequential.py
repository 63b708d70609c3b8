"""A batch is decided as its charges one by one would be, row for row, whatever is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account, BalanceMode
from billing import charges, holds, ledger_sql, tree
from billing.charges import Charge
from billing.ledger import Outcome
from billing.models import Balance, Entry
from tests.factories import give, make_master, make_subaccount, set_limit

pytestmark = pytest.mark.django_db

NAMES = ["master", "alpha", "beta", "shared", "other-shared", "suspended"]


class Asked(NamedTuple):
    """A charge, by the name of its account."""

    account: str
    amount: Decimal
    reference: str
    enforce: bool


AMOUNTS = [Decimal(text) for text in ("0.000001", "0.0075", "1", "9.992499", "10", "24.5", "60")]


def _asked(number: int, other: bool, enforce: bool) -> Asked:
    """What a reference usually stands for; ``other``: the same reference for something else."""
    content = number + other
    account, amount = NAMES[content % len(NAMES)], AMOUNTS[content % len(AMOUNTS)]
    return Asked(account, amount, f"m-{number}", enforce)


# Few of them, so that they repeat and that a limit is met to the last micro.
asked = st.builds(
    _asked,
    st.integers(1, 90),
    other=st.sampled_from([False] * 7 + [True]),
    enforce=st.sampled_from([True] * 7 + [False]),
)
few = st.lists(asked, min_size=1, max_size=ledger_sql.BULK - 1)
many = st.lists(asked, min_size=ledger_sql.BULK, max_size=ledger_sql.BULK + 25)
many_apart = st.lists(
    asked,
    min_size=ledger_sql.BULK,
    max_size=ledger_sql.BULK + 25,
    unique_by=lambda each: each.reference,
)


@pytest.fixture
def twins(db) -> list[dict[str, Account]]:
    """Two companies that differ in nothing but their codes."""
    return [_open(code) for code in ("castor", "pollux")]


def _open(code: str) -> dict[str, Account]:
    master = make_master(code, name="Twin")
    accounts = {"master": master}
    for name in NAMES[1:]:
        mode = BalanceMode.SHARED if "shared" in name else BalanceMode.ALLOCATED
        accounts[name] = make_subaccount(master, name, mode=mode)
    give(master, 100)
    give(accounts["alpha"], 40)
    set_limit(accounts["alpha"], 20)
    set_limit(accounts["beta"], 30)
    holds.hold(account=accounts["alpha"], amount=Decimal("12.5"), reference="h-1")
    give(accounts["suspended"], 50)
    tree.suspend(account=accounts["suspended"])
    return accounts


@pytest.fixture(scope="module")
def tally() -> Iterator[Counter[str]]:
    """What became of the charges of all examples."""
    statuses: Counter[str] = Counter()
    yield statuses
    print(f"charges in batches and one by one alike: {dict(statuses)}")


QUIETLY = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=40, deadline=None, suppress_health_check=QUIETLY)
@given(first=few, second=few)
def test_batches_in_one_statement_are_their_charges_one_by_one(twins, tally, first, second):
    _compare(twins, [first, second], tally)


@settings(max_examples=20, deadline=None, suppress_health_check=QUIETLY)
@given(first=many, second=few)
def test_batches_by_copy_are_their_charges_one_by_one(twins, tally, first, second):
    _compare(twins, [first, second], tally)


@settings(max_examples=20, deadline=None, suppress_health_check=QUIETLY)
@given(first=many_apart, second=many_apart)
def test_batches_that_name_nothing_twice_are_their_charges_one_by_one(twins, tally, first, second):
    """The ledger may decide these holder after holder."""
    _compare(twins, [first, second], tally)


def _compare(
    twins: Sequence[dict[str, Account]], batches: Sequence[list[Asked]], tally: Counter[str]
) -> None:
    """Charge one twin in batches and the other one by one, compare, and take it all back."""
    before = transaction.savepoint()
    try:
        together, apart = twins
        for batch in batches:
            at_once = charges.charge_many(
                master=together["master"].pk, charges=[_charge(together, each) for each in batch]
            )
            one_by_one = [
                charges.charge_many(master=apart["master"].pk, charges=[_charge(apart, each)])[0]
                for each in batch
            ]
            for each, left, right in zip(batch, at_once, one_by_one, strict=True):
                assert _told(together, left) == _told(apart, right), each
            tally.update(outcome.status.value for outcome in at_once)
        assert _books(together) == _books(apart)
    finally:
        # Every example finds the twins as they were opened.
        transaction.savepoint_rollback(before)


def _charge(accounts: dict[str, Account], each: Asked) -> Charge:
    return Charge(
        accounts[each.account].pk,
        each.amount,
        each.reference,
        description=f"{each.amount} of {each.account}",
        enforce_limit=each.enforce,
    )


def _told(accounts: dict[str, Account], outcome: Outcome) -> tuple[Any, ...]:
    """What the caller is told, by the names of accounts."""
    names = {account.pk: name for name, account in accounts.items()}
    refusal = outcome.refusal
    figures = refusal and {
        "account": names[refusal.account],
        "code": refusal.code,
        "message": refusal.message,
        "available": getattr(refusal, "available", None),
        "short_by": getattr(refusal, "short_by", None),
    }
    return outcome.status, [_row(names, row) for row in outcome.rows], figures


def _row(names: dict[int, str], row: Any) -> tuple[Any, ...]:
    return (
        names[row.holder_id],
        row.seq,
        names[row.account_id],
        row.leg,
        row.kind,
        row.origin,
        row.reference,
        row.description,
        row.amount,
        row.balance_after,
    )


def _books(accounts: dict[str, Account]) -> tuple[Any, ...]:
    names = {account.pk: name for name, account in accounts.items()}
    entries = Entry.objects.filter(master=accounts["master"]).exclude(kind="payment")
    balances = Balance.objects.filter(master=accounts["master"])
    return (
        sorted(_row(names, entry) for entry in entries),
        sorted((names[b.account_id], b.credit, b.on_hold, b.last_seq) for b in balances),
    )

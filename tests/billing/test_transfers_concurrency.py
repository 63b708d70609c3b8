"""Transfers at once: real threads, each with a connection of its own."""

from __future__ import annotations

import threading
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import transaction

from accounts.models import BalanceMode
from billing import transfers, tree
from billing.history import record
from billing.locking import lock_balances
from billing.models import AccountAction, Entry, Kind, Transfer
from billing.verification import verify
from tests.factories import balance_of, give
from tests.threads import at_once, wait_until_someone_waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ten(cast):
    """Ten pounds from Marketing (500) to Retail (20.50): the arguments, to be changed."""
    return {
        "source": cast.marketing,
        "destination": cast.retail,
        "amount": Decimal(10),
        "key": uuid4(),
        "by": cast.admin,
    }


def test_opposite_transfers_at_once_do_not_deadlock_and_keep_the_total(cast):
    give(cast.retail, "479.50")
    a, b, rounds = cast.marketing, cast.retail, 15

    def many(source, destination, amount):
        def call():
            for _ in range(rounds):
                transfers.make(
                    source=source, destination=destination, amount=amount, key=uuid4(), by=None
                )

        return call

    at_once(
        *[many(a, b, Decimal("1.25")), many(b, a, Decimal("0.75"))] * 3,
        many(cast.nile, a, Decimal(1)),
        many(b, cast.nile, Decimal(1)),
    )

    assert Transfer.objects.count() == rounds * 8
    assert Entry.objects.filter(kind=Kind.TRANSFER).count() == rounds * 8 * 2
    total = sum(balance_of(account).credit for account in (a, b, cast.nile))
    assert total == Decimal(11000)
    assert balance_of(b).credit == 500 + rounds * (3 * Decimal("0.50") - 1)
    assert verify().is_clean


def test_one_key_from_eight_threads_at_once_is_one_transfer(cast, ten):
    results = at_once(*[lambda: transfers.make(**ten).pk] * 8)
    assert len(set(results)) == 1
    assert Transfer.objects.count() == 1
    assert Entry.objects.filter(kind=Kind.TRANSFER).count() == 2
    assert balance_of(cast.marketing).credit == Decimal(490)


def test_one_key_with_two_contents_at_once_is_one_transfer_and_one_conflict(cast, ten):
    other = ten | {"amount": Decimal(11)}
    results = at_once(*[lambda: transfers.make(**ten), lambda: transfers.make(**other)] * 4)
    made = {result.pk for result in results if isinstance(result, Transfer)}
    refusals = [result for result in results if not isinstance(result, Transfer)]
    assert len(made) == 1
    assert len(refusals) == 4
    assert {type(refusal) for refusal in refusals} == {transfers.KeyConflict}
    assert Transfer.objects.count() == 1


def test_the_last_credit_is_moved_once_however_many_ask_for_it(cast, ten):
    results = at_once(
        *[lambda: transfers.make(**ten | {"amount": Decimal(300), "key": uuid4()})] * 6
    )
    assert [type(result) for result in results].count(Transfer) == 1
    assert balance_of(cast.marketing).credit == Decimal(200)
    assert verify().is_clean


def test_suspending_while_transfers_run_neither_deadlocks_nor_lets_one_through_after(cast, ten):
    def suspend():
        tree.suspend(account=cast.marketing)
        return Transfer.objects.count()

    results = at_once(
        *[lambda: transfers.make(**ten | {"key": uuid4()})] * 6,
        suspend,
    )
    made = [result for result in results if isinstance(result, Transfer)]
    assert Transfer.objects.count() == len(made) == results[-1]
    assert balance_of(cast.marketing).credit == 500 - 10 * len(made)


def test_a_switch_of_mode_while_a_transfer_waits_neither_deadlocks_nor_lets_it_through(cast, ten):
    """Both ask for the balances first, so the transfer reads the new mode and is refused."""
    locked = threading.Event()

    def switch():
        with transaction.atomic():
            lock_balances(cast.gulf_sales)
            locked.set()
            wait_until_someone_waits_for_a_lock()
            cast.gulf_sales.balance_mode = BalanceMode.SHARED
            cast.gulf_sales.save()
            record(cast.gulf_sales, AccountAction.SHARED, None)

    def move():
        locked.wait(20)
        accounts = {"source": cast.gulf, "destination": cast.gulf_sales}
        return transfers.make(**(ten | accounts))

    _, refusal = at_once(switch, move)
    assert isinstance(refusal, transfers.SharedBalance)
    assert not Transfer.objects.exists()
    assert verify().is_clean

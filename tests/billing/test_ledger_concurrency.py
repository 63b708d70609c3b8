"""Many at once, with real threads and connections: nothing is lost, doubled or overdrawn."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction

from accounts.models import Account, BalanceMode
from billing import charges, ledger
from billing.charges import Charge
from billing.history import record
from billing.ledger import Leg, Posting, Status
from billing.locking import lock_balances
from billing.models import AccountAction, Entry, Kind, Origin
from billing.verification import verify
from tests.factories import balance_of, give
from tests.threads import at_once, wait_until_someone_waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)


def test_exactly_as_many_charges_are_accepted_as_the_balance_allows(cast):
    give(cast.retail, "9.50")  # 30 in all

    def charge(worker):
        return [
            charges.charge(
                account=cast.retail, amount=Decimal(1), reference=f"{worker}-{n}"
            ).status
            for n in range(10)
        ]

    results = at_once(*(lambda worker=worker: charge(worker) for worker in range(8)))
    statuses = [status for result in results for status in result]
    assert statuses.count(Status.ACCEPTED) == 30
    assert statuses.count(Status.REFUSED) == 50
    assert balance_of(cast.retail).credit == 0
    assert verify().is_clean


def test_one_reference_from_many_threads_is_one_posting_and_one_answer(cast):
    def charge():
        return charges.charge(account=cast.otp, amount=Decimal(1), reference="m-1")

    outcomes = at_once(*[charge] * 12)
    assert sorted(outcome.status for outcome in outcomes) == ["accepted"] + ["replayed"] * 11
    assert len({outcome.rows[0].seq for outcome in outcomes}) == 1
    assert Entry.objects.filter(reference="m-1").count() == 1


def test_one_reference_for_two_holders_at_once_is_one_posting_and_one_conflict(cast):
    """The two do not meet on a balance's lock, but on the unique key: one starts again."""
    for n in range(10):
        outcomes = at_once(
            lambda n=n: charges.charge(
                account=cast.marketing, amount=Decimal(1), reference=f"m-{n}"
            ),
            lambda n=n: charges.charge(account=cast.retail, amount=Decimal(1), reference=f"m-{n}"),
        )
        assert sorted(outcome.status for outcome in outcomes) == ["accepted", "conflict"]
    assert verify().is_clean


def test_a_holder_that_changed_while_waiting_for_the_lock_is_read_again(cast):
    """The charge waits for the balance; when it gets it, the account is shared: begin anew."""
    Account.objects.filter(pk=cast.gulf_sales.pk).update(state="active")
    entered = threading.Event()

    def switch():
        with transaction.atomic():
            lock_balances(cast.gulf_sales)
            entered.set()
            wait_until_someone_waits_for_a_lock()
            cast.gulf_sales.balance_mode = BalanceMode.SHARED
            cast.gulf_sales.save()
            record(cast.gulf_sales, AccountAction.SHARED, None)

    def charge():
        entered.wait(20)
        return charges.charge(account=cast.gulf_sales, amount=Decimal(1), reference="m-1")

    _, outcome = at_once(switch, charge)
    assert outcome.status == Status.ACCEPTED
    assert outcome.rows[0].holder_id == cast.gulf.pk
    assert balance_of(cast.gulf_sales).credit == 0
    assert verify().is_clean


def test_work_starts_again_once_and_then_says_so():
    attempts = []

    def work():
        attempts.append(1)
        raise ledger.StartAgain

    with pytest.raises(ledger.StartAgain):
        ledger.transact(work)
    assert len(attempts) == 2


def test_a_suspension_that_committed_first_is_obeyed(cast):
    entered = threading.Event()

    def suspend():
        with transaction.atomic():
            lock_balances(cast.retail)
            entered.set()
            wait_until_someone_waits_for_a_lock()
            Account.objects.filter(pk=cast.retail.pk).update(state="suspended")

    def charge():
        entered.wait(20)
        return charges.charge(account=cast.retail, amount=Decimal(1), reference="m-1")

    _, outcome = at_once(suspend, charge)
    assert outcome.refusal.code == "suspended"


def test_time_does_not_run_backwards_while_holders_are_shared_by_threads(cast):
    def work(worker):
        for n in range(10):
            postings = [
                Posting(Kind.USAGE, f"{worker}-{n}-{i}", (Leg(cast.otp.pk, Decimal("-0.01")),))
                for i in range(50)
            ]
            ledger.transact(
                lambda postings=postings: ledger.post(
                    master=cast.nile.pk, postings=postings, origin=Origin.API
                )
            )

    at_once(*(lambda worker=worker: work(worker) for worker in range(4)))
    assert Entry.objects.filter(account=cast.otp).count() == 2000
    assert verify().is_clean


def test_a_balance_that_somebody_holds_too_long_is_said_to_be_busy(cast):
    charged = threading.Event()

    def hold():
        with transaction.atomic():
            lock_balances(cast.retail)
            charged.wait(30)

    def charge():
        wait_until_locked()
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        try:
            with pytest.raises(ledger.StartAgain):
                charges.charge(account=cast.retail, amount=Decimal(1), reference="m-1")
        finally:
            charged.set()

    def wait_until_locked():
        query = "SELECT 1 FROM billing_balance WHERE account_id = %s FOR UPDATE SKIP LOCKED"
        with connection.cursor() as cursor:
            for _ in range(2000):
                cursor.execute(query, [cast.retail.pk])
                if cursor.fetchone() is None:
                    return
                cursor.execute("SELECT pg_sleep(0.01)")
        raise AssertionError("the balance was never locked")

    at_once(hold, charge)
    assert not Entry.objects.filter(reference="m-1").exists()


def test_who_starts_again_and_then_waits_in_vain_is_told_so_too(cast):
    attempts = []

    def work():
        attempts.append(1)
        if len(attempts) == 1:
            raise ledger.StartAgain
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '50ms'")
        lock_balances(cast.retail)

    locked, tried = threading.Event(), threading.Event()

    def hold_the_lock():
        with transaction.atomic():
            lock_balances(cast.retail)
            locked.set()
            tried.wait(20)

    def start_again():
        locked.wait(20)
        try:
            with pytest.raises(ledger.StartAgain):
                ledger.transact(work)
        finally:
            tried.set()

    at_once(hold_the_lock, start_again)
    assert len(attempts) == 2


def test_batches_that_take_the_same_references_the_other_way_round_end_with_one_posting_each(
    cast,
):
    """They meet on the unique key in both orders: PostgreSQL ends one, which tries again."""
    give(cast.retail, "1000")
    for round_ in range(4):
        references = [f"m-{round_}-{n:03}" for n in range(600)]

        def charge(account, named):
            batch = [Charge(account.pk, Decimal("0.01"), reference) for reference in named]
            try:
                outcomes = charges.charge_many(master=cast.nile.pk, charges=batch)
            except charges.StartAgain:
                return None
            return {outcome.status for outcome in outcomes}

        at_once(
            lambda names=references, charge=charge: charge(cast.marketing, names),
            lambda names=references, charge=charge: charge(cast.retail, names[::-1]),
        )
        assert charge(cast.marketing, references) in ({Status.REPLAYED}, {Status.CONFLICT})
        assert Entry.objects.filter(reference__startswith=f"m-{round_}-").count() == 600
    assert verify().is_clean

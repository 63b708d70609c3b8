"""Many at once, with real threads and connections: nothing is lost, doubled or overdrawn."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection, transaction

from accounts.models import Account
from billing import charges, ledger, transfers, tree
from billing.ledger import Leg, Posting, Status
from billing.models import Balance, Entry, Kind, Origin, Transfer
from billing.refusals import InsufficientBalance
from billing.verification import verify
from tests.factories import balance_of, give

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*jobs):
    """Run the jobs in threads of their own, all released at one moment; their results in order."""
    start = threading.Barrier(len(jobs), timeout=30)

    def run(job):
        try:
            with connection.cursor() as cursor:
                # A test that locks itself out fails instead of hanging.
                cursor.execute("SET lock_timeout = '30s'")
            start.wait()
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, job) for job in jobs]]


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


def test_transfers_in_opposite_directions_neither_deadlock_nor_lose_credit(cast):
    def move(source, destination):
        moved = 0
        for _ in range(15):
            try:
                transfers.make(
                    source=source,
                    destination=destination,
                    amount=Decimal("3.25"),
                    key=uuid4(),
                    by=cast.admin,
                )
            except InsufficientBalance:
                continue
            moved += 1
        return moved

    pairs = [
        (cast.retail, cast.marketing),
        (cast.marketing, cast.retail),
        (cast.nile, cast.retail),
        (cast.retail, cast.nile),
        (cast.marketing, cast.nile),
        (cast.nile, cast.marketing),
    ]
    moved = at_once(*(lambda pair=pair: move(*pair) for pair in pairs))
    company = Balance.objects.filter(master=cast.nile)
    assert sum(balance.credit for balance in company) == Decimal("10520.50")
    assert Transfer.objects.count() == sum(moved)
    assert Entry.objects.filter(kind=Kind.TRANSFER).count() == 2 * sum(moved)
    assert all(balance.credit >= 0 for balance in company)
    assert verify().is_clean


def test_one_form_sent_many_times_at_once_moves_credit_once(cast):
    key = uuid4()

    def send():
        return transfers.make(
            source=cast.nile,
            destination=cast.retail,
            amount=Decimal(5),
            key=key,
            by=cast.admin,
        ).pk

    assert len(set(at_once(*[send] * 8))) == 1
    assert balance_of(cast.retail).credit == Decimal("25.50")
    assert verify().is_clean


def test_a_holder_that_changed_while_waiting_for_the_lock_is_read_again(cast):
    """The charge waits for the balance; when it gets it, the account is shared: begin anew."""
    Account.objects.filter(pk=cast.gulf_sales.pk).update(state="active")
    entered = threading.Event()

    def switch():
        with transaction.atomic():
            tree.lock_balances(cast.gulf_sales)
            entered.set()
            _wait_until_someone_waits_for_a_lock()
            Account.objects.filter(pk=cast.gulf_sales.pk).update(balance_mode="shared")

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
            tree.lock_balances(cast.retail)
            entered.set()
            _wait_until_someone_waits_for_a_lock()
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


def _wait_until_someone_waits_for_a_lock():
    """Until another session of this database is blocked: a fact, not a guess about timing."""
    with connection.cursor() as cursor:
        for _ in range(2000):
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock' AND pg_sleep(0.01) IS NOT NULL"
            )
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody came to wait for the lock")

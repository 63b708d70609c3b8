"""Credit limits that are cut while charges go on: never past the limit in force."""

from __future__ import annotations

import itertools
import threading
import time
from decimal import Decimal
from typing import NamedTuple

import pytest
from django.db import transaction

from billing import charges, limits
from billing.ledger import Outcome, Status
from billing.locking import lock_balances
from billing.models import CreditLimitChange, Entry
from billing.verification import verify
from tests.factories import balance_of, give, make_master, make_subaccount, set_limit
from tests.threads import at_once, wait_until_someone_waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)


class Charged(NamedTuple):
    """A charge, and when it was asked for and answered: by a counter that all threads share."""

    began: int
    ended: int
    outcome: Outcome

    @property
    def seq(self) -> int | None:
        return self.outcome.rows[0].seq if self.outcome.status == Status.ACCEPTED else None


def test_no_charge_goes_past_a_limit_that_was_cut_before_it_began(cast):
    """What can be said for certain, whatever the clocks say.

    ``seq`` is the order in which postings had the lock. A charge that began after a cut had
    returned is decided by it, and so is every later ``seq``.
    """
    account = make_subaccount(cast.nile, "campaigns")
    set_limit(account, 60)
    tick = itertools.count().__next__
    done: list[Charged] = []
    cuts: list[tuple[int, Decimal]] = []
    over = threading.Event()

    def spend(worker):
        for number in itertools.count():
            if over.is_set():
                return
            began = tick()
            outcome = charges.charge(
                account=account, amount=Decimal(1), reference=f"{worker}-{number}"
            )
            done.append(Charged(began, tick(), outcome))

    def cut():
        try:
            for limit in map(Decimal, (50, 40, 30, 20, 10, 0)):
                # At the limit, then in the middle of charges that are accepted again.
                wait_for(lambda each: not each.seq, tick())
                spent = tick()
                give(account, 15)
                wait_for(lambda each: each.seq, spent)
                limits.change(account=account, limit=limit, reason="late payer")
                cuts.append((tick(), limit))
                # More than the cut took away: also one that spent all has something again.
                give(account, 15)
                wait_for(lambda each: each.seq, cuts[-1][0])
        finally:
            over.set()

    def wait_for(what, moment):
        deadline = time.monotonic() + 60
        while not any(what(each) and each.began > moment for each in done[-50:]):
            assert time.monotonic() < deadline, "nobody was told so any more"
            time.sleep(0.001)

    at_once(cut, *(lambda worker=worker: spend(worker) for worker in range(5)))

    entries = Entry.objects.filter(account=account).order_by("seq")
    after = {entry.seq: entry.balance_after for entry in entries}
    used = [entry.seq for entry in entries if entry.amount < 0]
    for moment, limit in cuts:
        first = min(each.seq for each in done if each.seq and each.began > moment)
        assert [seq for seq in used if seq >= first and after[seq] < -limit] == []
    assert min(after.values()) >= -60
    # What was refused was told the figures of a moment that there was.
    told = {each.outcome.refusal.available for each in done if not each.seq}
    known = {credit + limit for credit in after.values() for limit in range(0, 61, 10)}
    assert told <= known
    assert all(available < 1 for available in told)
    assert verify().is_clean
    refused = sum(not each.seq for each in done)
    print(f"a limit cut {len(cuts)} times: {len(used)} charges accepted, {refused} refused")


def test_limits_changed_by_many_at_once_leave_one_chain(cast):
    def change(number):
        limits.change(account=cast.retail, limit=Decimal(number), reason=f"by {number}")

    at_once(*(lambda number=number: change(number) for number in range(1, 13)))
    changes = list(CreditLimitChange.objects.filter(account=cast.retail).order_by("id"))
    assert sorted(change.new for change in changes) == list(range(1, 13))
    assert [change.old for change in changes] == [0] + [change.new for change in changes[:-1]]
    assert balance_of(cast.retail).credit_limit == changes[-1].new
    assert [change.changed_at for change in changes] == sorted(c.changed_at for c in changes)
    assert verify().is_clean


@pytest.mark.parametrize("first", ["cut", "charge"])
def test_a_cut_and_a_charge_that_wait_for_one_balance_are_obeyed_in_their_order(db, first):
    """PostgreSQL serves those who wait for a row in the order in which they came."""
    # A master account: a subaccount's cut has two rows to wait for.
    account = make_master("solo")
    set_limit(account, 10)
    locked, queued = threading.Event(), threading.Event()

    def keep():
        with transaction.atomic():
            lock_balances(account)
            locked.set()
            wait_until_someone_waits_for_a_lock()
            queued.set()
            wait_until_someone_waits_for_a_lock(2)

    def cut():
        (locked if first == "cut" else queued).wait(30)
        limits.change(account=account, limit=Decimal(3), reason="late payer")

    def charge():
        (locked if first == "charge" else queued).wait(30)
        return charges.charge(account=account, amount=Decimal(5), reference="m-1")

    _, _, outcome = at_once(keep, cut, charge)
    if first == "cut":
        assert (outcome.refusal.available, outcome.refusal.short_by) == (3, 2)
    else:
        assert outcome.rows[0].balance_after == -5
        assert balance_of(account).available == -2
    assert verify().is_clean

"""Captures, releases, expiry and charges that race for one hold: one winner, nothing twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from billing import charges, holds
from billing.ledger import Status
from billing.models import Entry, Hold, HoldState
from billing.verification import verify
from tests.billing.test_holds import let_expire
from tests.factories import balance_of, give, make_subaccount, set_limit
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

TEN = Decimal(10)


@pytest.fixture
def account(cast):
    """An account with 10, all of it as good as spent once it is on hold."""
    account = make_subaccount(cast.nile, "campaigns")
    give(account, TEN)
    return account


def place(account, reference, expires_in=timedelta(hours=1), amount=TEN):
    outcome = holds.hold(
        account=account, amount=amount, reference=reference, expires_in=expires_in
    )
    assert outcome.status == Status.ACCEPTED, outcome.refusal
    return outcome.hold


def capture(hold, reference, amount=None):
    return holds.capture(master=hold.master_id, hold=hold.id, amount=amount, reference=reference)


def release(hold):
    return holds.release(master=hold.master_id, hold=hold.id)


def charge(account, reference, amount=TEN):
    return charges.charge(account=account, amount=amount, reference=reference)


@pytest.mark.parametrize("lasting", ["an hour", "as long as the race"])
def test_one_hold_ends_once_whoever_races_for_it(cast, account, lasting):
    """Who wins is chance; that one wins, and what follows from it, is not."""
    winners = Counter()
    draw = random.Random(lasting)
    took = 0.02
    for number in range(20):
        before = balance_of(account).credit
        expires_in = timedelta(hours=1)
        if lasting != "an hour":
            # It expires before, while, or after the others come for it.
            expires_in = timedelta(seconds=draw.uniform(0.000_001, 1.5 * took))
        began = time.monotonic()
        hold = place(account, f"h-{number}", expires_in)
        jobs = [
            ("captured", partial(capture, hold, f"c-{number}")),
            ("released", partial(release, hold)),
            ("swept", holds.sweep),
            ("charged", partial(charge, account, f"m-{number}")),
        ]
        draw.shuffle(jobs)
        results = at_once(*(job for _, job in jobs))
        took = time.monotonic() - began
        told = dict(zip((name for name, _ in jobs), results, strict=True))
        captured, released, charged = told["captured"], told["released"], told["charged"]
        hold.refresh_from_db()
        winners[hold.state] += 1
        assert hold.state in {"captured", "released", "expired"}
        assert released.state == hold.state
        entries = list(Entry.objects.filter(hold_id=hold.id))
        if hold.state == HoldState.CAPTURED:
            assert captured.status == Status.ACCEPTED
            assert [(entry.amount, entry.reference) for entry in entries] == [
                (-TEN, f"c-{number}")
            ]
            assert entries[0].posted_at < hold.expires_at
            assert charged.refusal.code == "insufficient_balance"
        else:
            assert captured.refusal.code == "hold_ended"
            assert captured.refusal.state == hold.state
            assert entries == []
        assert told["swept"] == 0 or (told["swept"], hold.state) == (1, HoldState.EXPIRED)
        if hold.state == HoldState.EXPIRED:
            assert hold.ended_at >= hold.expires_at
        else:
            assert hold.ended_at < hold.expires_at
        balance = balance_of(account)
        used = TEN * ((captured.status == Status.ACCEPTED) + (charged.status == Status.ACCEPTED))
        assert used <= TEN
        assert (balance.credit, balance.on_hold) == (before - used, 0)
        assert verify().is_clean
        if used:
            give(account, used)
    assert winners[HoldState.EXPIRED] == 0 or lasting != "an hour"
    print(f"a hold that lasts {lasting}, {winners.total()} races: {dict(winners)}")


def test_of_what_has_expired_one_charge_gets_it_and_no_capture(cast, account):
    """Two sweeps and three charges that would otherwise be refused come for it at once."""
    ended_by = Counter()
    for number in range(12):
        hold = place(account, f"h-{number}")
        let_expire(hold)
        *charged, captured, first_sweep, second_sweep = at_once(
            *(partial(charge, account, f"m-{number}-{n}") for n in range(3)),
            partial(capture, hold, f"c-{number}", Decimal(1)),
            holds.sweep,
            holds.sweep,
        )
        swept = first_sweep + second_sweep
        assert swept in (0, 1)
        assert sorted(outcome.status for outcome in charged) == ["accepted", "refused", "refused"]
        assert {o.refusal.available for o in charged if o.refusal} == {0}
        assert (captured.refusal.code, captured.refusal.state) == ("hold_ended", "expired")
        hold.refresh_from_db()
        assert (hold.state, hold.captured) == (HoldState.EXPIRED, 0)
        balance = balance_of(account)
        assert (balance.credit, balance.on_hold) == (0, 0)
        ended_by["the sweep" if swept else "a charge or the capture"] += 1
        give(account, TEN)
    assert verify().is_clean
    print(f"an expired hold, {ended_by.total()} races: ended by {dict(ended_by)}")


def test_many_captures_at_once_take_no_more_than_was_held(cast, account):
    three = Decimal(3)
    for number in range(6):
        hold = place(account, f"h-{number}")
        outcomes = at_once(
            *(partial(capture, hold, f"c-{number}-{n}", three) for n in range(12)),
        )
        statuses = Counter(outcome.status for outcome in outcomes)
        assert statuses == {"accepted": 3, "refused": 9}
        told = {(o.refusal.code, o.refusal.remaining) for o in outcomes if o.refusal}
        assert told == {("more_than_held", Decimal(1))}
        hold.refresh_from_db()
        assert (hold.state, hold.captured, hold.remaining) == (HoldState.OPEN, 9, 1)
        assert capture(hold, f"c-{number}").rows[0].amount == -1
        assert verify().is_clean
        give(account, TEN)


def test_captures_in_parts_and_a_release_share_out_what_was_held(cast, account):
    shares = Counter()
    for number in range(12):
        hold = place(account, f"h-{number}")
        released, *outcomes = at_once(
            partial(release, hold),
            *(partial(capture, hold, f"c-{number}-{n}", Decimal(1)) for n in range(7)),
        )
        accepted = sum(outcome.status == Status.ACCEPTED for outcome in outcomes)
        refused = {(o.refusal.code, str(o.refusal.state)) for o in outcomes if o.refusal}
        assert refused <= {("hold_ended", "released")}
        assert (released.state, released.captured) == (HoldState.RELEASED, accepted)
        hold.refresh_from_db()
        assert (hold.state, hold.captured) == (HoldState.RELEASED, accepted)
        balance = balance_of(account)
        assert (balance.credit, balance.on_hold) == (TEN - accepted, 0)
        shares[accepted] += 1
        if accepted:
            give(account, accepted)
    assert verify().is_clean
    print(f"parts captured before a release, races by number: {dict(sorted(shares.items()))}")


def test_holds_and_charges_at_once_never_go_past_the_limit(cast):
    """On one shared balance, of 13 in all: thirteen of forty get something, by hold or charge."""
    give(cast.gulf, 7)
    set_limit(cast.gulf, 6)
    charge(cast.gulf, "all-but", Decimal(300))
    spenders = [cast.gulf, *(make_subaccount(cast.gulf, f"s-{n}", mode="shared") for n in (1, 2))]
    one = Decimal(1)

    def ask(number):
        account = spenders[number % 3]
        if number % 2:
            return charge(account, f"m-{number}", one)
        return holds.hold(account=account, amount=one, reference=f"h-{number}")

    outcomes = at_once(*(partial(ask, number) for number in range(40)))
    accepted = [outcome for outcome in outcomes if outcome.status == Status.ACCEPTED]
    assert len(accepted) == 13
    assert {(o.refusal.available, o.refusal.short_by) for o in outcomes if o.refusal} == {(0, 1)}
    placed = sum(hasattr(outcome, "hold") for outcome in accepted)
    balance = balance_of(cast.gulf)
    assert (balance.on_hold, balance.credit) == (placed, 7 - (13 - placed))
    assert balance.available == 0
    assert verify().is_clean
    print(f"40 holds and charges of 1 at once against 13: {placed} held, {13 - placed} charged")


def test_one_reference_of_a_hold_from_many_threads_is_one_hold_and_one_answer(cast, account):
    ask = partial(holds.hold, account=account, amount=TEN, reference="h-1")
    outcomes = at_once(*[ask] * 24)
    assert sorted(outcome.status for outcome in outcomes) == ["accepted"] + ["replayed"] * 23
    assert len({outcome.hold.id for outcome in outcomes}) == 1
    assert Hold.objects.count() == 1
    assert balance_of(account).on_hold == TEN


def test_one_reference_for_holds_of_two_holders_at_once_is_one_hold_and_one_conflict(cast):
    for number in range(8):
        asks = [
            partial(holds.hold, account=account, amount=Decimal(1), reference=f"h-{number}")
            for account in (cast.marketing, cast.nile)
        ]
        outcomes = at_once(*asks)
        assert sorted(outcome.status for outcome in outcomes) == ["accepted", "conflict"]
    assert Hold.objects.count() == 8
    on_hold = balance_of(cast.marketing).on_hold + balance_of(cast.nile).on_hold
    assert on_hold == 8
    assert verify().is_clean


def test_a_capture_sent_many_times_at_once_is_one_entry_and_one_answer(cast, account):
    hold = place(account, "h-1")
    outcomes = at_once(*[partial(capture, hold, "c-1")] * 16)
    assert sorted(outcome.status for outcome in outcomes) == ["accepted"] + ["replayed"] * 15
    assert len({tuple(outcome.rows) for outcome in outcomes}) == 1
    assert balance_of(account).credit == 0
    assert verify().is_clean

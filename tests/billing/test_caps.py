"""Spending caps: what an account may spend in a calendar month, as stories with figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.models import Account, BalanceMode
from billing import adjustments, caps, charges, holds, transfers, tree
from billing.charges import Charge, charge_many
from billing.ledger import Leg, Posting, Status, post, transact
from billing.models import CapChange, Hold, HoldState, Kind, Origin
from billing.refusals import AccountClosed, CapReached
from billing.verification import CHECKS
from tests.billing.accounts_pages import charge, hold
from tests.factories import balance_of, give, make_master, make_subaccount
from tests.threads import at_once

pytestmark = pytest.mark.django_db

CAIRO = ZoneInfo("Africa/Cairo")


@pytest.fixture(autouse=True)
def books_that_hold(db):
    """Whatever happened, the books prove themselves in the end; in the test's own transaction."""
    yield
    with connection.cursor() as cursor:
        for check in CHECKS:
            cursor.execute(check.sql, {"master": None})
            assert cursor.fetchall() == [], check.name


@pytest.fixture
def capped(cast) -> Account:
    """Marketing, which has 500 and may spend 100 a month."""
    set_cap(cast.marketing, "100")
    return cast.marketing


def set_cap(
    account: Account, cap: str | None, *, is_hard: bool = True, **more
) -> CapChange | None:
    return caps.change(
        account=account, cap=None if cap is None else Decimal(cap), is_hard=is_hard, **more
    )


def use(account: Account) -> caps.CapUse:
    return caps.uses(account.company, [balance_of(account)])[account.pk]


def left(account: Account) -> Decimal:
    return use(account).left


def refused(outcome) -> bool:
    """Whether it was refused, and by the cap."""
    if outcome.status is Status.ACCEPTED:
        return False
    assert isinstance(outcome.refusal, CapReached)
    return True


# --- hard and soft ----------------------------------------------------------------------------


def test_a_hard_cap_refuses_what_would_pass_it_and_says_by_how_much(capped):
    assert not refused(charge(capped, "60", "m-1"))
    outcome = charge(capped, "40.5", "m-2")
    assert outcome.status is Status.REFUSED
    refusal = outcome.refusal
    assert (refusal.cap, refusal.used, refusal.left, refusal.short_by) == (
        100,
        60,
        40,
        Decimal("0.5"),
    )
    assert refusal.account == capped.pk
    assert refusal.message == (
        "Marketing can spend at most EGP 40.00 more this month: its spending cap is 100.00."
    )
    # No trace of it, and the balance was never the reason: 440 are there.
    assert balance_of(capped).credit == 440
    assert left(capped) == 40


def test_it_can_be_used_to_the_last_millionth(capped):
    assert not refused(charge(capped, "99.999999", "m-1"))
    assert refused(charge(capped, "0.000002", "m-2"))
    assert not refused(charge(capped, "0.000001", "m-3"))
    assert use(capped).is_reached
    assert not use(capped).is_over
    outcome = charge(capped, "0.000001", "m-4")
    assert outcome.refusal.message == (
        "Marketing has used up its spending cap of EGP 100.00 for this month."
    )


def test_a_soft_cap_lets_everything_pass_and_only_tells(capped):
    set_cap(capped, "100", is_hard=False)
    assert not refused(charge(capped, "130", "m-1"))
    stands = use(capped)
    assert (stands.used, stands.left, stands.is_over, stands.percent) == (130, 0, True, 130)


def test_a_cap_of_zero_refuses_all(capped):
    set_cap(capped, "0")
    assert refused(charge(capped, "0.000001", "m-1"))
    assert holds.hold(account=capped, amount=Decimal("0.000001"), reference="h").hold is None
    set_cap(capped, "0", is_hard=False)
    assert not refused(charge(capped, "1", "m-1"))


def test_without_a_cap_the_balance_alone_decides(capped):
    set_cap(capped, None)
    assert not refused(charge(capped, "500", "m-1"))
    assert caps.uses(capped.company, [balance_of(capped)]) == {}


def test_the_available_balance_refuses_before_a_cap_that_is_larger(capped):
    set_cap(capped, "1000")
    assert charge(capped, "500.01").refusal.code == "insufficient_balance"


def test_a_cap_below_what_is_spent_already_refuses_from_then_on(capped):
    charge(capped, "80", "m-1")
    set_cap(capped, "50")
    outcome = charge(capped, "0.01", "m-2")
    assert (outcome.refusal.used, outcome.refusal.left) == (80, 0)
    assert outcome.refusal.short_by == Decimal("0.01")
    assert (use(capped).left, use(capped).is_over) == (0, True)


def test_what_was_charged_before_is_replayed_whatever_the_cap_is_now(capped):
    charge(capped, "80", "m-1")
    set_cap(capped, "0")
    assert charge(capped, "80", "m-1").status is Status.REPLAYED


# --- what counts ------------------------------------------------------------------------------


def test_a_reversal_in_the_same_month_gives_room_again(capped):
    charge(capped, "100", "m-1")
    assert refused(charge(capped, "30", "m-2"))
    charges.reverse(master=capped.master_id, reference="m-1", reason="never sent")
    assert left(capped) == 100
    assert not refused(charge(capped, "100", "m-2"))
    assert refused(charge(capped, "0.01", "m-3"))


def test_neither_transfers_nor_adjustments_nor_payments_count(cast, capped):
    transfers.make(
        source=capped,
        destination=cast.retail,
        amount=Decimal(200),
        key="6f1e8c52-8a4e-4f6c-9d57-7a2f3b1c0d9e",
        by=None,
    )
    adjustments.make(account=capped, amount=Decimal(-50), reason="fee", reference="a-1", by=None)
    give(capped, "70")
    assert use(capped).used == 0
    assert not refused(charge(capped, "100"))
    # The reversal of an adjustment is none of usage.
    charges.reverse(
        master=capped.master_id, reference="a-1", reason="no fee", origin=Origin.CONSOLE
    )
    assert use(capped).used == 100


def test_usage_that_has_already_happened_passes_and_counts(capped):
    assert not refused(charge(capped, "140", "late", enforce_limit=False))
    assert use(capped).used == 140
    assert refused(charge(capped, "0.01", "m-1"))


def test_a_batch_is_decided_one_after_the_other(capped):
    batch = [
        Charge(capped.pk, Decimal(amount), f"b-{amount}", enforce_limit=enforce)
        for amount, enforce in ((60, True), (70, True), (30, True), (11, True), (500, False))
    ]
    outcomes = charge_many(master=capped.master_id, charges=batch)
    assert [refused(outcome) for outcome in outcomes] == [False, True, False, True, False]
    assert [outcome.refusal.left for outcome in outcomes if outcome.refusal] == [40, 10]


def test_in_a_batch_of_thousands_each_account_keeps_to_its_own_cap(cast, capped):
    """Large batches are written by another way, and decided holder after holder."""
    set_cap(cast.otp, "30")
    give(capped, "10000")
    batch = [
        Charge(account.pk, Decimal(1), f"{account.code}-{number}")
        for number in range(600)
        for account in (cast.otp, capped)
    ]
    outcomes = charge_many(master=capped.master_id, charges=batch)
    taken = [charged.account for charged, told in zip(batch, outcomes, strict=True) if told.rows]
    assert (taken.count(cast.otp.pk), taken.count(capped.pk)) == (30, 100)
    # The first of each, in their order.
    assert all(outcome.rows for outcome in outcomes[:60])


def test_an_account_without_a_cap_is_none_of_its_neighbours_affair(cast, capped):
    charge(capped, "100", "m-1")
    assert not refused(charge(cast.retail, "20", "m-2"))
    assert not refused(charge(cast.otp, "900", "m-3"))
    assert not refused(charge(cast.nile, "900", "m-4"))


# --- holds ------------------------------------------------------------------------------------


def test_a_hold_counts_from_the_moment_it_is_placed(capped):
    hold(capped, "70")
    assert (use(capped).held, left(capped)) == (70, 30)
    assert refused(charge(capped, "31", "m-1"))
    told = holds.hold(account=capped, amount=Decimal(31), reference="h-2")
    assert isinstance(told.refusal, CapReached)
    assert not refused(charge(capped, "30", "m-1"))


def test_a_capture_is_never_refused_also_past_the_cap(capped):
    first = hold(capped, "70")
    set_cap(capped, "10")
    outcome = holds.capture(
        master=capped.master_id, hold=first.id, reference="c-1", amount=Decimal(40)
    )
    assert outcome.status is Status.ACCEPTED
    assert (use(capped).spent, use(capped).held) == (40, 30)
    outcome = holds.capture(master=capped.master_id, hold=first.id, reference="c-2")
    assert outcome.status is Status.ACCEPTED
    assert (use(capped).spent, use(capped).held) == (70, 0)


def test_what_is_captured_counts_once(capped):
    first = hold(capped, "70")
    holds.capture(
        master=capped.master_id, hold=first.id, reference="c-1", amount=Decimal(45), final=True
    )
    assert left(capped) == 55
    assert not refused(charge(capped, "55"))


def test_a_release_gives_room_again(capped):
    first = hold(capped, "70")
    assert refused(charge(capped, "31", "m-1"))
    holds.release(master=capped.master_id, hold=first.id)
    assert not refused(charge(capped, "100", "m-1"))


def test_a_hold_past_its_time_gives_room_before_anybody_sweeps_it(capped):
    first = hold(capped, "70", expires_in=timedelta(microseconds=1))
    assert left(capped) == 100
    assert not refused(charge(capped, "100", "m-1"))
    assert Hold.objects.get(id=first.id).state == HoldState.OPEN
    call_command("expire_holds", verbosity=0)
    assert Hold.objects.get(id=first.id).state == HoldState.EXPIRED
    assert left(capped) == 0


# --- the month --------------------------------------------------------------------------------


def past_company(zone: str = "Africa/Cairo") -> tuple[Account, Account]:
    """A company whose books began in October 2025, with a subaccount that may spend 100."""
    began = datetime(2025, 10, 1, tzinfo=UTC)
    master = make_master("past", time_zone=zone)
    account = make_subaccount(master, "sub")
    payment = Posting(Kind.PAYMENT, "p", (Leg(account.pk, Decimal(9000)),), moment=began)
    transact(lambda: post(master=master.pk, postings=[payment], origin=Origin.PAYMENT))
    set_cap(account, "100", moment=began)
    return master, account


def charged_at(account: Account, *asked: tuple[str, datetime]) -> list[bool]:
    """Charge so much at each of the moments, together; whether each was accepted."""
    outcomes = charge_many(
        master=account.master_id,
        charges=[
            Charge(account.pk, Decimal(amount), f"{moment}", moment=moment)
            for amount, moment in asked
        ],
    )
    return [not refused(outcome) for outcome in outcomes]


def test_the_month_is_the_companys_by_its_own_time_zone():
    _master, account = past_company()
    # Both are October by Greenwich, where it is two hours earlier.
    before = datetime(2025, 10, 31, 23, 30, tzinfo=CAIRO)
    after = datetime(2025, 11, 1, 0, 30, tzinfo=CAIRO)
    assert after.astimezone(UTC).month == 10
    assert charged_at(account, ("100", before)) == [True]
    assert charged_at(account, ("0.01", before + timedelta(minutes=29))) == [False]
    assert charged_at(account, ("100", after)) == [True]
    assert charged_at(account, ("0.01", after + timedelta(minutes=1))) == [False]


def test_one_batch_may_reach_over_the_end_of_a_month():
    _master, account = past_company()
    october, november = (
        datetime(2025, 10, 31, 23, tzinfo=CAIRO),
        datetime(2025, 11, 1, tzinfo=CAIRO),
    )
    minute = timedelta(minutes=1)
    assert charged_at(
        account,
        ("80", october),
        ("30", october + minute),
        ("20", october + 2 * minute),
        ("70", november),
        ("31", november + minute),
        ("30", november + 2 * minute),
    ) == [True, False, True, True, False, True]


def test_west_of_greenwich_the_month_ends_later():
    _master, account = past_company("America/Lima")
    # November by Greenwich, October in Lima.
    late = datetime(2025, 11, 1, 3, tzinfo=UTC)
    assert charged_at(account, ("100", late), ("1", late + timedelta(minutes=1))) == [True, False]
    assert charged_at(account, ("100", datetime(2025, 11, 1, 5, tzinfo=UTC))) == [True]


def test_the_first_moment_of_a_month_is_of_the_new_one():
    _master, account = past_company()
    midnight = datetime(2025, 11, 1, tzinfo=CAIRO)
    micro = timedelta(microseconds=1)
    assert charged_at(account, ("100", midnight - micro), ("100", midnight)) == [True, True]


def test_a_reversal_of_last_months_usage_lowers_this_month():
    """It is money given back now: what was written for October stays as it was."""
    master, account = past_company()
    october = datetime(2025, 10, 20, tzinfo=UTC)
    assert charged_at(account, ("90", october)) == [True]
    charges.reverse(master=master.pk, reference=f"{october}", reason="never sent")
    assert use(account).spent == -90
    assert left(account) == 190
    assert not refused(charge(account, "190", "m-1"))
    assert refused(charge(account, "0.01", "m-2"))
    assert caps.lately(account, datetime(2025, 11, 5, tzinfo=UTC))[1] == 90


def test_an_open_hold_of_last_month_counts_in_this_one(capped):
    hold(capped, "70", expires_in=holds.LONGEST)
    later = caps.months(capped.company).next + timedelta(days=1)
    then = datetime(later.year, later.month, later.day, tzinfo=UTC)
    [stands] = caps.uses(capped.company, [balance_of(capped)], then).values()
    assert (stands.spent, stands.held) == (0, 70)


# --- shared and allocated ---------------------------------------------------------------------


def test_one_department_cannot_eat_the_pool(cast):
    set_cap(cast.otp, "100")
    assert not refused(charge(cast.otp, "100", "m-1"))
    assert refused(charge(cast.otp, "0.01", "m-2"))
    assert balance_of(cast.nile).credit == 9900


def test_a_cap_and_what_is_used_of_it_survive_both_switches(cast, capped):
    charge(capped, "60", "m-1")
    tree.share(account=capped, by=None)
    assert left(capped) == 40
    assert refused(charge(capped, "41", "m-2"))
    assert not refused(charge(capped, "30", "m-2"))
    tree.allocate(account=capped)
    give(capped, "50")
    assert left(capped) == 10
    assert refused(charge(capped, "10.01", "m-3"))
    assert not refused(charge(capped, "10", "m-3"))


def test_a_hold_that_another_carries_counts_for_whom_it_was_placed(cast):
    set_cap(cast.otp, "100")
    first = hold(cast.otp, "70")
    tree.allocate(account=cast.otp)
    give(cast.otp, "500")
    assert refused(charge(cast.otp, "31", "m-1"))
    holds.capture(master=cast.nile.pk, hold=first.id, reference="c-1", amount=Decimal(20))
    assert (use(cast.otp).spent, use(cast.otp).held) == (20, 50)
    assert not refused(charge(cast.otp, "30", "m-1"))


# --- changing it ------------------------------------------------------------------------------


def test_each_change_is_written_down_once(cast, capped):
    assert set_cap(capped, "100") is None
    assert set_cap(capped, "100", is_hard=False, by=cast.admin) is not None
    assert set_cap(capped, None) is not None
    # Without a cap there is nothing that could be soft.
    assert set_cap(capped, None, is_hard=False) is None
    found = CapChange.objects.filter(account=capped).order_by("id")
    assert [(each.old, each.old_is_hard, each.new, each.new_is_hard) for each in found] == [
        (None, True, 100, True),
        (100, True, 100, False),
        (100, False, None, True),
    ]


@pytest.mark.parametrize("cap", ["-0.01", "0.0000001", "NaN", "1e14", "Infinity"])
def test_a_cap_that_is_none_is_refused(cast, cap):
    with pytest.raises((ValueError, ArithmeticError)):
        set_cap(cast.retail, cap)
    assert balance_of(cast.retail).cap is None


def test_neither_a_master_account_nor_a_closed_one_has_a_cap(cast):
    with pytest.raises(ValueError, match="no spending cap"):
        set_cap(cast.nile, "5")
    tree.close(account=cast.retail, by=None)
    with pytest.raises(AccountClosed):
        set_cap(cast.retail, "5")


# --- many at once -----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", list(BalanceMode))
def test_thirty_charges_at_once_take_exactly_what_fits(cast, mode):
    account = make_subaccount(cast.nile, "busy", mode=mode)
    give(account, "1000")
    set_cap(account, "100")

    def job(number: int):
        return lambda: charge(account, "7", f"m-{number}")

    outcomes = at_once(*map(job, range(30)))
    assert [refused(outcome) for outcome in outcomes].count(False) == 14
    assert use(account).used == 98


@pytest.mark.django_db(transaction=True)
def test_charges_and_holds_at_once_share_one_cap(cast, capped):
    def job(number: int):
        if number % 2:
            return lambda: charge(capped, "9", f"m-{number}")
        return lambda: holds.hold(account=capped, amount=Decimal(9), reference=f"h-{number}")

    outcomes = at_once(*map(job, range(24)))
    assert sum(outcome.status is Status.ACCEPTED for outcome in outcomes) == 11
    assert use(capped).used == 99


@pytest.mark.django_db(transaction=True)
def test_a_cap_that_is_set_while_charges_run_holds_for_all_that_come_after_it(cast):
    def charge_ten(number: int):
        return lambda: [charge(cast.marketing, "1", f"m-{number}-{each}") for each in range(10)]

    *charged, change = at_once(
        *map(charge_ten, range(5)), lambda: set_cap(cast.marketing, "20", by=cast.admin)
    )
    assert change is not None
    accepted = sum(outcome.status is Status.ACCEPTED for each in charged for outcome in each)
    used = use(cast.marketing).used
    assert accepted == used
    # verify_ledger, which follows, knows when the cap was set; here that no more than it or what
    # was there by then was taken.
    before = sum(
        outcome.rows[0].posted_at <= change.changed_at
        for each in charged
        for outcome in each
        if outcome.rows
    )
    assert used == max(before, 20)


@pytest.mark.django_db(transaction=True)
def test_two_admins_at_once_leave_a_history_without_a_gap(cast):
    at_once(
        lambda: set_cap(cast.marketing, "100", by=cast.admin),
        lambda: set_cap(cast.marketing, "200", by=cast.admin),
        lambda: set_cap(cast.marketing, "100", by=cast.admin),
    )
    changes = list(CapChange.objects.filter(account=cast.marketing).order_by("id"))
    assert changes[0].old is None
    for earlier, later in pairwise(changes):
        assert earlier.new == later.old
    assert changes[-1].new == balance_of(cast.marketing).cap

"""Holds: reserve, capture whole or in parts, release, and expire by time."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction

from accounts.models import Account
from billing import charges, holds, limits, transfers, tree
from billing.locking import lock_balances
from billing.models import Entry, Hold, HoldState, Kind, Origin
from billing.postings import Status
from tests.factories import balance_of, give, set_limit
from tests.threads import at_once

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def place(account, amount, reference="campaign-1", **keywords):
    """An accepted hold."""
    outcome = holds.hold(account=account, amount=Decimal(amount), reference=reference, **keywords)
    assert outcome.status == Status.ACCEPTED, outcome.refusal
    return outcome.hold


def capture(hold, amount=None, reference="c-1", **keywords):
    amount = None if amount is None else Decimal(amount)
    return holds.capture(
        master=hold.master_id, hold=hold.id, amount=amount, reference=reference, **keywords
    )


def charge(account, amount, reference="m-1"):
    return charges.charge(account=account, amount=Decimal(amount), reference=reference)


def let_expire(hold):
    """Move its times an hour and a day back: the one way to see a day go by."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_hold DISABLE TRIGGER hold_identity")
        cursor.execute(
            "UPDATE billing_hold SET placed_at = placed_at - interval '32 days',"
            " expires_at = expires_at - interval '32 days' WHERE id = %s",
            [hold.id],
        )
        cursor.execute("ALTER TABLE billing_hold ENABLE ALWAYS TRIGGER hold_identity")


class TestPlacing:
    def test_it_counts_against_the_available_balance_and_moves_no_credit(self, cast):
        hold = place(cast.marketing, "120.5")
        balance = balance_of(cast.marketing)
        assert (balance.credit, balance.on_hold) == (500, Decimal("120.5"))
        assert balance.available == Decimal("379.5")
        assert hold.is_open
        assert hold.remaining == Decimal("120.5")
        assert hold.expires_at - hold.placed_at == timedelta(hours=24)
        assert Entry.objects.filter(account=cast.marketing).count() == 1  # the top-up

    def test_what_is_held_cannot_be_spent_or_moved(self, cast):
        place(cast.marketing, "495")
        refusal = charge(cast.marketing, "6").refusal
        assert (refusal.available, refusal.short_by) == (5, 1)
        with pytest.raises(transfers.InsufficientBalance):
            transfers.make(
                source=cast.marketing,
                destination=cast.retail,
                amount=Decimal(10),
                key=uuid.uuid4(),
                by=cast.admin,
            )
        assert charge(cast.marketing, "5").status == Status.ACCEPTED

    def test_more_than_is_available_is_refused_with_the_figures(self, cast):
        set_limit(cast.retail, "10")
        outcome = holds.hold(account=cast.retail, amount=Decimal("30.75"), reference="h")
        assert outcome.status == Status.REFUSED
        assert outcome.hold is None
        assert outcome.refusal.available == Decimal("30.5")
        assert outcome.refusal.short_by == Decimal("0.25")
        assert not Hold.objects.exists()
        place(cast.retail, "30.5", "h")

    def test_a_shared_account_reserves_the_master_accounts_credit(self, cast):
        hold = place(cast.otp, "100")
        assert hold.holder_id == cast.nile.pk
        assert balance_of(cast.nile).on_hold == 100
        assert balance_of(cast.otp).on_hold == 0

    @pytest.mark.parametrize("suspended", ["retail", "nile"])
    def test_a_suspended_account_or_company_can_reserve_nothing(self, cast, suspended):
        tree.suspend(account=getattr(cast, suspended))
        outcome = holds.hold(account=cast.retail, amount=Decimal(1), reference="h")
        assert outcome.refusal.code == "suspended"

    def test_a_second_call_is_replayed(self, cast):
        first = place(cast.retail, "5")
        again = holds.hold(account=cast.retail, amount=Decimal(5), reference="campaign-1")
        assert (again.status, again.hold.id) == (Status.REPLAYED, first.id)
        assert balance_of(cast.retail).on_hold == 5

    def test_a_second_call_is_replayed_also_when_nothing_more_is_available(self, cast):
        first = place(cast.retail, "20.50")
        again = holds.hold(account=cast.retail, amount=Decimal("20.5"), reference="campaign-1")
        assert (again.status, again.hold.id) == (Status.REPLAYED, first.id)

    def test_a_second_call_after_its_end_returns_it_as_it_is(self, cast):
        first = place(cast.retail, "5")
        holds.release(master=cast.nile.pk, hold=first.id)
        again = holds.hold(account=cast.retail, amount=Decimal(5), reference="campaign-1")
        assert (again.status, again.hold.state) == (Status.REPLAYED, HoldState.RELEASED)
        assert balance_of(cast.retail).on_hold == 0

    @pytest.mark.parametrize(("account", "amount"), [("retail", "6"), ("marketing", "5")])
    def test_the_same_reference_with_other_content_is_a_conflict(self, cast, account, amount):
        place(cast.retail, "5")
        outcome = holds.hold(
            account=getattr(cast, account), amount=Decimal(amount), reference="campaign-1"
        )
        assert outcome.status == Status.CONFLICT
        assert outcome.refusal.reference == "campaign-1"
        assert Hold.objects.count() == 1

    def test_references_of_holds_and_postings_and_of_origins_are_apart(self, cast):
        place(cast.retail, "5", "same")
        assert charge(cast.retail, "5", "same").status == Status.ACCEPTED
        place(cast.retail, "6", "same", origin=Origin.CONSOLE)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"amount": Decimal(0)},
            {"amount": Decimal(-1)},
            {"amount": Decimal("0.0000001")},
            {"amount": Decimal("NaN")},
            {"amount": Decimal("1e14")},
            {"reference": " "},
            {"reference": "x" * 201},
            {"reference": "a\x00"},
            {"reference": "\ud800"},
            {"description": "\x00"},
            {"description": "x" * 501},
            {"expires_in": timedelta(0)},
            {"expires_in": timedelta(days=31, seconds=1)},
        ],
        ids=repr,
    )
    def test_what_cannot_be_kept_is_an_error(self, cast, wrong):
        right = {"account": cast.nile, "amount": Decimal(1), "reference": "h"}
        with pytest.raises(ValueError, match=r"\w"):
            holds.hold(**(right | wrong))


class TestCapturing:
    def test_whole(self, cast):
        hold = place(cast.marketing, "120.5")
        outcome = capture(hold, description="Campaign")
        [row] = outcome.rows
        assert outcome.status == Status.ACCEPTED
        assert (row.kind, row.amount, row.balance_after) == (
            Kind.USAGE,
            Decimal("-120.5"),
            Decimal("379.5"),
        )
        assert row.hold_id == hold.id
        balance = balance_of(cast.marketing)
        assert (balance.credit, balance.on_hold) == (Decimal("379.5"), 0)
        hold.refresh_from_db()
        assert (hold.state, hold.captured, hold.remaining) == ("captured", Decimal("120.5"), 0)
        assert hold.ended_at is not None

    def test_in_parts_until_nothing_remains(self, cast):
        hold = place(cast.marketing, "100")
        assert capture(hold, "30", "c-1").status == Status.ACCEPTED
        assert capture(hold, "0.000001", "c-2").status == Status.ACCEPTED
        hold.refresh_from_db()
        assert hold.is_open
        assert hold.remaining == Decimal("69.999999")
        assert balance_of(cast.marketing).on_hold == Decimal("69.999999")
        assert capture(hold, None, "c-3").rows[0].amount == Decimal("-69.999999")
        hold.refresh_from_db()
        assert hold.state == HoldState.CAPTURED
        assert balance_of(cast.marketing).available == 400

    def test_a_final_part_gives_the_rest_back(self, cast):
        hold = place(cast.marketing, "100")
        capture(hold, "30", final=True)
        hold.refresh_from_db()
        assert (hold.state, hold.captured) == (HoldState.CAPTURED, 30)
        balance = balance_of(cast.marketing)
        assert (balance.credit, balance.on_hold) == (470, 0)

    def test_never_more_than_held(self, cast):
        hold = place(cast.marketing, "100")
        capture(hold, "30", "c-1")
        outcome = capture(hold, "70.000001", "c-2")
        assert outcome.refusal.code == "more_than_held"
        assert (outcome.refusal.remaining, outcome.refusal.asked) == (70, Decimal("70.000001"))
        assert "EGP 70.00" in outcome.refusal.message
        assert balance_of(cast.marketing).credit == 470
        assert capture(hold, "70", "c-2").status == Status.ACCEPTED

    @pytest.mark.parametrize("end", ["captured", "released", "expired"])
    def test_not_after_its_end(self, cast, end):
        hold = place(cast.marketing, "100")
        if end == "captured":
            capture(hold, None, "c-0")
        elif end == "released":
            holds.release(master=cast.nile.pk, hold=hold.id)
        else:
            let_expire(hold)
            assert holds.sweep() == 1
        outcome = capture(hold, "1")
        assert (outcome.refusal.code, outcome.refusal.state) == ("hold_ended", end)
        assert not Entry.objects.filter(reference="c-1").exists()

    def test_not_after_its_time_even_before_the_sweep(self, cast):
        hold = place(cast.marketing, "100")
        let_expire(hold)
        assert Hold.objects.get(id=hold.id).is_open
        assert capture(hold, "1").refusal.state == HoldState.EXPIRED
        assert balance_of(cast.marketing).available == 500

    def test_a_second_call_is_replayed_also_when_the_hold_has_ended(self, cast):
        hold = place(cast.marketing, "100")
        first = capture(hold, "30", "c-1")
        whole = capture(hold, None, "c-2")
        assert capture(hold, "30", "c-1") == first._replace(status=Status.REPLAYED)
        assert capture(hold, None, "c-2") == whole._replace(status=Status.REPLAYED)
        assert capture(hold, "70", "c-2").status == Status.REPLAYED
        assert balance_of(cast.marketing).credit == 400

    def test_repeated_as_the_last_one_it_is_a_conflict_while_the_hold_is_open(self, cast):
        """Who asks for the end of the hold must not be told that it was reached."""
        hold = place(cast.marketing, "100")
        capture(hold, "30", "c-1")
        assert capture(hold, "30", "c-1", final=True).status == Status.CONFLICT
        assert capture(hold, None, "c-1").status == Status.CONFLICT
        assert capture(hold, "30", "c-1").status == Status.REPLAYED
        capture(hold, "70", "c-2", final=True)
        assert capture(hold, "70", "c-2").status == Status.REPLAYED
        assert capture(hold, "30", "c-1", final=True).status == Status.REPLAYED

    def test_one_past_its_time_has_come_to_its_end_before_the_sweep_too(self, cast):
        hold = place(cast.marketing, "100")
        capture(hold, "30", "c-1")
        let_expire(hold)
        assert Hold.objects.get(id=hold.id).is_open
        assert capture(hold, "30", "c-1", final=True).status == Status.REPLAYED
        assert capture(hold, None, "c-1").status == Status.REPLAYED

    def test_a_reference_with_other_content_is_a_conflict(self, cast):
        hold, other = place(cast.marketing, "100"), place(cast.marketing, "100", "campaign-2")
        capture(hold, "30", "c-1")
        charge(cast.marketing, "30", "m-1")
        assert capture(hold, "31", "c-1").status == Status.CONFLICT
        assert capture(other, "30", "c-1").status == Status.CONFLICT
        assert capture(other, None, "c-1").status == Status.CONFLICT
        assert capture(hold, "30", "m-1").status == Status.CONFLICT
        assert charge(cast.marketing, "30", "c-1").status == Status.CONFLICT
        assert balance_of(cast.marketing).on_hold == 170

    def test_a_cut_limit_and_a_suspension_are_no_obstacle(self, cast):
        set_limit(cast.retail, "100")
        hold = place(cast.retail, "120")
        limits.change(account=cast.retail, limit=Decimal(0), reason="late payer")
        tree.suspend(account=cast.retail)
        assert charge(cast.retail, "0.01").status == Status.REFUSED
        assert capture(hold).status == Status.ACCEPTED
        assert balance_of(cast.retail).credit == Decimal("-99.5")

    def test_a_balance_too_large_for_the_books_is_refused(self, cast):
        hold = place(cast.retail, "20.50")
        charges.charge(
            account=cast.retail,
            amount=Decimal("99999999999999"),
            reference="m-1",
            enforce_limit=False,
        )
        assert capture(hold, "20").status == Status.ACCEPTED
        charges.charge(
            account=cast.retail, amount=Decimal(1), reference="m-2", enforce_limit=False
        )
        outcome = capture(hold, "0.5", "c-2")
        assert (outcome.refusal.code, outcome.refusal.account) == ("too_large", cast.retail.pk)

    def test_it_keeps_its_holder_through_a_switch_of_mode(self, cast):
        hold = place(cast.otp, "100")
        Account.objects.filter(pk=cast.otp.pk).update(balance_mode="allocated")
        [row] = capture(hold, "40").rows
        assert (row.account_id, row.holder_id) == (cast.otp.pk, cast.nile.pk)
        balance = balance_of(cast.nile)
        assert (balance.credit, balance.on_hold) == (9960, 60)
        holds.release(master=cast.nile.pk, hold=hold.id)
        assert balance_of(cast.nile).available == 9960

    def test_a_foreign_or_unknown_hold_is_not_found(self, cast):
        hold = place(cast.marketing, "100")
        for master, wanted in ((cast.gulf.pk, hold.id), (cast.nile.pk, uuid.uuid4())):
            with pytest.raises(Hold.DoesNotExist):
                holds.capture(master=master, hold=wanted, reference="c-1")
            with pytest.raises(Hold.DoesNotExist):
                holds.release(master=master, hold=wanted)


class TestEnding:
    def test_release_gives_back_what_remains_and_twice_is_once(self, cast):
        hold = place(cast.marketing, "100")
        capture(hold, "30")
        released = holds.release(master=cast.nile.pk, hold=hold.id)
        assert (released.state, released.captured) == (HoldState.RELEASED, 30)
        again = holds.release(master=cast.nile.pk, hold=hold.id)
        assert again.ended_at == released.ended_at
        balance = balance_of(cast.marketing)
        assert (balance.credit, balance.on_hold) == (470, 0)

    def test_release_of_one_that_ended_otherwise_changes_nothing(self, cast):
        hold = place(cast.marketing, "100")
        capture(hold)
        assert holds.release(master=cast.nile.pk, hold=hold.id).state == HoldState.CAPTURED

    def test_release_after_its_time_says_that_it_expired(self, cast):
        hold = place(cast.marketing, "100")
        let_expire(hold)
        assert holds.release(master=cast.nile.pk, hold=hold.id).state == HoldState.EXPIRED
        assert balance_of(cast.marketing).on_hold == 0

    def test_the_sweep_ends_what_is_past_its_time_and_nothing_else(self, cast):
        late = [place(cast.marketing, "100"), place(cast.otp, "50", "campaign-2")]
        place(cast.marketing, "7", "campaign-3")
        foreign = place(cast.gulf, "1.125")
        for hold in (*late, foreign):
            let_expire(hold)
        assert holds.sweep() == 3
        assert holds.sweep() == 0
        assert balance_of(cast.marketing).on_hold == 7
        assert balance_of(cast.nile).on_hold == 0
        assert balance_of(cast.gulf).on_hold == 0
        assert Hold.objects.filter(state=HoldState.EXPIRED).count() == 3

    def test_the_sweep_goes_on_where_there_are_more_than_it_takes_at_once(self, cast, monkeypatch):
        monkeypatch.setattr("billing.ledger.SWEPT_AT_ONCE", 2)
        for number in range(5):
            let_expire(place(cast.marketing, "1", f"campaign-{number}"))
        assert holds.sweep() == 5
        assert balance_of(cast.marketing).on_hold == 0

    def test_a_charge_that_would_be_refused_ends_what_has_expired_first(self, cast):
        late = place(cast.retail, "10")
        place(cast.retail, "5", "campaign-2")
        let_expire(late)
        # Enough without it: nobody looks.
        assert charge(cast.retail, "5", "m-1").status == Status.ACCEPTED
        assert Hold.objects.get(id=late.id).is_open
        assert charge(cast.retail, "10", "m-2").status == Status.ACCEPTED
        assert Hold.objects.get(id=late.id).state == HoldState.EXPIRED
        refusal = charge(cast.retail, "1", "m-3").refusal
        assert (refusal.available, refusal.short_by) == (Decimal("0.5"), Decimal("0.5"))

    def test_what_was_refused_all_the_same_has_ended_the_expired_hold(self, cast):
        late = place(cast.retail, "10")
        let_expire(late)
        assert charge(cast.retail, "21").refusal.available == Decimal("20.5")
        assert Hold.objects.get(id=late.id).state == HoldState.EXPIRED
        assert balance_of(cast.retail).on_hold == 0

    @pytest.mark.parametrize("size", [3, 60])
    def test_so_do_a_batch_a_transfer_and_another_hold(self, cast, size):
        let_expire(place(cast.retail, "20"))
        batch = [
            charges.Charge(cast.retail.pk, Decimal("20.5") / size, f"m-{n}") for n in range(size)
        ]
        batch = [each._replace(amount=round(each.amount, 6)) for each in batch]
        outcomes = charges.charge_many(master=cast.nile.pk, charges=batch)
        assert [outcome.status for outcome in outcomes[:-1]] == [Status.ACCEPTED] * (size - 1)
        give(cast.retail, "20")
        let_expire(place(cast.retail, "20", "campaign-2"))
        place(cast.retail, "20", "campaign-3")
        let_expire(Hold.objects.get(reference="campaign-3"))
        whole = balance_of(cast.retail).credit
        move = {"source": cast.retail, "destination": cast.nile, "amount": whole}
        assert transfers.preview(**move).refusal is None
        transfers.make(**move, key=uuid.uuid4(), by=cast.admin)
        assert balance_of(cast.retail).on_hold == 0


@pytest.mark.django_db(transaction=True)
def test_a_locked_balance_does_not_keep_the_sweep_from_the_others(cast):
    for account, reference in ((cast.nile, "h-1"), (cast.gulf, "h-2")):
        let_expire(place(account, "1", reference))
    locked, swept = threading.Event(), threading.Event()

    def hold_the_lock():
        with transaction.atomic():
            lock_balances(cast.nile)
            locked.set()
            swept.wait(20)

    def sweep():
        locked.wait(20)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        try:
            with pytest.raises(holds.StartAgain):
                holds.sweep()
        finally:
            swept.set()

    at_once(hold_the_lock, sweep)
    assert (balance_of(cast.nile).on_hold, balance_of(cast.gulf).on_hold) == (1, 0)
    assert holds.sweep() == 1


def test_a_capture_takes_few_statements(cast, django_assert_num_queries):
    hold = place(cast.marketing, "100")
    with django_assert_num_queries(8):  # savepoint, 1 look, lock, read, holds, 2 writes, release
        capture(hold, "1")

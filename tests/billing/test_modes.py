"""Switching the balance mode, closing, renaming: what moves where, and what refuses."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from accounts.models import Account, BalanceMode, State
from billing import charges, holds, tree
from billing.models import CreditLimitChange, Entry, Kind, Origin
from billing.postings import Status
from billing.verification import verify
from tests.factories import balance_of, give, make_subaccount, set_limit
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def charge(account, amount, reference="m-1", **keywords):
    return charges.charge(account=account, amount=Decimal(amount), reference=reference, **keywords)


def hold(account, amount, reference="h-1"):
    return holds.hold(account=account, amount=Decimal(amount), reference=reference).hold


class TestSharing:
    def test_the_credit_moves_to_the_master_account_in_one_posting(self, cast):
        leaving = tree.share(account=cast.retail, by=cast.admin)
        assert (leaving.credit, leaving.pool, leaving.pool_after) == (
            Decimal("20.5"),
            10_000,
            Decimal("10020.5"),
        )
        out, into = Entry.objects.filter(kind=Kind.TRANSFER).order_by("leg")
        assert (out.account_id, out.amount, out.balance_after) == (
            cast.retail.pk,
            Decimal("-20.5"),
            0,
        )
        assert (into.account_id, into.amount) == (cast.nile.pk, Decimal("20.5"))
        assert {out.by_id, into.by_id} == {cast.admin.pk}
        assert out.origin == Origin.SYSTEM
        cast.retail.refresh_from_db()
        assert cast.retail.is_shared
        assert charge(cast.retail, "100").rows[0].holder_id == cast.nile.pk

    def test_a_debt_moves_likewise_when_the_master_account_can_carry_it(self, cast):
        set_limit(cast.retail, "100")
        charge(cast.retail, "100.5")
        leaving = tree.share(account=cast.retail, by=cast.admin)
        assert (leaving.credit, leaving.limit) == (-80, 100)
        assert balance_of(cast.nile).credit == 9920
        assert balance_of(cast.retail).credit_limit == 0
        last = CreditLimitChange.objects.latest("id")
        assert (last.old, last.new, last.by) == (100, 0, cast.admin)
        assert "shared" in last.reason

    def test_a_debt_the_master_account_cannot_carry_is_refused_with_the_figures(self, cast):
        set_limit(cast.retail, "20000")
        charge(cast.retail, "10020.500001")
        with pytest.raises(tree.MasterCannotCarry) as refused:
            tree.share(account=cast.retail, by=cast.admin)
        assert refused.value.debt == Decimal("10000.000001")
        assert refused.value.available == 10_000
        assert balance_of(cast.retail).mode == BalanceMode.ALLOCATED
        assert balance_of(cast.retail).credit_limit == 20_000
        give(cast.nile, "0.000001")
        assert tree.share(account=cast.retail, by=cast.admin).pool_after == 0

    def test_open_holds_refuse_it_and_expired_ones_do_not(self, cast):
        open_hold = hold(cast.retail, "5.5")
        with pytest.raises(tree.OpenHolds, match=r"EGP 5\.50 on hold in 1 hold"):
            tree.share(account=cast.retail, by=cast.admin)
        assert tree.preview_sharing(cast.retail).refusal.count == 1
        holds.release(master=cast.nile.pk, hold=open_hold.id)
        assert tree.share(account=cast.retail, by=cast.admin).credit == Decimal("20.5")

    def test_the_preview_says_what_then_happens_and_changes_nothing(self, cast):
        preview = tree.preview_sharing(cast.retail)
        assert preview.refusal is None
        assert balance_of(cast.retail).credit == Decimal("20.5")
        assert tree.share(account=cast.retail, by=cast.admin) == preview

    def test_a_suspended_account_can_be_shared(self, cast):
        tree.suspend(account=cast.retail)
        tree.share(account=cast.retail, by=cast.admin)
        assert charge(cast.retail, "1").refusal.code == "suspended"

    def test_a_second_call_changes_nothing_and_a_master_account_has_no_mode(self, cast):
        assert tree.share(account=cast.otp, by=cast.admin) is None
        with pytest.raises(ValueError, match="its own balance"):
            tree.share(account=cast.nile, by=cast.admin)

    def test_nothing_to_move_is_no_posting(self, cast):
        empty = make_subaccount(cast.nile, "empty")
        tree.share(account=empty, by=cast.admin)
        assert not Entry.objects.filter(kind=Kind.TRANSFER).exists()


class TestAllocating:
    def test_it_starts_at_zero_and_the_holds_stay_with_the_master_account(self, cast):
        charge(cast.otp, "100")
        held = hold(cast.otp, "50")
        assert tree.allocate(account=cast.otp) is True
        balance = balance_of(cast.otp)
        assert (balance.mode, balance.credit, balance.credit_limit) == ("allocated", 0, 0)
        assert charge(cast.otp, "1", "m-2").status == Status.REFUSED
        assert balance_of(cast.nile).on_hold == 50
        [row] = holds.capture(master=cast.nile.pk, hold=held.id, reference="c-1").rows
        assert (row.account_id, row.holder_id) == (cast.otp.pk, cast.nile.pk)

    def test_a_second_call_changes_nothing(self, cast):
        assert tree.allocate(account=cast.otp) is True
        assert tree.allocate(account=cast.otp) is False
        assert tree.allocate(account=cast.nile) is False

    def test_there_and_back_again(self, cast):
        tree.allocate(account=cast.otp)
        give(cast.otp, "7")
        tree.share(account=cast.otp, by=cast.admin)
        tree.allocate(account=cast.otp)
        assert balance_of(cast.otp).credit == 0
        assert balance_of(cast.nile).credit == 10_007


class TestClosing:
    def test_what_is_left_dust_included_goes_to_the_master_account(self, cast):
        charge(cast.retail, "0.000001")
        leaving = tree.close(account=cast.retail, by=cast.admin)
        assert leaving.credit == Decimal("20.499999")
        assert balance_of(cast.nile).credit == Decimal("10020.499999")
        cast.retail.refresh_from_db()
        assert cast.retail.state == State.CLOSED
        assert charge(cast.retail, "1", "m-2").refusal.code == "closed"
        assert Entry.objects.filter(account=cast.retail).count() == 3
        assert give(cast.retail, "3").rows[0].holder_id == cast.nile.pk

    def test_its_limit_ends_with_it(self, cast):
        set_limit(cast.retail, "100")
        tree.close(account=cast.retail, by=cast.admin)
        assert balance_of(cast.retail).credit_limit == 0
        assert CreditLimitChange.objects.latest("id").reason == "Closed"

    def test_a_debt_refuses_it(self, cast):
        set_limit(cast.retail, "100")
        charge(cast.retail, "21")
        with pytest.raises(tree.InDebt, match=r"owes EGP 0\.50"):
            tree.close(account=cast.retail, by=cast.admin)

    @pytest.mark.parametrize("who", ["retail", "otp"])
    def test_open_holds_refuse_it_whoever_carries_them(self, cast, who):
        account = getattr(cast, who)
        open_hold = hold(account, "5")
        with pytest.raises(tree.OpenHolds):
            tree.close(account=account, by=cast.admin)
        holds.release(master=cast.nile.pk, hold=open_hold.id)
        assert tree.close(account=account, by=cast.admin) is not None

    def test_closed_is_for_good(self, cast):
        tree.close(account=cast.otp, by=cast.admin)
        assert tree.close(account=cast.otp, by=cast.admin) is None
        with pytest.raises(tree.AccountClosed):
            tree.allocate(account=cast.otp)
        with pytest.raises(ValueError, match="for good"):
            tree.restore(account=cast.otp)
        tree.close(account=cast.retail, by=cast.admin)
        with pytest.raises(tree.AccountClosed):
            tree.share(account=cast.retail, by=cast.admin)

    def test_a_master_account_is_not_closed(self, cast):
        with pytest.raises(ValueError, match="master account"):
            tree.close(account=cast.nile, by=cast.admin)


class TestRenaming:
    def test_another_name(self, cast):
        tree.rename(account=cast.retail, name="Shops")
        tree.rename(account=cast.nile, name="Nile")
        assert Account.objects.get(pk=cast.retail.pk).name == "Shops"
        assert Account.objects.get(pk=cast.nile.pk).name == "Nile"

    @pytest.mark.parametrize("name", ["", "Marketing", "x" * 200])
    def test_a_name_that_is_blank_taken_or_too_long_is_refused(self, cast, name):
        with pytest.raises(ValidationError):
            tree.rename(account=cast.retail, name=name)
        assert Account.objects.get(pk=cast.retail.pk).name == "Retail branches"


@pytest.mark.django_db(transaction=True)
def test_switches_while_charges_run_lose_nothing_and_charge_the_right_holder(cast):
    """To and fro, as fast as it goes, while three threads charge: each entry's holder fits."""
    give(cast.retail, "1000")
    done = threading.Event()

    def spend(worker):
        statuses = []
        while not done.is_set():
            try:
                outcome = charge(cast.retail, "0.01", f"m-{worker}-{len(statuses)}")
            except charges.StartAgain:
                continue  # Two switches came between: whoever charges tries again.
            statuses.append(outcome.status)
        return statuses

    def switch():
        try:
            for _round in range(15):
                account = Account.objects.get(pk=cast.retail.pk)
                tree.share(account=account, by=cast.admin)
                tree.allocate(account=account)
                give(account, "5")
        finally:
            done.set()

    *spent, _switched = at_once(*(lambda w=w: spend(w) for w in range(3)), switch)
    accepted = sum(statuses.count(Status.ACCEPTED) for statuses in spent)
    usage = Entry.objects.filter(account=cast.retail, kind=Kind.USAGE)
    assert usage.count() == accepted > 0
    total = balance_of(cast.nile).credit + balance_of(cast.retail).credit
    assert total == Decimal("11095.5") - accepted * Decimal("0.01")
    assert verify().is_clean

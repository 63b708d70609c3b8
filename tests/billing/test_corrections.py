"""Corrections: adjustments with a reason, and reversals, whole and once."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest

from accounts.models import Account
from billing import adjustments, charges, holds, transfers, tree
from billing.models import Contra, Entry, Kind, Origin
from billing.postings import Status
from tests.factories import balance_of, give

pytestmark = pytest.mark.django_db


def charge(account, amount="10", reference="msg-17"):
    return charges.charge(account=account, amount=Decimal(amount), reference=reference)


def adjust(cast, account, amount, reference="adj-1", reason="goodwill"):
    return adjustments.make(
        account=account,
        amount=Decimal(amount),
        reason=reason,
        reference=reference,
        by=cast.operator,
    )


def reverse(cast, reference="msg-17", **keywords):
    keywords = {"master": cast.nile.pk, "reason": "typo", "by": cast.operator} | keywords
    return charges.reverse(reference=reference, **keywords)


class TestReversal:
    def test_it_gives_the_whole_charge_back(self, cast):
        charge(cast.marketing)
        outcome = reverse(cast)
        [entry] = outcome.entries
        assert (outcome.status, entry.kind, entry.amount) == (Status.ACCEPTED, Kind.REVERSAL, 10)
        assert (entry.description, entry.by_id) == ("typo", cast.operator.pk)
        assert (entry.origin, entry.reference) == (Origin.REVERSAL, "usage:api:msg-17")
        assert entry.contra == Contra.USAGE_REVENUE
        assert balance_of(cast.marketing).credit == 500

    def test_it_happens_once(self, cast):
        charge(cast.marketing)
        first = reverse(cast)
        again = reverse(cast, reason="typo, as I said")
        assert again == first._replace(status=Status.REPLAYED)
        assert balance_of(cast.marketing).credit == 500
        # Nor can the charge be posted again under its name.
        assert charge(cast.marketing).status == Status.REPLAYED

    def test_it_cannot_be_reversed(self, cast):
        charge(cast.marketing)
        reverse(cast)
        with pytest.raises(charges.CannotReverse, match="A reversal cannot be reversed"):
            reverse(cast, "usage:api:msg-17", origin=Origin.REVERSAL)

    def test_a_payment_or_transfer_is_not_undone_by_it(self, cast):
        give(cast.marketing, "5", "pay-17")
        with pytest.raises(charges.CannotReverse, match="refund"):
            reverse(cast, "pay-17", origin=Origin.PAYMENT)
        key = uuid.uuid4()
        transfers.make(
            source=cast.marketing,
            destination=cast.retail,
            amount=Decimal(1),
            key=key,
            by=cast.admin,
        )
        with pytest.raises(charges.CannotReverse, match="another transfer"):
            reverse(cast, str(key), origin=Origin.CONSOLE)

    def test_an_unknown_or_foreign_reference_is_said(self, cast):
        charge(cast.marketing)
        for wrong in (
            {"reference": "msg-18"},
            {"master": cast.gulf.pk},
            {"origin": Origin.CONSOLE},
        ):
            with pytest.raises(charges.UnknownReference, match="no posting"):
                reverse(cast, **wrong)

    @pytest.mark.parametrize("reason", ["", " \n", "x" * 501, "nul\x00"])
    def test_it_has_a_reason(self, cast, reason):
        charge(cast.marketing)
        with pytest.raises(ValueError, match=r"\w"):
            reverse(cast, reason=reason)

    def test_the_credit_goes_to_the_holder_of_today(self, cast):
        charge(cast.otp)
        assert balance_of(cast.nile).credit == 9990
        Account.objects.filter(pk=cast.otp.pk).update(balance_mode="allocated")
        [entry] = reverse(cast).entries
        assert (entry.account_id, entry.holder_id) == (cast.otp.pk, cast.otp.pk)
        assert (balance_of(cast.nile).credit, balance_of(cast.otp).credit) == (9990, 10)

    def test_a_suspended_account_gets_its_money_back(self, cast):
        charge(cast.marketing)
        tree.suspend(account=cast.marketing)
        assert reverse(cast).status == Status.ACCEPTED

    def test_a_capture_is_reversed_like_any_usage_and_its_hold_stays_ended(self, cast):
        hold = holds.hold(account=cast.marketing, amount=Decimal(10), reference="h").hold
        holds.capture(master=cast.nile.pk, hold=hold.id, reference="msg-17")
        assert reverse(cast).status == Status.ACCEPTED
        hold.refresh_from_db()
        assert (hold.state, hold.captured) == ("captured", 10)
        balance = balance_of(cast.marketing)
        assert (balance.credit, balance.on_hold) == (500, 0)

    def test_the_longest_reference_can_be_reversed(self, cast):
        charge(cast.marketing, reference="x" * 200)
        assert reverse(cast, "x" * 200).status == Status.ACCEPTED


class TestAdjustment:
    def test_up_and_down_with_who_and_why(self, cast):
        [up] = adjust(cast, cast.retail, "4.5").entries
        [down] = adjust(cast, cast.retail, "-25", "adj-2", "billed twice").entries
        assert (up.kind, up.amount, up.by_id) == (
            Kind.ADJUSTMENT,
            Decimal("4.5"),
            cast.operator.pk,
        )
        assert (down.description, down.contra) == ("billed twice", Contra.ADJUSTMENTS)
        assert balance_of(cast.retail).credit == 0

    def test_never_past_the_limit(self, cast):
        refusal = adjust(cast, cast.retail, "-20.51").refusal
        assert (refusal.code, refusal.short_by) == ("insufficient_balance", Decimal("0.01"))

    def test_twice_is_once_and_other_content_a_conflict(self, cast):
        adjust(cast, cast.retail, "1")
        assert adjust(cast, cast.retail, "1").status == Status.REPLAYED
        assert adjust(cast, cast.retail, "2").status == Status.CONFLICT
        assert balance_of(cast.retail).credit == Decimal("21.5")

    def test_a_suspended_account_is_corrected_a_closed_one_only_upwards(self, cast):
        tree.suspend(account=cast.retail)
        assert adjust(cast, cast.retail, "-1").status == Status.ACCEPTED
        Account.objects.filter(pk=cast.gulf_sales.pk).update(state="closed")
        assert adjust(cast, cast.gulf_sales, "-1").refusal.code == "closed"
        [entry] = adjust(cast, cast.gulf_sales, "1").entries
        assert entry.holder_id == cast.gulf.pk

    def test_it_is_reversed_within_the_available_balance(self, cast):
        adjust(cast, cast.retail, "30")
        charge(cast.retail, "40")
        undo = {"reference": "adj-1", "origin": Origin.CONSOLE}
        refusal = reverse(cast, **undo).refusal
        assert (refusal.available, refusal.short_by) == (Decimal("10.5"), Decimal("19.5"))
        give(cast.retail, "19.5")
        [entry] = reverse(cast, **undo).entries
        assert (entry.amount, entry.contra) == (-30, Contra.ADJUSTMENTS)
        assert balance_of(cast.retail).credit == 0
        assert Entry.objects.spending().filter(account=cast.retail).count() == 1

    @pytest.mark.parametrize(
        "wrong",
        [
            {"amount": "0"},
            {"amount": "0.0000001"},
            {"reason": " "},
            {"reason": "x" * 501},
            {"reference": ""},
            {"reference": "x" * 201},
        ],
        ids=repr,
    )
    def test_what_cannot_be_kept_is_an_error(self, cast, wrong):
        with pytest.raises(ValueError, match=r"\w"):
            adjust(cast, **({"account": cast.retail, "amount": "1"} | wrong))

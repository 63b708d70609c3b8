"""Money that a gateway says is there is credited once, whatever the order in which it says it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing import settlement, tree
from billing.gateways.protocol import Event, Fact, What
from billing.models import (
    Arrival,
    ArrivalState,
    DisputeState,
    Entry,
    GatewayEvent,
    Kind,
    PaymentState,
    ReviewReason,
)
from billing.verification import verify
from tests.billing.payments.cast import about, make_payment, paid, tell
from tests.factories import balance_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def payments_of(account):
    return Entry.objects.filter(account=account, origin="payment").exclude(
        reference__startswith="pay-"
    )


def test_money_that_was_asked_for_is_credited_with_a_receipt(cast):
    payment = make_payment(cast.marketing, "250.50")
    assert tell(payment, paid(payment)).payment == payment
    assert payment.state == PaymentState.PAID
    assert balance_of(cast.marketing).credit == Decimal("750.50")
    [entry] = payments_of(cast.marketing)
    assert (entry.kind, entry.reference, entry.amount) == (
        Kind.PAYMENT,
        str(payment.pk),
        Decimal("250.50"),
    )
    assert entry.posted_at == payment.paid_at
    arrival = payment.arrivals.get()
    assert arrival.receipt == f"{arrival.receipt_year}-000001"
    assert [event.what for event in payment.events.order_by("id")] == ["arrived", "credited"]
    assert verify().is_clean


def test_a_fee_is_paid_and_not_credited(cast):
    payment = make_payment(cast.marketing, "100", fee=Decimal("2.50"))
    tell(payment, paid(payment))
    assert payment.arrivals.get().amount == Decimal("102.50")
    assert balance_of(cast.marketing).credit == 600


@pytest.mark.parametrize(
    "state",
    [PaymentState.CREATED, PaymentState.FAILED, PaymentState.EXPIRED, PaymentState.CANCELLED],
)
def test_any_unpaid_state_may_still_become_paid(cast, state):
    payment = make_payment(cast.marketing, state=state)
    tell(payment, paid(payment))
    assert payment.state == PaymentState.PAID
    assert balance_of(cast.marketing).credit == 600


def test_the_same_message_and_the_same_money_in_another_are_nothing_new(cast):
    payment = make_payment(cast.marketing)
    assert tell(payment, paid(payment), event="evt_1").is_new
    assert not tell(payment, paid(payment), event="evt_1").is_new
    tell(payment, paid(payment), event="evt_2")
    settlement.learn_about(payment, [paid(payment)])
    assert balance_of(cast.marketing).credit == 600
    assert Arrival.objects.count() == 1
    assert GatewayEvent.objects.count() == 2


def test_a_hundred_messages_at_once_credit_once(cast):
    payment = make_payment(cast.marketing)
    message = Event("evt_1", "paid", {}, [paid(payment)])
    others = [Event(f"evt_{n}", "paid", {}, [paid(payment)]) for n in range(2, 52)]
    at_once(
        *(
            lambda event=event: settlement.receive(gateway="stripe", event=event)
            for event in [message] * 50 + others
        )
    )
    assert balance_of(cast.marketing).credit == 600
    assert Arrival.objects.count() == 1
    assert GatewayEvent.objects.count() == 51
    assert verify().is_clean


def test_receipts_are_numbered_without_gaps_when_many_are_paid_at_once(cast):
    payments = [make_payment(account) for account in [cast.marketing, cast.retail, cast.nile] * 7]
    gulf = make_payment(cast.gulf)
    at_once(*(lambda each=each: tell(each, paid(each)) for each in [*payments, gulf]))
    numbers = Arrival.objects.filter(master=cast.nile).values_list("receipt_number", flat=True)
    assert sorted(numbers) == list(range(1, 22))
    assert gulf.arrivals.get().receipt_number == 1
    assert verify().is_clean


WRONG = {
    "less": ({"amount": Decimal("99.99")}, ReviewReason.AMOUNT),
    "more": ({"amount": Decimal("100.01")}, ReviewReason.AMOUNT),
    "currency": ({"currency": "USD"}, ReviewReason.CURRENCY),
    "account": ({"account": "nile/retail"}, ReviewReason.ACCOUNT),
}


@pytest.mark.parametrize("how", WRONG)
def test_what_was_not_asked_for_is_held_in_review_and_not_credited(cast, how):
    changes, reason = WRONG[how]
    payment = make_payment(cast.marketing)
    tell(payment, paid(payment, **changes))
    arrival = payment.arrivals.get()
    assert (arrival.state, arrival.reason, arrival.receipt) == (ArrivalState.IN_REVIEW, reason, "")
    assert payment.state == PaymentState.PENDING
    assert balance_of(cast.marketing).credit == 500


def test_money_named_for_another_checkout_is_held_in_review(cast):
    payment, other = make_payment(cast.marketing), make_payment(cast.retail)
    fact = paid(payment, checkout="cs_unknown", payment=str(other.pk))
    tell(other, fact)
    assert other.arrivals.get().reason == ReviewReason.ACCOUNT


def test_the_account_that_was_told_is_compared_as_company_and_code(cast):
    payment = make_payment(cast.marketing)
    tell(payment, paid(payment, account="nile/marketing"))
    assert payment.state == PaymentState.PAID


def test_paid_twice_the_second_money_is_held_in_review(cast):
    payment = make_payment(cast.marketing)
    tell(payment, paid(payment, "pi_1"))
    tell(payment, paid(payment, "pi_2"))
    second = Arrival.objects.get(gateway_reference="pi_2")
    assert (second.state, second.reason) == (ArrivalState.IN_REVIEW, ReviewReason.TWICE)
    settlement.credit_arrival(second, by=cast.operator)
    assert balance_of(cast.marketing).credit == 700
    assert sorted(Arrival.objects.values_list("receipt_number", flat=True)) == [1, 2]
    assert verify().is_clean


def test_an_operator_credits_what_arrived_and_only_once(cast):
    payment = make_payment(cast.marketing)
    tell(payment, paid(payment, amount=Decimal("60")))
    arrival = payment.arrivals.get()
    settlement.credit_arrival(arrival, by=cast.operator)
    payment.refresh_from_db()
    assert (payment.state, payment.credited) == (PaymentState.PAID, Decimal(60))
    assert balance_of(cast.marketing).credit == 560
    for again in (settlement.credit_arrival, settlement.return_arrival):
        with pytest.raises(settlement.NotInReview):
            again(arrival, by=cast.operator)
    assert balance_of(cast.marketing).credit == 560


def test_money_in_another_currency_is_returned_and_not_credited(cast):
    payment = make_payment(cast.marketing)
    tell(payment, paid(payment, currency="USD"))
    arrival = payment.arrivals.get()
    with pytest.raises(ValueError, match="another currency"):
        settlement.credit_arrival(arrival, by=cast.operator)
    settlement.return_arrival(arrival, by=cast.operator)
    arrival.refresh_from_db()
    assert (arrival.state, arrival.ended_by) == (ArrivalState.RETURNED, cast.operator)
    assert balance_of(cast.marketing).credit == 500


def test_two_operators_at_once_credit_once(cast):
    payment = make_payment(cast.marketing)
    tell(payment, paid(payment, amount=Decimal("60")))
    arrival = payment.arrivals.get()

    def credit():
        try:
            settlement.credit_arrival(arrival, by=cast.operator)
        except settlement.NotInReview:
            return "late"
        return "credited"

    assert sorted(at_once(*[credit] * 4)) == ["credited", "late", "late", "late"]
    assert balance_of(cast.marketing).credit == 560


def test_what_comes_late_or_out_of_order_does_not_take_a_payment_back(cast):
    payment = make_payment(cast.marketing)
    tell(payment, paid(payment), about(payment, What.FAILED, about="declined"))
    for what in (What.PENDING, What.EXPIRED, What.CANCELLED, What.FAILED):
        tell(payment, about(payment, what))
    assert (payment.state, payment.failure) == (PaymentState.PAID, "")
    waiting = make_payment(cast.marketing)
    tell(waiting, about(waiting, What.EXPIRED))
    tell(waiting, about(waiting, What.PENDING))
    tell(waiting, about(waiting, What.FAILED))
    assert waiting.state == PaymentState.EXPIRED


def test_a_failure_says_why_and_a_new_try_clears_it_when_paid(cast):
    payment = make_payment(cast.marketing)
    tell(payment, about(payment, What.FAILED, about="The card was declined."))
    assert (payment.state, payment.failure) == (PaymentState.FAILED, "The card was declined.")
    tell(payment, about(payment, What.PENDING), paid(payment))
    assert (payment.state, payment.failure) == (PaymentState.PAID, "")


def test_a_message_about_an_unknown_payment_is_kept(cast):
    fact = Fact(
        What.PAID, checkout="cs_none", payment="nonsense", reference="pi", amount=Decimal(1)
    )
    learnt = settlement.receive(
        gateway="stripe", event=Event("evt_1", "paid", {"id": "evt_1"}, [fact])
    )
    assert (learnt.payment, learnt.is_new) == (None, True)
    kept = GatewayEvent.objects.get()
    assert (kept.payment, kept.body) == (None, {"id": "evt_1"})


def test_an_account_that_was_shared_or_closed_meanwhile_passes_the_money_to_its_holder(cast):
    payment, other = make_payment(cast.marketing), make_payment(cast.retail)
    tree.share(account=cast.marketing, by=None)
    tree.close(account=cast.retail, by=None)
    before = balance_of(cast.nile).credit
    tell(payment, paid(payment))
    tell(other, paid(other))
    assert balance_of(cast.nile).credit == before + 200
    assert verify().is_clean


# --- disputes -----------------------------------------------------------------------------------


def dispute(payment, what=What.DISPUTED, amount="100", reference="dp_1"):
    return about(payment, what, reference=reference, amount=Decimal(amount), currency="EGP")


def test_a_dispute_takes_the_money_past_the_limit_and_brings_it_back_when_won(cast):
    payment = make_payment(cast.retail)
    tell(payment, paid(payment))
    tree.suspend(account=cast.retail)
    tell(payment, dispute(payment), event="evt_d")
    tell(payment, dispute(payment))
    assert balance_of(cast.retail).credit == Decimal("20.50")
    assert payment.charged_back == 100
    tell(payment, dispute(payment, What.DISPUTE_WON))
    tell(payment, dispute(payment, What.DISPUTE_WON))
    assert balance_of(cast.retail).credit == Decimal("120.50")
    assert payment.charged_back == 0
    assert payment.disputes.get().state == DisputeState.WON
    assert verify().is_clean


def test_a_lost_dispute_keeps_the_money_away_also_when_told_without_its_beginning(cast):
    payment = make_payment(cast.retail)
    tell(payment, paid(payment))
    tell(payment, dispute(payment, What.DISPUTE_LOST))
    assert balance_of(cast.retail).credit == Decimal("20.50")
    tell(payment, dispute(payment))
    assert balance_of(cast.retail).credit == Decimal("20.50")
    assert payment.disputes.get().state == DisputeState.LOST


def test_a_dispute_that_was_won_before_it_was_told_of_takes_nothing(cast):
    payment = make_payment(cast.retail)
    tell(payment, paid(payment))
    tell(payment, dispute(payment, What.DISPUTE_WON))
    tell(payment, dispute(payment))
    assert balance_of(cast.retail).credit == Decimal("120.50")
    assert verify().is_clean

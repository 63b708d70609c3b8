"""Stripe's SDK, the sandbox and the webhook, over real HTTP: each payment ends as it should."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import Account
from billing import payments, refunds, settlement
from billing.gateways import gateway
from billing.gateways.protocol import GatewayError, GatewayRefused
from billing.models import (
    Arrival,
    ArrivalState,
    Dispute,
    DisputeState,
    Entry,
    GatewayEvent,
    Kind,
    Payment,
    PaymentMethod,
    PaymentState,
    RefundState,
    ReviewReason,
)
from billing.payment_instructions import instructions_of
from billing.payment_trail import Trail
from billing.verification import verify
from tests.billing.payments.counter import (
    BACK,
    all_delivered,
    checkout,
    click,
    start,
    turn,
    until,
    wait_until,
)
from tests.factories import balance_of, make_master

pytestmark = pytest.mark.django_db(transaction=True)


def is_paid(payment) -> bool:
    return payment.state == PaymentState.PAID


def trail(payment) -> list[str]:
    return list(payment.events.order_by("pk").values_list("what", flat=True))


def credits_of(payment) -> list[Decimal]:
    entries = Entry.objects.filter(kind=Kind.PAYMENT, reference__startswith=str(payment.pk))
    return [entry.amount for entry in entries]


def test_a_card_that_passes_is_credited_once(cast, sandbox):
    payment = checkout(cast.retail, "250.75")
    assert payment.checkout_url.startswith(f"{sandbox.address}/pay/cs_")
    click(sandbox, payment, "pay", card="4242 4242 4242 4242")
    until(payment, is_paid)
    settlement.learn_about(payment, gateway("stripe").fetch(payment))
    assert credits_of(payment) == [Decimal("250.75")]
    assert balance_of(cast.retail).credit == Decimal("271.25")
    assert verify().is_clean


def test_each_row_of_the_table_asks_for_the_right_whole_number(sandbox):
    units = {"KWD": 1000, "BHD": 1000, "OMR": 1000, "JOD": 1000, "JPY": 1}
    companies: dict[str, Account] = {}
    # Those of anywhere are in dollars, as those of the US are.
    rows = PaymentMethod.objects.filter(gateway__in=["stripe", "regional"]).exclude(country="*")
    for row in rows:
        code = row.country.lower()
        if code not in companies:
            companies[code] = make_master(
                code, name=code, country=row.country, currency=row.currency
            )
        amount = row.min_amount + row.step
        payment = checkout(companies[code], str(amount), code=row.code)
        session = sandbox.sandbox.session(payment.gateway_reference)
        asked = (session["amount_total"], session["currency"])
        assert asked == (amount * units.get(row.currency, 100), row.currency.lower()), row
    assert rows.filter(currency__in=units).count() == 9


def test_a_fee_never_makes_an_amount_that_stripe_cannot_take(sandbox):
    company = make_master("gulf", name="Gulf", country="KW", currency="KWD")
    PaymentMethod.objects.filter(country="KW").update(fee_percent="2.5")
    payment = checkout(company, "1.010")
    assert (payment.fee, payment.total) == (Decimal("0.03"), Decimal("1.04"))


def test_konbini_tells_the_code_of_each_store_and_until_when(sandbox):
    company = make_master("far", name="Far", country="JP", currency="JPY")
    payment = checkout(company, "5000", code="konbini")
    Payment.objects.filter(pk=payment.pk).update(expires_at=timezone.now() + timedelta(hours=1))
    click(sandbox, payment, "promise")
    until(payment, lambda it: it.instructions)
    told = instructions_of(payment)
    stores = [str(label).partition(":")[0] for label, _codes in told.facts]
    assert stores == ["FamilyMart", "Lawson", "Ministop", "Seicomart"]
    assert all(len(codes) == len("123456 / 1234567890") for _label, codes in told.facts)
    # No counter knows our own reference.
    assert (told.code, told.qr) == ("", "")
    assert told.page == payment.checkout_url
    assert payment.expires_at.isoformat() == payment.instructions["expires_at"]
    assert timedelta(days=2) < payment.expires_at - timezone.now() <= timedelta(days=3)


def test_a_declined_card_leaves_the_checkout_open_and_another_one_pays(cast, sandbox):
    payment = checkout(cast.retail)
    click(sandbox, payment, "pay", card="4000 0000 0000 0002")
    until(payment, lambda it: it.failure)
    assert payment.state == PaymentState.PENDING
    assert payment.failure == "Your card was declined."
    assert trail(payment)[-1] == Trail.FAILED
    click(sandbox, payment, "pay")
    until(payment, is_paid)
    assert payment.failure == ""
    assert credits_of(payment) == [100]


@pytest.mark.parametrize(("answer", "is_credited"), [("pass", True), ("fail", False)])
def test_the_payers_bank_asks_who_they_are(cast, sandbox, answer, is_credited):
    payment = checkout(cast.retail)
    click(sandbox, payment, "pay", card="4000 0025 0000 3155")
    all_delivered(sandbox)
    payment.refresh_from_db()
    assert (payment.state, payment.failure) == (PaymentState.PENDING, "")
    click(sandbox, payment, answer)
    until(payment, lambda it: is_paid(it) or it.failure)
    assert is_paid(payment) is is_credited
    assert credits_of(payment) == [100] * is_credited


def test_a_voucher_tells_its_code_and_is_credited_when_it_is_paid(cast, sandbox):
    payment = checkout(cast.retail, code="fawry")
    click(sandbox, payment, "promise")
    until(payment, lambda it: it.instructions)
    assert payment.state == PaymentState.PENDING
    assert payment.instructions["kind"] == "voucher"
    assert len(payment.instructions["code"]) == 15
    assert payment.instructions["expires_at"] > "2026"
    all_delivered(sandbox)
    assert credits_of(payment) == []
    click(sandbox, payment, "arrive")
    until(payment, is_paid)
    assert credits_of(payment) == [100]


def test_a_voucher_that_nobody_pays_fails(cast, sandbox):
    payment = checkout(cast.retail, code="fawry")
    click(sandbox, payment, "promise")
    # In the other order it would be pending again, until the gateway is asked.
    all_delivered(sandbox)
    click(sandbox, payment, "break")
    until(payment, lambda it: it.state == PaymentState.FAILED)
    assert credits_of(payment) == []


@pytest.mark.parametrize(
    ("country", "currency", "amount", "wire"),
    [("KW", "KWD", "1.25", 1250), ("JP", "JPY", "500", 500), ("EG", "EGP", "99.99", 9999)],
)
def test_each_currency_has_its_own_decimals_at_stripe(
    transactional_db, sandbox, country, currency, amount, wire
):
    account = make_master("there", country=country, currency=currency)
    payment = checkout(account, amount)
    session = sandbox.sandbox.session(payment.gateway_reference)
    assert (session["amount_total"], session["currency"]) == (wire, currency.lower())
    click(sandbox, payment, "pay")
    until(payment, is_paid)
    assert balance_of(account).credit == Decimal(amount)
    assert verify().is_clean


def test_another_amount_is_held_in_review(cast, sandbox):
    payment = checkout(cast.retail)
    turn(sandbox, "faults", amount=9_999)
    click(sandbox, payment, "pay")
    wait_until(Arrival.objects.exists)
    arrival = Arrival.objects.get()
    assert (arrival.state, arrival.reason) == (ArrivalState.IN_REVIEW, ReviewReason.AMOUNT)
    assert arrival.amount == Decimal("99.99")
    assert credits_of(payment) == []


def test_money_in_another_currency_is_held_in_review_and_its_payer_reads_a_sentence(
    cast, client, sandbox
):
    turn(sandbox, "faults", currency="usd")
    payment = checkout(cast.retail)
    click(sandbox, payment, "pay")
    until(payment, lambda it: it.arrivals.exists())
    all_delivered(sandbox)
    [arrival] = payment.arrivals.all()
    assert (arrival.state, arrival.reason) == (ArrivalState.IN_REVIEW, ReviewReason.CURRENCY)
    assert (arrival.amount, arrival.currency) == (100, "USD")
    assert not Entry.objects.filter(reference__startswith=str(payment.pk)).exists()
    client.force_login(cast.admin)
    page = client.get(payment.get_absolute_url()).content.decode()
    assert "USD 100.00 arrived, EGP 100.00 were asked for." in page
    assert "it is not credited yet" in page
    # Asked about it, the gateway says the same, and nothing more comes of it.
    settlement.learn_about(payment, gateway("stripe").fetch(payment))
    assert payment.arrivals.count() == 1
    assert verify().is_clean


def test_a_message_that_comes_again_changes_nothing(cast, sandbox):
    payment = checkout(cast.retail)
    click(sandbox, payment, "pay")
    until(payment, is_paid)
    told = all_delivered(sandbox)
    for each in told:
        turn(sandbox, "resend", id=each["event"]["id"])
    wait_until(lambda: len(GatewayEvent.objects.all()) == len(told))
    assert credits_of(payment) == [100]


def test_what_no_message_told_is_found_by_asking(cast, sandbox):
    turn(sandbox, "faults", quiet=1)
    payment = checkout(cast.retail)
    assert gateway("stripe").fetch(payment) == []
    click(sandbox, payment, "pay")
    settlement.learn_about(payment, gateway("stripe").fetch(payment))
    settlement.learn_about(payment, gateway("stripe").fetch(payment))
    payment.refresh_from_db()
    assert is_paid(payment)
    assert credits_of(payment) == [100]


def test_an_answer_that_is_lost_leads_to_the_same_checkout(cast, sandbox):
    payment = start(cast.retail)
    turn(sandbox, "faults", lose=2)
    with pytest.raises(GatewayError):
        payments.open_checkout(payment, addresses=BACK)
    payment.refresh_from_db()
    assert payment.state == PaymentState.CREATED
    opened = payments.open_checkout(payment, addresses=BACK)
    assert len(sandbox.sandbox.sessions) == 1
    assert opened.gateway_reference in sandbox.sandbox.sessions


def test_one_lost_answer_is_asked_for_again_by_itself(cast, sandbox):
    turn(sandbox, "faults", lose=1)
    assert checkout(cast.retail).gateway_reference
    assert len(sandbox.sandbox.sessions) == 1


@pytest.mark.parametrize("fault", [{"fail": 2}, {"garbage": 2}, {"slow": 30}])
def test_a_gateway_in_trouble_changes_nothing_and_takes_ten_seconds_at_most(cast, sandbox, fault):
    payment = start(cast.retail)
    turn(sandbox, "faults", **fault)
    began = time.monotonic()
    with pytest.raises(GatewayError) as trouble:
        payments.open_checkout(payment, addresses=BACK)
    assert time.monotonic() - began < 10
    assert "sk_" not in trouble.value.message
    payment.refresh_from_db()
    assert (payment.state, payment.gateway_reference) == (PaymentState.CREATED, "")


def test_a_gateway_that_is_down_changes_nothing(cast, sandbox, settings):
    payment = checkout(cast.retail)
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    for ask in (payments.cancel,):
        with pytest.raises(GatewayError):
            ask(payment, by=None)
    with pytest.raises(GatewayError):
        gateway("stripe").fetch(payment)
    payment.refresh_from_db()
    assert payment.state == PaymentState.PENDING


def test_a_wrong_key_is_an_error_without_the_key(cast, sandbox, settings):
    settings.STRIPE_API_KEY = "sk_sandbox_wrong"
    with pytest.raises(GatewayError) as trouble:
        checkout(cast.retail)
    assert not isinstance(trouble.value, GatewayRefused)
    assert trouble.value.message == "Stripe: AuthenticationError 401"


def test_a_cancelled_payment_cannot_be_paid_any_more(cast, sandbox):
    payment = checkout(cast.retail)
    payments.cancel(payment, by=None)
    all_delivered(sandbox)
    payment.refresh_from_db()
    assert payment.state == PaymentState.CANCELLED
    assert sandbox.sandbox.session(payment.gateway_reference)["status"] == "expired"
    gateway("stripe").cancel(payment)


def test_one_that_was_paid_while_it_was_cancelled_stays_paid(cast, sandbox):
    turn(sandbox, "faults", quiet=1)
    payment = checkout(cast.retail)
    click(sandbox, payment, "pay")
    payments.cancel(payment, by=None)
    settlement.learn_about(payment, gateway("stripe").fetch(payment))
    payment.refresh_from_db()
    assert is_paid(payment)


def refund(payment, amount: str, by):
    asked = refunds.request(
        payment=payment, amount=Decimal(amount), reason="Asked for", key=uuid4(), by=by
    )
    return refunds.send(asked)


@pytest.fixture
def payment(cast, sandbox):
    """Retail has 120.50, 100 of it from this payment."""
    payment = checkout(cast.retail)
    click(sandbox, payment, "pay")
    return until(payment, is_paid)


def test_a_refund_is_done_at_once(cast, sandbox, payment):
    done = refund(payment, "40", cast.operator)
    assert done.state == RefundState.DONE
    all_delivered(sandbox)
    settlement.learn_about(payment, gateway("stripe").fetch(payment))
    assert balance_of(cast.retail).credit == Decimal("80.50")
    assert verify().is_clean


@pytest.mark.parametrize(
    ("ends", "state", "credit"),
    [("succeeded", RefundState.DONE, "80.50"), ("failed", RefundState.FAILED, "120.50")],
)
def test_a_refund_that_waits_ends_later(cast, sandbox, payment, ends, state, credit):
    turn(sandbox, "faults", refunds="pending")
    asked = refund(payment, "40", cast.operator)
    assert asked.state == RefundState.REQUESTED
    assert balance_of(cast.retail).on_hold == 40
    turn(sandbox, "refund", id=asked.gateway_reference, status=ends)
    wait_until(lambda: asked.refresh_from_db() or asked.state == state)
    row = balance_of(cast.retail)
    assert (row.credit, row.on_hold) == (Decimal(credit), 0)
    assert verify().is_clean


def test_a_refund_that_stripe_refuses_gives_the_credit_back(cast, sandbox, payment):
    sandbox.sandbox.charges.clear()
    failed = refund(payment, "40", cast.operator)
    assert failed.state == RefundState.FAILED
    assert balance_of(cast.retail).on_hold == 0


def test_a_refund_whose_answer_is_lost_is_made_once(cast, sandbox, payment):
    asked = refunds.request(
        payment=payment, amount=Decimal(40), reason="Asked for", key=uuid4(), by=cast.operator
    )
    turn(sandbox, "faults", fail=2)
    with pytest.raises(GatewayError):
        refunds.send(asked)
    turn(sandbox, "faults")
    refunds.send(asked)
    refunds.send(asked)
    assert len(sandbox.sandbox.refunds) == 1
    assert balance_of(cast.retail).credit == Decimal("80.50")


def test_a_refund_made_at_stripe_itself_leaves_the_credit_too(cast, sandbox, payment):
    with sandbox.sandbox.lock:
        intent = sandbox.sandbox.session(payment.gateway_reference)["payment_intent"]
        sandbox.sandbox.create_refund({"payment_intent": intent, "amount": "1000"})
    until(payment, lambda it: it.refunded == 10)
    all_delivered(sandbox)
    assert balance_of(cast.retail).credit == Decimal("110.50")


@pytest.mark.parametrize(
    ("ends", "state", "credit"),
    [("won", DisputeState.WON, "120.50"), ("lost", DisputeState.LOST, "20.50")],
)
def test_a_dispute_takes_the_credit_until_it_is_won(cast, sandbox, payment, ends, state, credit):
    click(sandbox, payment, "dispute")
    wait_until(Dispute.objects.exists)
    dispute = Dispute.objects.get()
    assert balance_of(cast.retail).credit == Decimal("20.50")
    turn(sandbox, "dispute/close", id=dispute.gateway_reference, status=ends)
    wait_until(lambda: dispute.refresh_from_db() or dispute.state == state)
    settlement.learn_about(payment, gateway("stripe").fetch(payment))
    assert balance_of(cast.retail).credit == Decimal(credit)
    assert verify().is_clean

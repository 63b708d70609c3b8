"""The job that asks: what no message told is found, and one that makes trouble stops nobody."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from billing import payment_methods, payments, reconciliation, refunds, settlement
from billing.gateways.protocol import Fact, What
from billing.models import (
    Dispute,
    Entry,
    Payment,
    PaymentMethod,
    PaymentState,
    Refund,
    RefundState,
)
from billing.payment_trail import Trail
from billing.tasks import reconcile_payments
from billing.verification import verify
from tests.billing.payments.cast import make_payment
from tests.billing.payments.counter import checkout, click, start, turn, wait_until
from tests.factories import balance_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quiet(sandbox):
    turn(sandbox, "faults", quiet=1)


def years_pass(minutes: float = 3) -> None:
    """All that was heard, was heard so much earlier."""
    for payment in Payment.objects.all():
        payment.heard_at = timezone.now() - timedelta(minutes=minutes)
        payment.save(update_fields=["heard_at"])


def state_of(payment) -> str:
    return Payment.objects.get(pk=payment.pk).state


def test_a_payment_whose_message_got_lost_is_credited(cast, sandbox):
    payment = checkout(cast.retail)
    click(sandbox, payment, "pay")
    assert reconciliation.run() == 0  # It was heard of a moment ago.
    years_pass()
    reconcile_payments(0)
    reconcile_payments(0)
    assert state_of(payment) == PaymentState.PAID
    assert balance_of(cast.retail).credit == Decimal("120.50")
    assert verify().is_clean


def test_what_was_paid_in_silence_is_credited_when_somebody_cancels_it(cast, sandbox):
    payment = checkout(cast.retail)
    click(sandbox, payment, "pay")
    assert payments.cancel(payment, by=cast.admin).state == PaymentState.PAID
    assert balance_of(cast.retail).credit == Decimal("120.50")
    assert not payment.events.filter(what=Trail.CANCELLED).exists()


def test_money_for_what_was_given_up_is_found_by_asking(cast, sandbox):
    payment = checkout(cast.retail, code="fawry")
    click(sandbox, payment, "promise")
    payments.cancel(payment, by=cast.admin)
    click(sandbox, payment, "arrive")
    years_pass(11 * 60)
    assert reconciliation.run() == 0
    years_pass(13 * 60)
    assert reconciliation.run() == 1
    assert state_of(payment) == PaymentState.PAID
    assert balance_of(cast.retail).credit == Decimal("120.50")
    assert verify().is_clean


def test_delayed_methods_are_asked_about_less_often(cast, sandbox):
    payment = checkout(cast.retail, code="fawry")
    years_pass(14)
    assert reconciliation.run() == 0
    years_pass(16)
    assert reconciliation.run() == 1
    assert state_of(payment) == PaymentState.PENDING


def test_the_code_of_a_voucher_is_found_by_asking(cast, sandbox):
    payment = checkout(cast.retail, code="fawry")
    click(sandbox, payment, "promise")
    years_pass(16)
    reconciliation.run()
    payment.refresh_from_db()
    assert payment.instructions["code"]


def test_one_that_fails_while_it_is_asked_about_waits_for_what_the_gateway_says(cast, sandbox):
    """A late message of an attempt that failed, and the answer that the next one is under way."""
    payment = checkout(cast.retail, code="fawry")
    click(sandbox, payment, "promise")
    years_pass(16)
    turn(sandbox, "faults", quiet=1, slow=1)

    def fail() -> None:
        wait_until(lambda: Payment.objects.get(pk=payment.pk).heard_at > before)  # It is asked.
        settlement.learn_about(payment, [Fact(What.FAILED, about="Not paid in time.")])

    before = timezone.now()
    at_once(reconciliation.run, fail)
    assert state_of(payment) == PaymentState.PENDING
    trail = list(payment.events.order_by("pk").values_list("what", flat=True))
    assert trail[-2:] == [Trail.FAILED, Trail.PENDING]
    turn(sandbox, "faults", quiet=1)
    click(sandbox, payment, "arrive")
    years_pass(16)
    assert reconciliation.run() == 1
    assert state_of(payment) == PaymentState.PAID
    assert balance_of(cast.retail).credit == Decimal("120.50")
    assert verify().is_clean


def test_an_unpaid_one_expires_after_its_time_and_cannot_be_paid_then(cast, sandbox):
    payment, never_opened = checkout(cast.retail), start(cast.retail)
    early = timezone.now() - timedelta(minutes=5)
    Payment.objects.update(expires_at=early)
    years_pass()
    assert reconciliation.run() == 2
    assert {state_of(payment), state_of(never_opened)} == {PaymentState.EXPIRED}
    assert sandbox.sandbox.session(payment.gateway_reference)["status"] == "expired"


def test_one_that_was_paid_is_credited_although_its_time_is_over(cast, sandbox):
    payment = checkout(cast.retail)
    click(sandbox, payment, "pay")
    Payment.objects.update(expires_at=timezone.now() - timedelta(days=3))
    years_pass()
    reconciliation.run()
    assert state_of(payment) == PaymentState.PAID


def test_one_that_the_gateway_has_forgotten_expires_after_its_time_only(cast, sandbox):
    payment = checkout(cast.retail)
    sandbox.sandbox.sessions.clear()
    years_pass()
    assert reconciliation.run() == 1
    assert state_of(payment) == PaymentState.PENDING
    Payment.objects.update(expires_at=timezone.now() - timedelta(minutes=5))
    years_pass()
    reconciliation.run()
    assert state_of(payment) == PaymentState.EXPIRED


def test_one_that_makes_trouble_comes_last_the_next_time(cast, sandbox):
    broken, fine = checkout(cast.retail), checkout(cast.marketing)
    sandbox.sandbox.session(broken.gateway_reference)["amount_total"] = "nonsense"
    click(sandbox, fine, "pay")
    sandbox.sandbox.session(broken.gateway_reference)["payment_status"] = "paid"
    years_pass()
    Payment.objects.filter(pk=broken.pk).update(heard_at=timezone.now() - timedelta(days=1))
    assert reconciliation.run(limit=1) == 1
    assert state_of(fine) == PaymentState.PENDING
    assert reconciliation.run(limit=1) == 1
    assert state_of(fine) == PaymentState.PAID


def test_a_gateway_that_is_down_is_left_alone_after_three_questions(cast, sandbox, settings):
    for _n in range(5):
        checkout(cast.retail)
    years_pass()
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    began = time.monotonic()
    assert reconciliation.run() == 3
    assert time.monotonic() - began < 30
    assert set(Payment.objects.values_list("state", flat=True)) == {PaymentState.PENDING}


def test_a_gateway_without_a_key_is_not_asked(cast, sandbox, settings):
    checkout(cast.retail)
    years_pass()
    settings.STRIPE_API_KEY = ""
    assert reconciliation.run() == 0


def test_a_dispute_that_was_told_of_before_the_money_is_found(cast, sandbox):
    payment = checkout(cast.retail)
    turn(sandbox, "faults")
    turn(sandbox, "faults", late=1)  # ...while the message of the money is under way
    click(sandbox, payment, "pay")
    turn(sandbox, "faults")
    click(sandbox, payment, "dispute")
    wait_until(lambda: state_of(payment) == PaymentState.PAID)
    assert not Dispute.objects.exists()
    Payment.objects.update(paid_at=timezone.now() - timedelta(minutes=3))
    years_pass(10)
    assert reconciliation.run() == 1
    assert Dispute.objects.count() == 1
    assert reconciliation.run() == 0
    assert balance_of(cast.retail).credit == Decimal("20.50")


def test_neither_look_reads_all_payments(cast):
    """Of 200,000 payments a sequential scan took 40 ms each minute; few rows show no choice."""
    make_payment(cast.retail)
    now = timezone.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plans = [
            look(Payment.objects.all(), now)[:50].explain()
            for look in (reconciliation._stuck, reconciliation._just_paid)
        ]
    assert "payment_unsettled" in plans[0]
    assert "payment_just_paid" in plans[1]


@pytest.fixture
def refund(cast, sandbox) -> Refund:
    """Forty of a hundred, asked for three minutes ago; the gateway knows nothing yet."""
    payment = checkout(cast.retail)
    click(sandbox, payment, "pay")
    years_pass()
    reconciliation.run()
    asked = refunds.request(
        payment=payment, amount=Decimal(40), reason="Asked for", key=uuid4(), by=cast.operator
    )
    Refund.objects.update(created_at=timezone.now() - timedelta(minutes=3))
    years_pass()
    Payment.objects.update(paid_at=timezone.now() - timedelta(days=2))
    return asked


def test_a_refund_that_was_never_sent_is_sent(cast, sandbox, refund):
    assert reconciliation.run() == 1
    assert reconciliation.run() == 0
    refund.refresh_from_db()
    assert refund.state == RefundState.DONE
    assert balance_of(cast.retail).credit == Decimal("80.50")
    assert verify().is_clean


@pytest.mark.parametrize("ends", ["succeeded", "failed"])
def test_a_refund_that_waits_is_asked_about_and_made_once(cast, sandbox, refund, ends):
    turn(sandbox, "faults", quiet=1, refunds="pending")
    assert reconciliation.run() == 1
    [there] = sandbox.sandbox.refunds
    turn(sandbox, "refund", id=there, status=ends)
    years_pass()
    assert reconciliation.run() == 1
    refund.refresh_from_db()
    assert refund.state == {"succeeded": RefundState.DONE, "failed": RefundState.FAILED}[ends]
    assert len(sandbox.sandbox.refunds) == 1
    assert Entry.objects.filter(kind="refund").count() == (ends == "succeeded")


def test_methods_are_loaded_by_a_command_and_twice_changes_nothing(db, capsys):
    PaymentMethod.objects.all().delete()
    call_command("load_payment_methods")
    call_command("load_payment_methods")
    said = capsys.readouterr().out.splitlines()
    count = PaymentMethod.objects.count()
    assert said == [
        f"{count} payment methods added, 0 changed.",
        "0 payment methods added, 0 changed.",
    ]
    assert payment_methods.load() == (0, 0)

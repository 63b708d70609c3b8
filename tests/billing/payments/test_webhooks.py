"""POST /gateways/<name>/webhook/: what is signed is kept once, and nothing else is believed."""

from __future__ import annotations

import http.client
import json
import logging
import time
from decimal import Decimal
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client

from billing.models import Arrival, Entry, GatewayEvent, Kind, Payment, PaymentState
from billing.sandbox.delivery import sign
from billing.verification import verify
from tests.billing.payments.cast import make_payment
from tests.billing.payments.counter import KEY, SECRET
from tests.factories import balance_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/gateways/stripe/webhook/"


@pytest.fixture(autouse=True)
def key(settings):
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRET = KEY, SECRET


def completed(payment: Payment, **changes) -> dict:
    """The message that a checkout was paid."""
    session = {
        "id": payment.gateway_reference,
        "object": "checkout.session",
        "client_reference_id": str(payment.pk),
        "amount_total": int(payment.total * 100),
        "currency": payment.currency.lower(),
        "status": "complete",
        "payment_status": "paid",
        "payment_intent": f"pi_{payment.gateway_reference}",
        "metadata": {"account": f"{payment.master.code}/{payment.account.code}"},
    } | changes
    return message("checkout.session.completed", session)


def message(kind: str, thing: object, name: str = "") -> dict:
    return {"id": name or f"evt_{uuid4()}", "type": kind, "data": {"object": thing}}


def post(body, *, at: int | None = None, secret: str = SECRET, url: str = URL, header=None):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    signature = sign(body, secret, int(time.time()) if at is None else at)
    signature = signature if header is None else header
    return Client().post(
        url, body, content_type="application/json", headers={"Stripe-Signature": signature}
    )


def test_a_signed_message_credits_the_payment_once(cast):
    payment = make_payment(cast.retail)
    told = completed(payment)
    assert [post(told).status_code for _n in range(3)] == [200, 200, 200]
    assert balance_of(cast.retail).credit == Decimal("120.50")
    assert GatewayEvent.objects.count() == 1
    assert verify().is_clean


def test_the_same_money_in_another_message_is_credited_once(cast):
    payment = make_payment(cast.retail)
    assert [post(completed(payment)).status_code for _n in range(2)] == [200, 200]
    assert balance_of(cast.retail).credit == Decimal("120.50")
    assert (GatewayEvent.objects.count(), Arrival.objects.count()) == (2, 1)


@pytest.mark.parametrize(
    "how",
    [
        {"secret": "whsec_other"},
        {"at": 1_500_000_000},
        {"header": ""},
        {"header": "t=abc,v1=1"},
        {"header": "v1=1"},
        {"header": "t=1,v1=\u00e9"},
    ],
)
def test_what_is_not_signed_well_or_old_is_not_believed(cast, how):
    payment = make_payment(cast.retail)
    assert post(completed(payment), **how).status_code == 400
    assert not GatewayEvent.objects.exists()
    assert balance_of(cast.retail).credit == Decimal("20.50")


def test_a_message_of_six_minutes_ago_is_too_old_and_one_of_four_is_not(cast):
    payment = make_payment(cast.retail)
    now = int(time.time())
    assert post(completed(payment), at=now - 360).status_code == 400
    assert post(completed(payment), at=now - 240).status_code == 200


def test_no_secret_lets_nobody_in(cast, settings):
    settings.STRIPE_WEBHOOK_SECRET = ""
    assert post(completed(make_payment(cast.retail)), secret="").status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"id":1,"type":"x","data":{"object":{}}}',
        b'{"id":"","type":"x","data":{"object":{}}}',
        b'{"id":"evt","type":"x","data":[]}',
        b'{"id":"evt","type":"x","data":{"object":NaN}}',
        b'{"id":"evt","type":"x","data":{"object":"\\u0000"}}',
        b'{"id":"evt","type":"x","data":{"object":"\\ud800"}}',
        b"[" * 100_000,
        json.dumps(message("x", {}, "e" * 300)).encode(),
        json.dumps(message("k" * 101, {})).encode(),
        json.dumps(message("checkout.session.completed", None)).encode(),
        json.dumps(message("checkout.session.completed", [])).encode(),
        json.dumps(message("charge.dispute.created", {"status": 5})).encode(),
    ],
)
def test_what_cannot_be_read_is_malformed(db, body):
    assert post(body).status_code == 400
    assert not GatewayEvent.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_total": 0},
        {"amount_total": -100},
        {"amount_total": "100"},
        {"amount_total": True},
        {"amount_total": 10**30},
        {"currency": "eg"},
        {"currency": None},
        {"payment_intent": "x" * 300},
        {"payment_intent": 7},
        {"id": {}},
        {"metadata": []},
        {"client_reference_id": 9},
    ],
)
def test_a_session_that_makes_no_sense_is_malformed(cast, changes):
    payment = make_payment(cast.retail)
    status = post(completed(payment, **changes)).status_code
    assert status == (200 if changes == {"metadata": []} else 400)
    assert Arrival.objects.count() == (status == 200)


def test_unknown_kinds_and_payments_are_kept_and_answered(cast):
    unknown = make_payment(cast.retail)
    unknown.gateway_reference, unknown.pk = "cs_of_another_shop", uuid4()
    assert post(message("customer.created", {"id": "cus_1"})).status_code == 200
    assert post(completed(unknown)).status_code == 200
    assert post(message("charge.dispute.closed", {"status": "warning_closed"})).status_code == 200
    assert [each.payment_id for each in GatewayEvent.objects.all()] == [None] * 3
    assert not Entry.objects.filter(reference=str(unknown.pk)).exists()


def test_expiry_after_the_money_changes_nothing_and_money_after_expiry_is_credited(cast):
    early, late = make_payment(cast.retail), make_payment(cast.retail)
    for payment, order in ((early, "paid first"), (late, "expired first")):
        session = completed(payment)["data"]["object"]
        told = [completed(payment), message("checkout.session.expired", session)]
        for each in told if order == "paid first" else told[::-1]:
            assert post(each).status_code == 200
        payment.refresh_from_db()
        assert payment.state == PaymentState.PAID
    assert balance_of(cast.retail).credit == Decimal("220.50")


def test_a_hundred_at_once_credit_once(cast):
    payment = make_payment(cast.retail)
    told = completed(payment)
    answers = at_once(*[lambda: post(told).status_code] * 50, *[lambda: pay_again(payment)] * 50)
    assert set(answers) <= {200, 503}
    assert 200 in answers
    assert balance_of(cast.retail).credit == Decimal("120.50")
    assert Entry.objects.filter(kind=Kind.PAYMENT, reference=str(payment.pk)).count() == 1
    assert verify().is_clean


def pay_again(payment) -> int:
    return post(completed(payment)).status_code


def test_whoever_waits_for_too_long_is_told_to_come_again(cast):
    payment = make_payment(cast.retail)

    def hold() -> None:
        with transaction.atomic():
            Payment.objects.select_for_update().get(pk=payment.pk)
            time.sleep(2)

    def knock():
        time.sleep(0.5)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        return post(completed(payment))

    _, answer = at_once(hold, knock)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert not GatewayEvent.objects.exists()
    assert post(completed(payment)).status_code == 200
    assert balance_of(cast.retail).credit == Decimal("120.50")


def test_it_takes_messages_of_256_kb_and_no_more(db):
    fits = json.dumps(message("x", "")).encode()
    assert post(message("x", "a" * (256 * 1024 - len(fits)))).status_code == 200
    assert post(message("x", "a" * (256 * 1024 - len(fits) + 1))).status_code == 413


def test_only_gateways_with_webhooks_have_one(db, settings):
    told = message("x", {})
    assert post(told, url="/gateways/bank_transfer/webhook/").status_code == 404
    assert post(told, url="/gateways/nobody/webhook/").status_code == 404
    assert post(told, url="/gateways/regional/webhook/").status_code == 200
    assert Client().get(URL).status_code == 405
    settings.STRIPE_API_KEY = "sk_test_real"
    assert post(told, url="/gateways/regional/webhook/").status_code == 404
    settings.STRIPE_API_KEY = ""
    assert post(told).status_code == 404


def test_a_regional_message_does_not_reach_a_payment_of_stripe(cast):
    payment = make_payment(cast.retail)
    assert post(completed(payment), url="/gateways/regional/webhook/").status_code == 200
    payment.refresh_from_db()
    assert payment.state == PaymentState.PENDING


def test_nothing_secret_is_logged(cast, caplog):
    caplog.set_level(logging.DEBUG, logger="billing")
    post(b"{")
    post(completed(make_payment(cast.retail)), secret="whsec_other")
    assert len(caplog.messages) == 2
    assert not any(word in caplog.text for word in (SECRET, KEY, "v1="))


def test_whoever_hangs_up_in_the_middle_does_no_harm(transactional_db, live_server):
    address = urlsplit(live_server.url)
    line = http.client.HTTPConnection(address.hostname, address.port, timeout=5)
    line.putrequest("POST", URL)
    line.putheader("Content-Length", "1000")
    line.endheaders(b"{")
    line.close()
    assert not GatewayEvent.objects.exists()

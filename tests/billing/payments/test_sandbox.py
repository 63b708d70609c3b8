"""The sandbox itself: Stripe's wire format, and a hosted page that says that no money moves."""

from __future__ import annotations

import time
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
import stripe

from billing.sandbox import wire
from tests.billing.payments.counter import KEY, checkout, turn

pytestmark = pytest.mark.django_db(transaction=True)


def session_form(**changes) -> dict:
    price = {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Credit"}}
    return {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "client_reference_id": "payment-1",
        "payment_method_types": ["card"],
        "success_url": "https://console.example/back/",
        "expires_at": int(time.time()) + 3600,
    } | changes


@pytest.fixture
def client(sandbox) -> stripe.StripeClient:
    return stripe.StripeClient(KEY, base_addresses={"api": sandbox.address})


def test_the_same_key_gets_the_same_answer_and_another_body_an_error(client, sandbox):
    form = session_form()
    sessions = client.v1.checkout.sessions
    first = sessions.create(form, {"idempotency_key": "k"})
    assert sessions.create(form, {"idempotency_key": "k"}).id == first.id
    with pytest.raises(stripe.IdempotencyError):
        sessions.create(session_form(client_reference_id="other"), {"idempotency_key": "k"})
    assert len(sandbox.sandbox.sessions) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": 1},
        {"expires_at": 10**10},
        {"mode": "subscription"},
        {"success_url": ""},
        {"line_items": []},
    ],
)
def test_what_stripe_refuses_is_refused(client, changes):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.create(session_form(**changes))


def test_thousandths_end_in_zero(client):
    price = {"currency": "kwd", "unit_amount": 1255, "product_data": {"name": "Credit"}}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.create(
            session_form(line_items=[{"quantity": 1, "price_data": price}])
        )


def test_whoever_has_another_key_is_not_heard(sandbox):
    other = stripe.StripeClient("sk_test_x", base_addresses={"api": sandbox.address})
    with pytest.raises(stripe.AuthenticationError):
        other.v1.checkout.sessions.retrieve("cs_1")


def test_what_there_is_not_is_not_found(client):
    for ask in (client.v1.checkout.sessions, client.v1.refunds, client.v1.payment_intents):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            ask.retrieve("xx_1")
        assert refusal.value.http_status == 404
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.create({"name": "Nobody"})


def read(address: str, **form) -> str:
    body = urlencode(form).encode() if form else None
    with urlopen(Request(address, body), timeout=10) as answer:
        return answer.read().decode()


def refused(address: str, **form) -> tuple[int, str]:
    with pytest.raises(HTTPError) as answer:
        read(address, **form)
    with answer.value as said:
        return said.code, said.read().decode()


def test_the_page_says_that_no_money_moves_and_escapes_what_it_shows(cast, sandbox):
    cast.retail.name = "<script>alert(1)</script>"
    cast.retail.save()
    payment = checkout(cast.retail, "1250.50")
    page = read(payment.checkout_url)
    assert "Sandbox: no money moves" in page
    assert "EGP 1,250.50" in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


@pytest.mark.parametrize("path", ["/pay/cs_none", "/nothing", "/pay/cs_none/pay"])
def test_a_page_that_there_is_not_is_not_found(sandbox, path):
    assert refused(sandbox.address + path, a=1)[0] == 404


def test_a_checkout_that_is_over_cannot_be_paid_again(cast, sandbox):
    payment = checkout(cast.retail)
    turn(sandbox, "session", id=payment.gateway_reference, action="pay")
    status, said = refused(f"{payment.checkout_url}/pay", card="")
    assert status == 400
    assert "This checkout is over: complete." in said


@pytest.mark.parametrize(
    ("what", "form"),
    [("faults", {"nonsense": 1}), ("faults", {"fail": "x"}), ("resend", {}), ("", {})],
)
def test_what_cannot_be_turned_says_so(sandbox, what, form):
    assert refused(f"{sandbox.address}/_control/{what}", **form, a=1)[0] in {400, 404}


def test_nested_forms_are_read(sandbox):
    assert wire.decode("a[b][0]=c&a[b][1]=d&e=") == {"a": {"b": {"0": "c", "1": "d"}}, "e": ""}
    with pytest.raises(wire.WireError):
        wire.decode("a=1&a[b]=2")

"""The demo's settings lead customers to its own sandbox, and to Stripe where there is a key."""

from __future__ import annotations

import pytest

from billing.gateways import gateway
from billing.views.payment_reading import is_known_page
from console.management import stripe_sandbox
from tests.billing.payments.counter import checkout


@pytest.mark.django_db
def test_its_sandbox_opens_checkouts_to_which_customers_are_sent(cast, settings):
    settings.STRIPE_API_KEY = settings.STRIPE_WEBHOOK_SECRET = settings.STRIPE_API_BASE = ""
    settings.CHECKOUT_ORIGINS = ["https://checkout.stripe.com"]
    listener = stripe_sandbox.prepare()
    assert listener is not None
    stripe_sandbox.serve(listener, "http://127.0.0.1:9")
    assert gateway("stripe").is_available
    payment = checkout(cast.marketing)
    assert payment.checkout_url.startswith(settings.STRIPE_API_BASE)
    assert is_known_page(payment.checkout_url)
    assert not is_known_page("https://checkout.stripe.com/c/pay")


def test_with_a_key_of_stripe_there_is_no_sandbox(settings):
    settings.STRIPE_API_KEY = "sk_test_1"
    assert stripe_sandbox.prepare() is None

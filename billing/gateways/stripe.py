"""Stripe: hosted Checkout pages, one Checkout Session a payment. The SDK is Stripe's own.

With the key of the sandbox (``billing.sandbox``) the same code speaks to that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe
from django.conf import settings

from billing.gateways import stripe_facts
from billing.gateways.protocol import (
    BadSignature,
    Checkout,
    Event,
    Fact,
    GatewayRefused,
    Malformed,
    RefundAnswer,
)
from billing.gateways.stripe_amounts import to_wire
from billing.gateways.stripe_client import asking
from billing.models import MethodKind, Payment, Refund

# What we call a method, and what Stripe does. Wallets of phones are cards to it.
METHOD_TYPES = {
    "card": "card",
    "apple_pay": "card",
    "google_pay": "card",
    "paypal": "paypal",
    "ideal": "ideal",
    "bancontact": "bancontact",
    "sepa_debit": "sepa_debit",
    "blik": "blik",
    "p24": "p24",
    "pix": "pix",
    "boleto": "boleto",
    "konbini": "konbini",
    "upi": "upi",
    "ach_debit": "us_bank_account",
}
# A session lives 30 minutes to 24 hours from when it is made. Its end counts from when the
# payment was started, so that asked twice the question is the same: the first may come late.
SHORTEST = timedelta(minutes=60)
LONGEST = timedelta(hours=23, minutes=30)
TOLERANCE = 5 * 60  # seconds that a signature is good for
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)


class Stripe:
    """Takes money by Checkout Sessions."""

    name = "stripe"

    @property
    def is_available(self) -> bool:
        """Whether there is a key."""
        return bool(settings.STRIPE_API_KEY)

    def method_type(self, code: str) -> str:
        """What Stripe calls the method. Raises GatewayRefused for one that it does not have."""
        try:
            return METHOD_TYPES[code]
        except KeyError:
            raise GatewayRefused(f"Stripe has no method {code}") from None

    def create_checkout(self, payment: Payment, *, success_url: str, cancel_url: str) -> Checkout:
        """Make the payment's session. Raises GatewayError, GatewayRefused."""
        self._check_key()
        company, account = payment.master, payment.account
        metadata = {
            "payment": str(payment.pk),
            "account": f"{company.code}/{account.code}",
            "gateway": self.name,
        }
        method = self.method_type(payment.method.code)
        lives = min(max(payment.expires_at - payment.created_at, SHORTEST), LONGEST)
        price = {
            "currency": payment.currency.lower(),
            "unit_amount": to_wire(payment.total, payment.currency),
            "product_data": {"name": f"{account.name} - {payment.reference}"},
        }
        asked: Any = {
            "mode": "payment",
            "line_items": [{"quantity": 1, "price_data": price}],
            "client_reference_id": str(payment.pk),
            "metadata": metadata,
            "payment_intent_data": {"metadata": metadata},
            "payment_method_types": [method],
            "success_url": success_url,
            "cancel_url": cancel_url,
            "expires_at": int((payment.created_at + lives).timestamp()),
        }
        if payment.method.kind == MethodKind.VOUCHER:
            # Counted in whole days by the country's calendar; else Stripe takes three.
            days = max((payment.expires_at - payment.created_at).days, 1)
            asked["payment_method_options"] = {method: {"expires_after_days": days}}
        with asking() as client:
            session = client.v1.checkout.sessions.create(
                asked, {"idempotency_key": str(payment.pk)}
            ).to_dict()
            ends = datetime.fromtimestamp(session["expires_at"], UTC)
            url = session["url"]
            if not str(url).startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
                raise ValueError("no address of a page")
            # A voucher may be paid for longer than the page that shows it lives.
            return Checkout(str(session["id"]), url, max(ends, payment.expires_at))

    def parse_webhook(self, body: bytes, headers: Mapping[str, str]) -> Event:
        """Verify and read a message. Raises BadSignature, Malformed."""
        signature = headers.get("Stripe-Signature") or ""
        try:
            stripe.WebhookSignature.verify_header(
                body, signature, settings.STRIPE_WEBHOOK_SECRET, TOLERANCE
            )
        except (stripe.SignatureVerificationError, ValueError, TypeError):
            raise BadSignature from None
        try:
            message = json.loads(body)
            _check_it_can_be_kept(message)
            kind, thing = message["type"], message["data"]["object"]
            name = message["id"]
            if not (isinstance(kind, str) and isinstance(name, str)):
                raise TypeError("no name")
            if not (0 < len(name) <= 255 and len(kind) <= 100):
                raise ValueError("no name that can be kept")
            return Event(name, kind, message, stripe_facts.of_event(kind, thing))
        except _UNREADABLE:
            raise Malformed from None

    def fetch(self, payment: Payment) -> Sequence[Fact]:
        """Ask for the session, and what became of its money. Raises GatewayError."""
        self._check_key()
        if not payment.gateway_reference:
            return []
        with asking() as client:
            session = client.v1.checkout.sessions.retrieve(
                payment.gateway_reference, {"expand": ["payment_intent"]}
            ).to_dict()
            facts = stripe_facts.of_session(session)
            intent = session.get("payment_intent")
            if intent and session["payment_status"] == "paid":
                of_money: Any = {"payment_intent": intent["id"], "limit": 100}
                for refund in client.v1.refunds.list(of_money).to_dict()["data"][::-1]:
                    facts += stripe_facts.of_refund(refund)
                for dispute in client.v1.disputes.list(of_money).to_dict()["data"][::-1]:
                    facts += stripe_facts.of_dispute(dispute)
            return facts

    def cancel(self, payment: Payment) -> None:
        """End the session, if it is still open. Raises GatewayError."""
        self._check_key()
        with asking() as client:
            sessions = client.v1.checkout.sessions
            if sessions.retrieve(payment.gateway_reference).status != "open":
                return
            try:
                sessions.expire(payment.gateway_reference)
            except stripe.InvalidRequestError:
                # Paid or over since we looked; anything else is an error.
                if sessions.retrieve(payment.gateway_reference).status == "open":
                    raise

    def refund(self, refund: Refund) -> RefundAnswer:
        """Give back the refund's amount. Raises GatewayRefused, GatewayError."""
        self._check_key()
        payment = refund.payment
        amount = to_wire(refund.amount, payment.currency)
        with asking() as client:
            session = client.v1.checkout.sessions.retrieve(payment.gateway_reference)
            if not session.payment_intent:
                raise GatewayRefused("nothing was paid by this checkout")
            asked: Any = {
                "payment_intent": str(session.payment_intent),
                "amount": amount,
                "metadata": {"refund": str(refund.pk), "payment": str(payment.pk)},
            }
            # Stripe forgets idempotency keys after a day, and a refund may wait for longer.
            of_money: Any = {"payment_intent": asked["payment_intent"], "limit": 100}
            made = client.v1.refunds.list(of_money).to_dict()["data"]
            name = str(refund.pk)
            answer = next((each for each in made if each["metadata"].get("refund") == name), None)
            if answer is None:
                created = client.v1.refunds.create(asked, {"idempotency_key": name})
                answer = created.to_dict()
            facts = stripe_facts.of_refund(answer)
            return RefundAnswer(str(answer["id"]), facts[0] if facts else None)

    def _check_key(self) -> None:
        if not self.is_available:
            raise GatewayRefused("there is no key for this gateway")


def _check_it_can_be_kept(message: Any) -> None:
    """PostgreSQL's JSON has no NaN, no NUL and no half characters. Raises ValueError."""
    text = json.dumps(message, allow_nan=False, ensure_ascii=False)
    text.encode()  # raises UnicodeEncodeError for halves
    if "\\u0000" in text:
        raise ValueError("a NUL")


GATEWAY = Stripe()

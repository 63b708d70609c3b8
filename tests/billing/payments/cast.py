"""What the tests of payments share: a payment that waits, and what its gateway may say of it."""

from __future__ import annotations

import itertools
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from django.utils import timezone

from accounts.models import Account
from billing import payment_methods, settlement
from billing.gateways.protocol import Event, Fact, What
from billing.models import Payment, PaymentMethod, PaymentState

_numbers = itertools.count(1)


def method_of(account: Account, code: str = "card") -> PaymentMethod:
    """The method of the account's company, from the table that comes with the project."""
    if not PaymentMethod.objects.exists():
        payment_methods.load()
    company = account.company
    return PaymentMethod.objects.get(country=company.country, currency=company.currency, code=code)


def make_payment(account: Account, amount: str = "100", **fields: object) -> Payment:
    """A payment by card whose checkout is open."""
    method = method_of(account)
    now = timezone.now()
    number = next(_numbers)
    return Payment.objects.create(
        **{
            "master_id": account.master_id,
            "account": account,
            "key": uuid4(),
            "method": method,
            "method_label": method.label,
            "gateway": method.gateway,
            "amount": Decimal(amount),
            "fee": Decimal(0),
            "currency": method.currency,
            "state": PaymentState.PENDING,
            "reference": f"RF{number:08}",
            "gateway_reference": f"cs_{number}",
            "created_at": now,
            "expires_at": now + timedelta(minutes=30),
            "heard_at": now,
            **fields,
        }
    )


def paid(of: Payment, reference: str = "", **changes: object) -> Fact:
    """That its money is there, whole."""
    facts = {
        "checkout": of.gateway_reference,
        "reference": reference or f"pi_{of.gateway_reference}",
        "amount": of.total,
        "currency": of.currency,
    }
    return Fact(What.PAID, **(facts | changes))  # type: ignore[arg-type]


def about(payment: Payment, what: What, **facts: object) -> Fact:
    """Something else that happened to it."""
    return Fact(what, checkout=payment.gateway_reference, **facts)  # type: ignore[arg-type]


def tell(payment: Payment, *facts: Fact, event: str = "") -> settlement.Learnt:
    """A verified message with these facts; the payment is fresh afterwards."""
    message = Event(event or f"evt_{uuid4()}", "test", {"facts": len(facts)}, facts)
    learnt = settlement.receive(gateway=payment.gateway, event=message)
    payment.refresh_from_db()
    return learnt

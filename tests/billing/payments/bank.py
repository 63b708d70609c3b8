"""Payments by bank transfer as a customer asks for them, for the tests of what follows."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

from accounts.models import Account
from billing import payments
from billing.models import Payment, PaymentMethod
from billing.payments import Addresses
from tests.billing.payments.cast import method_of

NOWHERE = Addresses("https://console.example/back", "https://console.example/left")


def ask(account: Account, amount: str = "1500", code: str = "bank_transfer") -> Payment:
    """A payment by bank transfer, as far as a customer brings it. Other ways are switched off."""
    method = method_of(account, code)
    PaymentMethod.objects.exclude(gateway="bank_transfer").update(is_enabled=False)
    payment = payments.start(
        account=account, method=method, amount=Decimal(amount), key=uuid4(), by=None
    )
    return payments.open_checkout(payment, addresses=NOWHERE)

"""What happened to a payment, line by line, and how its postings are named."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import uuid5

from accounts.models import User
from billing.models import Payment, PaymentEvent


class Trail(StrEnum):
    """The words of a payment's trail."""

    STARTED = "started"
    OPENED = "opened"
    MAILED = "mailed"
    PENDING = "pending"
    ARRIVED = "arrived"
    CREDITED = "credited"
    IN_REVIEW = "in_review"
    RETURNED = "returned"
    SAME = "same"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUND_REQUESTED = "refund_requested"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    DISPUTED = "disputed"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


def record(
    payment: Payment,
    what: Trail,
    at: datetime,
    amount: Decimal | None = None,
    currency: str = "",
    *,
    about: str = "",
    by: User | None = None,
) -> None:
    """Write a line of the payment's trail."""
    line(payment, what, at, amount, currency, about=about, by=by).save()


def line(
    payment: Payment,
    what: Trail,
    at: datetime,
    amount: Decimal | None = None,
    currency: str = "",
    *,
    about: str = "",
    by: User | None = None,
) -> PaymentEvent:
    return PaymentEvent(
        master_id=payment.master_id,
        payment=payment,
        what=what,
        amount=amount,
        currency=currency or (payment.currency if amount is not None else ""),
        about=about[:300],
        by=by,
        at=at,
    )


def name_of(payment: Payment, reference: str) -> str:
    """The reference of a posting about something that the gateway names; its names may be long."""
    return f"{payment.pk}/{uuid5(payment.pk, reference)}"

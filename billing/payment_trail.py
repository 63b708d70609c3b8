"""What happened to a payment, line by line, and how its postings are named."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import uuid5

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.models import User
from billing.models import Arrival, ArrivalState, Payment, PaymentEvent


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


# What a person does and no gateway tells.
_AUDITED = {
    Trail.STARTED: AuditAction.TOP_UP_STARTED,
    Trail.CANCELLED: AuditAction.TOP_UP_CANCELLED,
    Trail.RETURNED: AuditAction.REVIEW_RETURNED,
    Trail.REFUNDED: AuditAction.REFUND_PAID,
    Trail.REFUND_FAILED: AuditAction.REFUND_FAILED,
}


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
    """Write a line of the payment's trail, and into the audit log what a person did."""
    line(payment, what, at, amount, currency, about=about, by=by).save()
    if by is not None and what in _AUDITED:
        note(payment, _AUDITED[what], amount, currency, about=about, by=by)


def note(
    payment: Payment,
    action: AuditAction,
    amount: Decimal | None,
    currency: str = "",
    *,
    about: str = "",
    by: User | None,
) -> None:
    """Write into the audit log what somebody did about a payment."""
    figures = {"amount": amount, "currency": currency or payment.currency} if amount else {}
    audit.record(
        action=action,
        by=by,
        account=payment.account,
        after={"payment": payment.reference, **figures},
        about=about,
    )


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


def posted_as(payment: Payment) -> list[str]:
    """The references of all that may have been posted for the payment, by what came of it."""
    name = str(payment.pk)
    moneys = [name_of(payment, each.gateway_reference) for each in payment.arrivals.all()]
    refunds = [f"{name}/{refund.pk}" for refund in payment.refunds.all()]
    disputes = [name_of(payment, each.gateway_reference) for each in payment.disputes.all()]
    return [
        name,
        *moneys,
        *(refund + suffix for refund in refunds for suffix in ("", "/returned")),
        *(dispute + suffix for dispute in disputes for suffix in ("", "/won")),
    ]


def credited_as(payment: Payment, arrival: Arrival) -> str:
    """The reference of the posting that credited this money: the payment's name for the first."""
    first = (
        payment.arrivals.filter(state=ArrivalState.CREDITED)
        .order_by("ended_at", "receipt_year", "receipt_number")
        .first()
    )
    if first is not None and first.pk == arrival.pk:
        return str(payment.pk)
    return name_of(payment, arrival.gateway_reference)

"""What a gateway says happened, and what it means: the one place that credits a payment.

Facts come in any order, twice, years late, and from two sides, for we also ask. So each step is
taken at most once and never back: money by the gateway's own name of it (``Arrival``), refunds and
disputes by theirs. The payment's row is locked first, then balances, then the counter of receipts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from accounts.audit_actions import AuditAction
from accounts.models import User
from billing import disputes, payment_figures, payment_mails, same_money
from billing.gateways.protocol import Event, Fact, What
from billing.ledger import Leg, Posting, post, transact
from billing.locking import clock
from billing.models import (
    Arrival,
    ArrivalState,
    Kind,
    Origin,
    Payment,
    PaymentEvent,
    PaymentState,
    ReviewReason,
)
from billing.payment_trail import Trail, line, name_of, note, record

T = TypeVar("T")


class NotInReview(Exception):
    """What becomes of the arrival was decided already."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What became of a message: the payment it was about, None for unknown ones."""

    payment: Payment | None
    is_new: bool


# An unpaid payment may go there from these; from anywhere else the word stays in the trail.
_MAY_BECOME = {
    What.PENDING: (PaymentState.PENDING, {PaymentState.CREATED, PaymentState.FAILED}),
    What.FAILED: (PaymentState.FAILED, {PaymentState.CREATED, PaymentState.PENDING}),
    What.EXPIRED: (PaymentState.EXPIRED, {PaymentState.CREATED, PaymentState.PENDING}),
    # The gateway may tell that it closed the checkout before we note why.
    What.CANCELLED: (
        PaymentState.CANCELLED,
        {PaymentState.CREATED, PaymentState.PENDING, PaymentState.EXPIRED},
    ),
}
_TRAIL = {
    What.PENDING: Trail.PENDING,
    What.FAILED: Trail.FAILED,
    What.EXPIRED: Trail.EXPIRED,
    What.CANCELLED: Trail.CANCELLED,
}

KEEP = """
INSERT INTO billing_gatewayevent
    (master_id, payment_id, gateway, event_id, kind, body, received_at)
VALUES (%(master)s, %(payment)s, %(gateway)s, %(event)s, %(kind)s, %(body)s, clock_timestamp())
ON CONFLICT (gateway, event_id) DO NOTHING
"""
NEXT_RECEIPT = """
INSERT INTO billing_receiptcounter AS c (master_id, year, last) VALUES (%s, %s, 1)
ON CONFLICT (master_id, year) DO UPDATE SET last = c.last + 1 RETURNING last
"""


def receive(*, gateway: str, event: Event) -> Learnt:
    """Keep a verified message of a gateway, and do what its facts mean, in one transaction.

    The message is kept once: a second one with its id changes nothing. One about a payment that
    we do not know is kept, too. Raises StartAgain as ``transact`` does: then nothing was kept, and
    the gateway sends it again.
    """

    def work() -> Learnt:
        found = [_find(gateway, fact) for fact in event.facts]
        payment = next((each for each in found if each is not None), None)
        if not _keep(gateway, event, payment):
            return Learnt(payment, is_new=False)
        for each, fact in zip(found, event.facts, strict=True):
            if each is not None:
                _apply(each if len(found) == 1 else _lock(each), fact, None)
        return Learnt(payment, is_new=True)

    return transact(work)


def learn_about(
    payment: Payment,
    facts: Sequence[Fact],
    *,
    by: User | None = None,
    first: Callable[[Payment], None] | None = None,
) -> None:
    """Do what facts mean that we have asked the gateway for, or that a person has caused.

    ``first`` is given the locked payment before anything is done; what it raises undoes all. A
    second call changes nothing. Raises StartAgain as ``transact`` does.
    """

    def work() -> None:
        locked = _lock(payment)
        if first is not None:
            first(locked)
        for fact in facts:
            _apply(locked, fact, by)
        locked.heard_at = clock()
        locked.save(update_fields=["heard_at"])

    transact(work)


def credit_arrival(arrival: Arrival, *, by: User, shown: str | None = None) -> Arrival:
    """Credit what is in review, as much as arrived less the fee, to the payment's account.

    In the payment's currency only. ``shown`` are the figures that were looked at
    (``payment_figures``). Raises NotInReview, PaymentFiguresChanged, ValueError for another
    currency or an amount that the fee eats up, StartAgain as ``transact`` does.
    """

    def work() -> Arrival:
        payment, there = _in_review(arrival, shown)
        if there.currency != payment.currency:
            raise ValueError("money in another currency is returned, not credited")
        amount = there.amount - payment.fee
        if amount <= 0:
            raise ValueError("the fee is as much as what arrived")
        _credit(payment, there, amount, by)
        if there.state == ArrivalState.CREDITED:
            note(payment, AuditAction.REVIEW_CREDITED, amount, by=by)
        return there

    return transact(work)


def return_arrival(arrival: Arrival, *, by: User, shown: str | None = None) -> Arrival:
    """Note that what is in review went back to whoever sent it. Raises as ``credit_arrival``."""

    def work() -> Arrival:
        payment, there = _in_review(arrival, shown)
        there.state, there.ended_at, there.ended_by = ArrivalState.RETURNED, clock(), by
        there.save(update_fields=["state", "ended_at", "ended_by"])
        record(payment, Trail.RETURNED, there.ended_at, there.amount, there.currency, by=by)
        return there

    return transact(work)


def note_as_same(
    arrival: Arrival, *, same_as: Arrival, by: User, shown: str | None = None
) -> Arrival:
    """Note that what is in review is money that was told of before: nothing is credited.

    Raises as ``credit_arrival``, and ValueError where it cannot be (``same_money.may_be_same``).
    """

    def work() -> Arrival:
        payment, there = _in_review(arrival, shown)
        others = list(payment.arrivals.all())
        other = next((each for each in others if each.pk == same_as.pk), None)
        if other is None or not same_money.may_be_same(there, other, others):
            raise ValueError("this money stands for itself, or is another's already")
        _same(payment, there, other, by)
        note(payment, AuditAction.REVIEW_SAME, there.amount, there.currency, by=by)
        return there

    return transact(work)


def _keep(gateway: str, event: Event, payment: Payment | None) -> bool:
    """Write the message down; whether it is the first of its id.

    Waits while another one is being kept.
    """
    facts = {
        "master": payment.master_id if payment else None,
        "payment": payment.pk if payment else None,
        "gateway": gateway,
        "event": event.id,
        "kind": event.kind,
        "body": json.dumps(event.body, default=str),
    }
    with connection.cursor() as cursor:
        cursor.execute(KEEP, facts)
        written: int = cursor.rowcount
    return written == 1


def _find(gateway: str, fact: Fact) -> Payment | None:
    """The payment that a fact is about, by the gateway's names of it or by ours; locked."""
    of_gateway = _locking().filter(gateway=gateway)
    if fact.money:
        money = Arrival.objects.filter(gateway=gateway, gateway_reference=fact.money)
        arrival = money.first()
        if arrival is not None:
            return _lock(arrival.payment)
    if fact.checkout:
        for named in of_gateway.filter(gateway_reference=fact.checkout):
            return named
    try:
        return of_gateway.filter(pk=UUID(fact.payment)).first()
    except ValueError:
        return None


def _lock(payment: Payment) -> Payment:
    return _locking().get(pk=payment.pk)


def _locking() -> QuerySet[Payment]:
    locking = Payment.objects.select_for_update(no_key=True, of=("self",))
    return locking.select_related("account__master")


def _in_review(arrival: Arrival, shown: str | None) -> tuple[Payment, Arrival]:
    """The payment, locked, and the arrival, undecided, with the figures that were ``shown``."""
    payment = _lock(arrival.payment)
    there = Arrival.objects.get(pk=arrival.pk)
    if there.state != ArrivalState.IN_REVIEW:
        raise NotInReview
    payment_figures.check(shown, payment)
    return payment, there


def _apply(payment: Payment, fact: Fact, by: User | None) -> None:
    steps: dict[What, Callable[[Payment, Fact], None]] = {
        What.DECLINED: _declined,
        What.DISPUTED: disputes.opened,
        What.DISPUTE_WON: disputes.over,
        What.DISPUTE_LOST: disputes.over,
    }
    if fact.what in _MAY_BECOME:
        _moved(payment, fact, by)
    elif fact.what == What.PAID:
        _paid(payment, fact, by)
    elif fact.what in steps:
        steps[fact.what](payment, fact)
    else:
        from billing import refunds  # noqa: PLC0415 - which tells us, too

        refunds.settle(payment, fact, by)


def _moved(payment: Payment, fact: Fact, by: User | None) -> None:
    """An unpaid payment goes on; one that is paid, or has gone further, stays."""
    state, origins = _MAY_BECOME[fact.what]
    changed = []
    if fact.checkout and not payment.gateway_reference:
        # The answer to our question for a checkout got lost.
        payment.gateway_reference = fact.checkout
        changed.append("gateway_reference")
    is_told = bool(payment.instructions)
    if fact.instructions and fact.instructions != payment.instructions:
        payment.instructions = payment.instructions | dict(fact.instructions)
        changed.append("instructions")
        until = _told_until(fact)
        if until is not None:
            payment.expires_at = until
            changed.append("expires_at")
    if fact.what == What.PENDING and payment.failure:
        # A later attempt has gone through.
        payment.failure = ""
        changed.append("failure")
    if payment.state in origins:
        payment.state = state
        changed.append("state")
        if fact.what == What.FAILED:
            payment.failure = fact.about[:200]
            changed.append("failure")
        record(payment, _TRAIL[fact.what], clock(), about=fact.about, by=by)
    if changed:
        payment.save(update_fields=changed)
    if payment.instructions and not is_told and payment.is_open:
        payment_mails.order(payment)


def _told_until(fact: Fact) -> datetime | None:
    """Until when the voucher can be paid, where the gateway tells; it knows better than we."""
    try:
        until = datetime.fromisoformat(fact.instructions.get("expires_at", ""))
    except (ValueError, TypeError):
        return None
    return until if until.tzinfo else None


def _declined(payment: Payment, fact: Fact) -> None:
    """The payer may try again: the payment stays as it is, and says why it is not paid yet."""
    if not payment.is_open:
        return
    payment.failure = fact.about[:200]
    payment.save(update_fields=["failure"])
    record(payment, Trail.FAILED, clock(), about=fact.about)


def _paid(payment: Payment, fact: Fact, by: User | None) -> None:
    """Money came: credited if it is what was asked for, else held in review. Each money once."""
    if fact.amount is None or not fact.reference:
        raise ValueError("money has an amount and a name")
    if Arrival.objects.filter(gateway=payment.gateway, gateway_reference=fact.reference).exists():
        return
    now = clock()
    arrival = Arrival(
        master_id=payment.master_id,
        payment=payment,
        gateway=payment.gateway,
        gateway_reference=fact.reference,
        amount=fact.amount,
        currency=fact.currency,
        state=ArrivalState.IN_REVIEW,
        reason=_doubt(payment, fact),
        arrived_at=now,
    )
    came = line(payment, Trail.ARRIVED, now, fact.amount, fact.currency, about=fact.about, by=by)
    confirmed = same_money.confirmed_by_hand(payment, arrival)
    if confirmed is not None:
        came.save()
        arrival.reason = ReviewReason.NONE
        _same(payment, arrival, confirmed, by)
    elif arrival.reason == ReviewReason.NONE:
        _credit(payment, arrival, payment.amount, by, came)
    else:
        came.save()
        arrival.save()
        _hold_in_review(payment, arrival, now)


def _doubt(payment: Payment, fact: Fact) -> ReviewReason:
    """Why this money is not what the payment asked for."""
    account = f"{payment.account.company.code}/{payment.account.code}"
    doubts = [
        (fact.currency != payment.currency, ReviewReason.CURRENCY),
        (payment.state == PaymentState.PAID, ReviewReason.TWICE),
        (fact.amount != payment.total, ReviewReason.AMOUNT),
        (bool(fact.account) and fact.account != account, ReviewReason.ACCOUNT),
        (
            bool(fact.checkout and payment.gateway_reference)
            and fact.checkout != payment.gateway_reference,
            ReviewReason.ACCOUNT,
        ),
    ]
    return next((reason for is_so, reason in doubts if is_so), ReviewReason.NONE)


def _same(payment: Payment, arrival: Arrival, other: Arrival, by: User | None) -> None:
    """What was told is the other's money: nothing comes of it, and the trail says why."""
    arrival.state, arrival.same_as = ArrivalState.SAME, other
    arrival.ended_at, arrival.ended_by = clock(), by
    arrival.save()
    about = same_money.words(same_money.told_of(arrival, other))
    figure = arrival.amount, arrival.currency
    record(payment, Trail.SAME, arrival.ended_at, *figure, about=about, by=by)


def _hold_in_review(payment: Payment, arrival: Arrival, now: datetime) -> None:
    about = arrival.get_reason_display()
    record(payment, Trail.IN_REVIEW, now, arrival.amount, arrival.currency, about=str(about))


def _credit(
    payment: Payment, arrival: Arrival, amount: Decimal, by: User | None, *came: PaymentEvent
) -> None:
    """Post the money to the account, and draw its receipt's number; ``came`` begins the trail.

    The number is drawn as late as can be: until the commit it keeps the company's other payments
    waiting.
    """
    first = payment.state != PaymentState.PAID
    name = str(payment.pk) if first else name_of(payment, arrival.gateway_reference)
    posting = Posting(
        Kind.PAYMENT,
        name,
        (Leg(payment.account_id, amount),),
        f"{payment.method_label} {payment.reference}",
    )
    [outcome] = post(
        master=payment.master_id,
        postings=[posting],
        origin=Origin.PAYMENT,
        by=by.pk if by else None,
    )
    if outcome.refusal is not None:
        # Only a balance that would have more digits than the books.
        arrival.reason = ReviewReason.TOO_LARGE
        PaymentEvent.objects.bulk_create(came)
        arrival.save()
        _hold_in_review(payment, arrival, clock())
        return
    posted_at = outcome.rows[0].posted_at
    payment.state = PaymentState.PAID
    payment.paid_at = payment.paid_at or posted_at
    payment.credited += amount
    payment.failure = ""
    payment.save(update_fields=["state", "paid_at", "credited", "failure"])
    arrival.state = ArrivalState.CREDITED
    arrival.credited = amount
    arrival.ended_at, arrival.ended_by = posted_at, by
    arrival.receipt_year = posted_at.astimezone(payment.account.zone).year
    with connection.cursor() as cursor:
        cursor.execute(NEXT_RECEIPT, [payment.master_id, arrival.receipt_year])
        [arrival.receipt_number] = cursor.fetchone()
    arrival.save()
    credited = line(payment, Trail.CREDITED, posted_at, amount, about=arrival.receipt, by=by)
    PaymentEvent.objects.bulk_create([*came, credited])

"""What no message told: gateways are asked about payments and refunds that wait for too long.

Each is asked about outside any transaction, and marked (``heard_at``) before: so one that makes
trouble comes last the next time, and two workers do not ask the same. Facts that are known
already change nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import OperationalError
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from billing import jobs, refunds, settlement
from billing.gateways import MODULES, WITH_WEBHOOKS, gateway
from billing.gateways.protocol import Fact, GatewayError, GatewayRefused, What
from billing.ledger import StartAgain
from billing.models import Confirmation, Payment, PaymentState, Refund, RefundState

logger = logging.getLogger(__name__)

AT_MOST = 50
INSTANT_AFTER = timedelta(minutes=2)
DELAYED_AFTER = timedelta(minutes=15)
# Paid ones are asked about once more, soon: a refund or dispute that was told of before the money
# was, names money that we did not know then.
PAID_AFTER = timedelta(minutes=2)
PAID_BEFORE = timedelta(days=1)
# What was given up may be paid all the same: a voucher at a counter, a debit under way.
GIVEN_UP_EVERY = timedelta(hours=12)
GIVEN_UP_FOR = timedelta(days=7)
# Gateways end checkouts by their own clock.
GRACE = timedelta(minutes=2)
# While somebody looks at a payment's page, its gateway is asked about it this often; the first
# time, that soon after the payment was started.
WATCHED_EVERY = timedelta(seconds=10)
FIRST_AFTER = timedelta(seconds=5)
ASK = "billing.tasks.ask_about_payment"
# Each may take ten seconds to say nothing: after so many a gateway is left alone until next time.
TROUBLES = 3


def run(limit: int = AT_MOST) -> int:
    """Ask about at most ``limit`` payments, the longest unheard of first; how many were asked.

    Then about refunds under way, about what was just paid, and twice a day for a week about what
    was given up, each at most as many. Raises nothing that a gateway does. Holds no lock while it
    asks.
    """
    troubles: Counter[str] = Counter()
    present = [name for name in MODULES if gateway(name).is_available]
    payments = Payment.objects.filter(gateway__in=present).select_related("method")
    now = timezone.now()
    asked = 0
    for payment in _stuck(payments, now)[:limit]:
        asked += _ask(payment, now, troubles, partial(_hear, now=now))
    under_way = Refund.objects.filter(
        state=RefundState.REQUESTED,
        payment__gateway__in=present,
        created_at__lt=now - INSTANT_AFTER,
        payment__heard_at__lt=now - INSTANT_AFTER,
    ).select_related("payment")
    for refund in under_way.order_by("payment__heard_at")[:limit]:
        asked += _ask(refund.payment, now, troubles, partial(_send, refund))
    for payment in _just_paid(payments, now)[:limit]:
        asked += _ask(payment, now, troubles, _hear_of_money)
    given_up = payments.filter(
        gateway__in=WITH_WEBHOOKS,
        state__in=[PaymentState.FAILED, PaymentState.EXPIRED, PaymentState.CANCELLED],
        expires_at__gt=now - GIVEN_UP_FOR,
        heard_at__lt=now - GIVEN_UP_EVERY,
    ).exclude(gateway_reference="")
    for payment in given_up.order_by("heard_at")[:limit]:
        asked += _ask(payment, now, troubles, _hear_of_money)
    return asked


def ask_soon(payment: Payment) -> bool:
    """Have a worker ask the gateway about a payment that somebody waits for; whether it is to.

    Not more often than every ten seconds, however many pages are open; nobody is asked here. Does
    nothing about a payment that is over, or whose gateway has nothing to tell.
    """
    if not (
        payment.is_open
        and payment.gateway_reference
        and payment.gateway in WITH_WEBHOOKS
        and gateway(payment.gateway).is_available
    ):
        return False
    now = timezone.now()
    if payment.heard_at is not None and payment.heard_at > now - FIRST_AFTER:
        return False
    # Whoever of several pages comes first marks it. Never asked about: heard of when it began.
    due = Payment.objects.filter(
        Q(heard_at=None)
        | Q(heard_at__lte=now - WATCHED_EVERY)
        | Q(heard_at=F("created_at"), created_at__lte=now - FIRST_AFTER)
    )
    if not due.filter(pk=payment.pk).update(heard_at=now):
        return False
    return jobs.order_once(ASK, f"ask_about_payment/{payment.pk}", payment_id=str(payment.pk))


def ask_about(payment_id: str) -> bool:
    """Ask the gateway about this payment, unless it is over meanwhile; whether it was asked.

    Raises nothing that a gateway does. A second call asks again, and changes nothing.
    """
    now = timezone.now()
    payment = Payment.objects.filter(pk=payment_id).select_related("method").first()
    if payment is None or not payment.is_open or not gateway(payment.gateway).is_available:
        return False
    return _ask(payment, now, Counter(), partial(_hear, now=now)) == 1


def _stuck(payments: QuerySet[Payment], now: datetime) -> QuerySet[Payment]:
    return payments.filter(
        Q(heard_at=None)
        | Q(heard_at__lt=now - DELAYED_AFTER)
        | Q(heard_at__lt=now - INSTANT_AFTER, method__confirmation=Confirmation.INSTANT),
        state__in=[PaymentState.CREATED, PaymentState.PENDING],
    ).order_by(F("heard_at").asc(nulls_first=True))


def _just_paid(payments: QuerySet[Payment], now: datetime) -> QuerySet[Payment]:
    return payments.filter(
        state=PaymentState.PAID,
        paid_at__gt=now - PAID_BEFORE,
        paid_at__lt=now - PAID_AFTER,
        heard_at__lt=F("paid_at"),
    ).order_by("paid_at")


def _ask(
    payment: Payment,
    now: datetime,
    troubles: Counter[str],
    work: Callable[[Payment], object],
) -> int:
    """Mark the payment and do the work, whatever it meets; 1 if it was asked about."""
    if troubles[payment.gateway] >= TROUBLES:
        return 0
    Payment.objects.filter(pk=payment.pk).update(heard_at=now)
    try:
        work(payment)
    except GatewayRefused as refusal:
        logger.warning("%s refuses to tell of %s: %s.", payment.gateway, payment, refusal.message)
    except GatewayError as trouble:
        troubles[payment.gateway] += 1
        logger.warning("%s did not tell of %s: %s.", payment.gateway, payment, trouble.message)
    except (StartAgain, OperationalError) as busy:
        logger.warning("%s was busy: %s.", payment, type(busy).__name__)
    except Exception:
        # One that cannot be digested must not keep the others waiting.
        logger.exception("%s could not be reconciled.", payment)
    return 1


def _hear(payment: Payment, now: datetime) -> None:
    """Do what the gateway says; what is past its time and unpaid there, expires."""
    asked = gateway(payment.gateway)
    is_over = payment.expires_at < now - GRACE
    try:
        facts = list(asked.fetch(payment))
    except GatewayRefused:
        # It knows of no such checkout (any more), so nobody can pay it.
        if not is_over:
            raise
        facts = [Fact(What.EXPIRED)]
    if not facts and is_over:
        if payment.gateway_reference:
            asked.cancel(payment)
            facts = list(asked.fetch(payment))  # paid in the last moment?
        facts = facts or [Fact(What.EXPIRED)]
    settlement.learn_about(payment, facts)


def _send(refund: Refund, payment: Payment) -> None:
    refunds.send(refund)


def _hear_of_money(payment: Payment) -> None:
    facts = gateway(payment.gateway).fetch(payment)
    settlement.learn_about(payment, [fact for fact in facts if fact.is_of_money])

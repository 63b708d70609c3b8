"""Money that came by bank and is told of twice: by an operator's hand, and by a bank statement.

A statement's line that fits what was confirmed by hand is that money, and nothing is done for it;
what fits less well waits in review until an operator says so. Only one line is: a second one is
money that came twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from accounts.models import User
from billing.models import Arrival, ArrivalState, Payment, PaymentEvent
from billing.models.arrivals import BY_HAND, ON_STATEMENT
from billing.payment_trail import Trail


@dataclass(frozen=True, slots=True)
class Told:
    """How an arrival was told of first: by whom (None: nobody) and when, in what words.

    ``is_exact``: amount and currency are the same.
    """

    arrival: Arrival
    by: User | None
    at: datetime
    about: str
    is_exact: bool


def told_before(arrival: Arrival) -> list[Told]:
    """What the arrival may be the same money as, the likeliest first; two queries at most.

    For a statement's line: what was confirmed by hand and is on no statement yet. For what was
    confirmed by hand: whatever else was told of the payment, in the same currency.
    """
    if not (arrival.is_by_hand or arrival.is_on_statement):
        return []
    others = list(Arrival.objects.filter(payment=arrival.payment_id).order_by("pk"))
    found = [each for each in others if may_be_same(arrival, each, others)]
    if not found:
        return []
    events = PaymentEvent.objects.filter(
        payment=arrival.payment_id, what=Trail.ARRIVED
    ).select_related("by")
    lines = {event.at: event for event in events}
    told = [_told(arrival, each, lines.get(each.arrived_at)) for each in found]
    return sorted(told, key=lambda each: not each.is_exact)


def may_be_same(arrival: Arrival, other: Arrival, others: Sequence[Arrival]) -> bool:
    """Whether ``arrival`` may be the same money as ``other``; ``others``: all of the payment."""
    if arrival.pk == other.pk or other.state == ArrivalState.SAME:
        return False
    if arrival.currency != other.currency:
        return False
    if any(each.same_as_id == arrival.pk for each in others):
        return False  # It stands for other money already.
    if arrival.is_by_hand:
        return True
    on_statement = any(each.same_as_id == other.pk and each.is_on_statement for each in others)
    return arrival.is_on_statement and other.is_by_hand and not on_statement


def confirmed_by_hand(payment: Payment, line: Arrival) -> Arrival | None:
    """What was confirmed by hand and is just this line's money; the first where it is several.

    The payment is locked. None for what is not a statement's line.
    """
    if not line.is_on_statement:
        return None
    by_hand = Arrival.objects.filter(
        payment=payment,
        gateway_reference__startswith=BY_HAND,
        amount=line.amount,
        currency=line.currency,
    ).exclude(state=ArrivalState.SAME)
    on_statements = Arrival.objects.filter(
        payment=payment,
        gateway_reference__startswith=ON_STATEMENT,
        same_as__isnull=False,
    )
    return by_hand.exclude(pk__in=on_statements.values("same_as")).order_by("pk").first()


def words(told: Told) -> str:
    """Who told of it and when, for the trail; in UTC, for operators are anywhere."""
    facts = {"who": told.by or _("nobody"), "when": f"{told.at:%Y-%m-%d %H:%M} UTC"}
    if told.arrival.is_by_hand:
        return _("Confirmed by hand by %(who)s, %(when)s") % facts
    return _("Told by a bank statement, uploaded by %(who)s, %(when)s") % facts


def told_of(arrival: Arrival, other: Arrival) -> Told:
    """How ``other`` was told of, for the trail of ``arrival``."""
    events = PaymentEvent.objects.filter(
        payment=other.payment_id, what=Trail.ARRIVED, at=other.arrived_at
    ).select_related("by")
    return _told(arrival, other, events.first())


def _told(arrival: Arrival, other: Arrival, event: PaymentEvent | None) -> Told:
    return Told(
        arrival=other,
        by=event.by if event else None,
        at=other.arrived_at,
        about=event.about if event else "",
        is_exact=(arrival.amount, arrival.currency) == (other.amount, other.currency),
    )

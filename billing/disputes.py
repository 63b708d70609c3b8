"""Disputes: the payer's bank takes money of a payment back, and may bring it again.

For ``billing.settlement``, which has locked the payment. Each step is taken once, by the gateway's
name of the dispute, in whatever order it is told.
"""

from __future__ import annotations

from decimal import Decimal

from billing.gateways.protocol import Fact, What
from billing.ledger import Leg, Posting, post
from billing.locking import clock
from billing.models import Dispute, DisputeState, Kind, Origin, Payment
from billing.payment_trail import Trail, name_of, record


def opened(payment: Payment, fact: Fact) -> None:
    """The payer's bank took money back: from the credit, past the limit if it must be."""
    if fact.amount is None or not fact.reference:
        raise ValueError("a dispute has an amount and a name")
    known = Dispute.objects.filter(gateway=payment.gateway, gateway_reference=fact.reference)
    if known.exists():
        return
    now = clock()
    taken = min(fact.amount, payment.refundable)
    dispute = Dispute.objects.create(
        master_id=payment.master_id,
        payment=payment,
        gateway=payment.gateway,
        gateway_reference=fact.reference,
        amount=fact.amount,
        taken=taken,
        opened_at=now,
    )
    if taken:
        _post_chargeback(payment, dispute, -taken, "")
    record(payment, Trail.DISPUTED, now, fact.amount, fact.currency, about=fact.about)


def over(payment: Payment, fact: Fact) -> None:
    """Won: what was taken comes back. Told before it was opened, it was never taken."""
    won = fact.what == What.DISPUTE_WON
    state = DisputeState.WON if won else DisputeState.LOST
    now = clock()
    dispute, is_new = Dispute.objects.get_or_create(
        gateway=payment.gateway,
        gateway_reference=fact.reference,
        defaults={
            "master_id": payment.master_id,
            "payment": payment,
            "amount": fact.amount or payment.total,
            "state": state,
            "opened_at": now,
            "ended_at": now,
        },
    )
    if is_new and not won:
        dispute.taken = min(dispute.amount, payment.refundable)
        dispute.save(update_fields=["taken"])
        if dispute.taken:
            _post_chargeback(payment, dispute, -dispute.taken, "")
    elif dispute.state == DisputeState.OPEN:
        dispute.state, dispute.ended_at = state, now
        dispute.save(update_fields=["state", "ended_at"])
        if won and dispute.taken:
            _post_chargeback(payment, dispute, dispute.taken, "/won")
    elif not is_new:
        return
    trail = Trail.DISPUTE_WON if won else Trail.DISPUTE_LOST
    record(payment, trail, now, dispute.amount, about=fact.about)


def _post_chargeback(payment: Payment, dispute: Dispute, amount: Decimal, suffix: str) -> None:
    posting = Posting(
        Kind.CHARGEBACK,
        name_of(payment, dispute.gateway_reference) + suffix,
        (Leg(payment.account_id, amount),),
        f"{payment.method_label} {payment.reference}",
        enforce_limit=False,
    )
    [outcome] = post(master=payment.master_id, postings=[posting], origin=Origin.PAYMENT)
    outcome.raise_refusal()
    payment.charged_back -= amount
    payment.save(update_fields=["charged_back"])

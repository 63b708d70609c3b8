"""Refunds: an operator gives money of a payment back, through the gateway that took it.

The credit is on hold while the gateway works, leaves the books when it confirms, and is available
again when it fails.
"""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.audit_actions import AuditAction
from accounts.models import User
from billing import (
    holds_sql,
    ledger,
    payment_figures,
    references,
    second_operator,
    settlement,
)
from billing.gateways import gateway
from billing.gateways.protocol import Fact, GatewayRefused, What
from billing.holds import LONGEST
from billing.ledger import Leg, Posting, place_hold, post, release_hold, transact
from billing.locking import clock
from billing.models import Hold, Kind, Origin, Payment, Refund, RefundState
from billing.payment_figures import left_of
from billing.payment_trail import Trail, line, note, record
from billing.refusals import Refused
from console import money

__all__ = ["MoreThanPaid", "Refused", "left_of", "request", "send", "settle", "within"]


class MoreThanPaid(Refused):
    """More than is left of the payment: paid less refunded, charged back, and under way."""

    code = "more_than_paid"

    def __init__(self, payment: Payment, left: Decimal) -> None:
        self.left = left
        decimals = money.currency_decimals(payment.currency)
        super().__init__(
            _("At most %(currency)s %(left)s of this payment can still be refunded.")
            % {"currency": payment.currency, "left": money.format_amount(left, decimals)},
            account=payment.account_id,
        )


def request(
    *,
    payment: Payment,
    amount: Decimal,
    reason: str,
    key: UUID,
    by: User,
    past_limit: bool = False,
    shown: str | None = None,
) -> Refund:
    """Set ``amount`` of the payment apart to be given back; ``send`` then asks the gateway.

    ``key`` comes with the form and is the refund's id: a second call returns what is there.
    Spent credit is refused (InsufficientBalance) unless ``past_limit``: then nothing is put on
    hold, and the refund is posted past the limit when it is done. ``shown`` are the figures that
    were looked at (``payment_figures``). Raises MoreThanPaid, PaymentFiguresChanged,
    SecondOperatorNeeded for more than ``by`` may do alone, ValueError for an amount of zero or
    less or an empty reason, StartAgain as ``transact`` does.
    """
    return transact(
        lambda: within(
            payment=payment,
            amount=amount,
            reason=reason,
            key=key,
            by=by,
            past_limit=past_limit,
            shown=shown,
        )
    )


def within(
    *,
    payment: Payment,
    amount: Decimal,
    reason: str,
    key: UUID,
    by: User,
    past_limit: bool = False,
    shown: str | None = None,
    agreed_by: User | None = None,
) -> Refund:
    """As ``request``, in the transaction of a caller that does more: must run within ``transact``.

    ``agreed_by`` is the second operator, who then does it for ``by``.
    """
    if amount <= 0 or not ledger.fits(amount):
        raise ValueError("a refund is more than zero and fits the ledger")
    if not reason.strip():
        raise ValueError("a refund has a reason")
    references.check_description(reason)

    second_operator.lock(by)
    locked = Payment.objects.select_for_update(no_key=True).get(pk=payment.pk)
    there = Refund.objects.filter(pk=key, payment=locked).first()
    if there is not None:
        return there
    payment_figures.check(shown, locked)
    left = left_of(locked)
    if amount > left:
        raise MoreThanPaid(locked, left)
    hold = None if past_limit else _set_apart(locked, amount, key, by)
    now = clock()
    refund = Refund.objects.create(
        id=key,
        master_id=locked.master_id,
        payment=locked,
        amount=amount,
        reason=reason,
        hold_id=hold.id if hold else None,
        by=by,
        created_at=now,
    )
    second_operator.check(account=locked.account, by=by, agreed_by=agreed_by)
    line(locked, Trail.REFUND_REQUESTED, now, amount, about=reason, by=by).save()
    note(locked, AuditAction.REFUND_ASKED, amount, about=reason, by=agreed_by or by)
    return refund


def send(refund: Refund) -> Refund:
    """Ask the gateway for the refund, and do what it answers; the refund as it is then.

    Its id is the idempotency key, so it may be sent again until an answer came. Raises
    GatewayError when nobody knows: the refund stays under way, and a job sends it again.
    """
    if refund.state != RefundState.REQUESTED:
        return refund
    payment = refund.payment
    try:
        answer = gateway(payment.gateway).refund(refund)
    except GatewayRefused as refused:
        fact = Fact(What.REFUND_FAILED, refund=str(refund.pk), about=refused.message)
        settlement.learn_about(payment, [fact])
    else:
        Refund.objects.filter(pk=refund.pk).update(gateway_reference=answer.reference)
        if answer.fact is not None:
            settlement.learn_about(payment, [answer.fact])
    refund.refresh_from_db()
    return refund


def settle(payment: Payment, fact: Fact, by: User | None = None) -> None:
    """Do what a gateway says became of a refund; the payment is locked by ``settlement``.

    One that was made at the gateway itself gets a row of its own. A second call changes nothing.
    ``by`` is who confirms it by hand.
    """
    refund = _find(payment, fact)
    if refund is None:
        if fact.what != What.REFUNDED or fact.amount is None:
            return
        refund = _made_elsewhere(payment, fact)
        if refund is None:
            return
    if fact.what == What.REFUNDED and refund.state == RefundState.REQUESTED:
        _done(payment, refund, by)
    elif fact.what == What.REFUND_FAILED and refund.state != RefundState.FAILED:
        _failed(payment, refund, fact.about, by)


def _done(payment: Payment, refund: Refund, by: User | None) -> None:
    _give_back(payment, refund)
    _post(payment, refund, Kind.REFUND, -refund.amount, "")
    payment.refunded += refund.amount
    payment.save(update_fields=["refunded"])
    refund.state, refund.ended_at = RefundState.DONE, clock()
    refund.save(update_fields=["state", "ended_at"])
    record(payment, Trail.REFUNDED, refund.ended_at, refund.amount, by=by)


def _failed(payment: Payment, refund: Refund, about: str, by: User | None) -> None:
    """Also after it was done: a bank may send money back days later."""
    if refund.state == RefundState.DONE:
        _post(payment, refund, Kind.PAYMENT, refund.amount, "/returned")
        payment.refunded -= refund.amount
        payment.save(update_fields=["refunded"])
    else:
        _give_back(payment, refund)
    refund.state, refund.ended_at, refund.failure = RefundState.FAILED, clock(), about[:200]
    refund.save(update_fields=["state", "ended_at", "failure"])
    record(payment, Trail.REFUND_FAILED, refund.ended_at, refund.amount, about=about, by=by)


def _find(payment: Payment, fact: Fact) -> Refund | None:
    of_payment = Refund.objects.filter(payment=payment)
    if fact.refund:
        try:
            named = of_payment.filter(pk=UUID(fact.refund)).first()
        except ValueError:
            named = None
        if named is not None:
            return named
    if fact.reference:
        return of_payment.filter(gateway_reference=fact.reference).first()
    return None


def _made_elsewhere(payment: Payment, fact: Fact) -> Refund | None:
    """A refund that nobody asked us for: as much of it as is left of the payment."""
    amount = min(fact.amount or Decimal(0), payment.refundable)
    if amount <= 0:
        return None
    return Refund.objects.create(
        master_id=payment.master_id,
        payment=payment,
        amount=amount,
        reason=fact.about.strip() or "Made at the gateway",
        gateway_reference=fact.reference,
        created_at=clock(),
    )


def _set_apart(payment: Payment, amount: Decimal, key: UUID, by: User) -> Hold:
    """Put the credit on hold. Raises what refuses it."""
    hold = Hold(
        master_id=payment.master_id,
        account=payment.account,
        origin=Origin.PAYMENT,
        reference=f"refund:{key}",
        description=f"{payment.method_label} {payment.reference}",
        amount=amount,
        by=by,
    )
    placed = place_hold(hold=hold, expires_in=LONGEST)
    if isinstance(placed, Refused):
        raise placed
    return placed


def _give_back(payment: Payment, refund: Refund) -> None:
    """End the hold, if there is one."""
    if refund.hold_id is None:
        return
    [hold] = holds_sql.read_holds(payment.master_id, {refund.hold_id}).values()
    release_hold(master=payment.master_id, holder=hold.holder_id, hold=hold.id)


def _post(payment: Payment, refund: Refund, kind: Kind, amount: Decimal, suffix: str) -> None:
    """Past the limit if it must be: the money has gone, or has come back."""
    posting = Posting(
        kind,
        f"{payment.pk}/{refund.pk}{suffix}",
        (Leg(payment.account_id, amount),),
        f"{payment.method_label} {payment.reference}",
        enforce_limit=False,
    )
    [outcome] = post(
        master=payment.master_id,
        postings=[posting],
        origin=Origin.PAYMENT,
        by=refund.by_id,
    )
    outcome.raise_refusal()

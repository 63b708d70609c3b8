"""Payments as the customer sees them: start one, go to the gateway, leave, come back, give up.

What the gateway then says happened is ``billing.settlement``'s: nothing here credits anything.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from stdnum.iso7064 import mod_97_10

from accounts.models import Account, State, User
from billing import payment_mails, settlement
from billing.gateways import gateway
from billing.gateways.protocol import Checkout, Fact, GatewayError, GatewayRefused, What
from billing.locking import clock
from billing.models import Payment, PaymentMethod, PaymentState
from billing.payment_methods import AmountRefused, offered, quote
from billing.payment_trail import Trail, record
from billing.refusals import Refused

__all__ = [
    "AmountRefused",
    "CannotTopUp",
    "GatewayError",
    "GatewayRefused",
    "MethodGone",
    "TooManyOpen",
    "cancel",
    "cannot_top_up",
    "open_checkout",
    "start",
    "visible_to",
]

# No letters or digits that look alike: people copy it by hand.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_REFERENCE_LENGTH = 10
# Each of them asks a gateway, and may send a mail.
MOST_OPEN = 25


class CannotTopUp(Refused):
    """The account takes no payment: it is closed, or draws on the master account."""

    code = "cannot_top_up"


class TooManyOpen(Refused):
    """The account has as many payments that wait for their money as it may have at once."""

    code = "too_many_open"


class MethodGone(Refused):
    """The method is not offered to this company, or not any more."""

    code = "method_gone"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the gateway sends the customer back to."""

    success: str
    cancel: str


def start(
    *,
    account: Account,
    method: PaymentMethod,
    amount: Decimal,
    key: UUID,
    by: User | None,
) -> Payment:
    """Ask for ``amount``, in the company's currency, for the account; the fee comes on top.

    Nothing is sent anywhere yet. ``key`` comes with the form: a second call with it returns the
    payment that is there. Raises CannotTopUp, MethodGone, AmountRefused, TooManyOpen.
    """
    there = Payment.objects.filter(master=account.master_id, key=key).first()
    if there is not None:
        return there
    refusal = cannot_top_up(account)
    if refusal is not None:
        raise refusal
    if method.pk not in {each.pk for each in offered(account.company)}:
        raise MethodGone(
            _("%(method)s is not offered any more. Choose another method.")
            % {"method": method.label},
            account=account.pk,
        )
    quoted = quote(method, amount)
    waiting = Payment.objects.filter(
        master_id=account.master_id,
        account=account,
        state__in=[PaymentState.CREATED, PaymentState.PENDING],
    )
    if waiting.count() >= MOST_OPEN:
        raise TooManyOpen(
            _(
                "%(name)s has %(most)d payments that wait for their money. Finish or cancel one of"
                " them first."
            )
            % {"name": account.name, "most": MOST_OPEN},
            account=account.pk,
        )
    with transaction.atomic(durable=True):
        now = clock()
        payment, is_new = Payment.objects.get_or_create(
            master_id=account.master_id,
            key=key,
            defaults={
                "account": account,
                "method": method,
                "method_label": method.label,
                "gateway": method.gateway,
                "amount": quoted.amount,
                "fee": quoted.fee,
                "currency": method.currency,
                "reference": _new_reference(),
                "by": by,
                "created_at": now,
                "expires_at": now + timedelta(minutes=method.expires_minutes),
                "heard_at": now,
            },
        )
        if is_new:
            record(payment, Trail.STARTED, now, amount=quoted.amount, by=by)
    return payment


def open_checkout(payment: Payment, *, addresses: Addresses) -> Payment:
    """Get the payment's checkout from its gateway; the payment as it is then.

    Asks the gateway without any lock, at most ten seconds. A second call, also after an answer
    that got lost, leads to the same checkout. One that is over stays as it is. Raises
    GatewayError: then nothing has changed, and it may be tried again.
    """
    if not payment.is_open or payment.checkout_url or payment.instructions:
        return payment
    checkout = gateway(payment.gateway).create_checkout(
        payment, success_url=addresses.success, cancel_url=addresses.cancel
    )
    return _note_checkout(payment, checkout)


def cancel(payment: Payment, *, by: User | None) -> Payment:
    """Give the payment up; the payment as it is then. One that is over stays as it is.

    The gateway closes its checkout first, so that it cannot be paid any more, and is asked whether
    it was: then it is credited, and not cancelled, also where no message has told so. What is paid
    later is still credited. Raises GatewayError: then nothing has changed.
    """
    if not payment.is_open:
        return payment
    moneys: list[Fact] = []
    if payment.gateway_reference:
        asked = gateway(payment.gateway)
        asked.cancel(payment)
        moneys = [fact for fact in asked.fetch(payment) if fact.is_of_money]
    if moneys:
        settlement.learn_about(payment, moneys)
    settlement.learn_about(payment, [Fact(What.CANCELLED)], by=by)
    payment.refresh_from_db()
    return payment


def cannot_top_up(account: Account) -> CannotTopUp | None:
    """Why the account takes no payment as it stands, whoever asks; None if it does."""
    names = {"name": account.name, "company": account.company.name}
    if account.state == State.CLOSED:
        return CannotTopUp(
            _("%(name)s is closed and takes no payments.") % names, account=account.pk
        )
    if account.is_shared:
        return CannotTopUp(
            _(
                "%(name)s draws on the balance of %(company)s and has none of its own."
                " Top up %(company)s instead."
            )
            % names,
            account=account.pk,
        )
    return None


def visible_to(user: User | AnonymousUser, company: Account) -> QuerySet[Payment]:
    """The company's payments for accounts that the person may see."""
    return Payment.objects.filter(
        master=company, account__in=Account.objects.visible_to(user).filter(master=company)
    )


def _note_checkout(payment: Payment, checkout: Checkout) -> Payment:
    with transaction.atomic(durable=True):
        locked = Payment.objects.select_for_update(no_key=True).get(pk=payment.pk)
        if locked.checkout_url or locked.instructions:
            return locked  # Another click was first.
        locked.gateway_reference = checkout.reference
        locked.checkout_url = checkout.url
        locked.instructions = dict(checkout.instructions)
        if checkout.expires_at is not None:
            locked.expires_at = checkout.expires_at
        if locked.state == PaymentState.CREATED:
            locked.state = PaymentState.PENDING
        locked.save(
            update_fields=[
                "gateway_reference",
                "checkout_url",
                "instructions",
                "expires_at",
                "state",
            ]
        )
        record(locked, Trail.OPENED, clock())
        if locked.instructions:
            payment_mails.order(locked)
    return locked


def _new_reference() -> str:
    """A creditor reference (ISO 11649): RF, two check digits, and what nobody can guess."""
    body = "".join(secrets.choice(_ALPHABET) for _n in range(_REFERENCE_LENGTH))
    return f"RF{mod_97_10.calc_check_digits(body + 'RF')}{body}"

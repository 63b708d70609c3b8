"""Adjustments: what an operator puts right by hand, with a reason; and undoing one."""

from __future__ import annotations

from decimal import Decimal

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.models import Account, User
from billing import charges, references, second_operator
from billing.ledger import Leg, Outcome, Posting, Status, post, transact
from billing.models import Kind, Origin
from billing.refusals import CannotReverse


def make(
    *, account: Account, amount: Decimal, reason: str, reference: str, by: User | None
) -> Outcome:
    """Add ``amount`` (signed, in the company's currency) to the credit of the account's holder.

    ``reference`` makes it happen once: a second call with the same content is replayed. What takes
    credit away is guarded by the available balance and may be refused; a suspended account can be
    adjusted, a closed one only upwards. Raises SecondOperatorNeeded for more than ``by`` may do
    alone, ValueError for an amount of zero or one that does not fit, an empty reason or a
    malformed reference, StartAgain as ``transact`` does. It is undone by ``undo``.
    """
    return transact(
        lambda: within(account=account, amount=amount, reason=reason, reference=reference, by=by)
    )


def within(
    *,
    account: Account,
    amount: Decimal,
    reason: str,
    reference: str,
    by: User | None,
    agreed_by: User | None = None,
) -> Outcome:
    """As ``make``, in the transaction of a caller that does more: must run within ``transact``.

    ``agreed_by`` is the second operator, who then does it for ``by``.
    """
    if not reason.strip():
        raise ValueError("an adjustment has a reason")
    posting = Posting(
        Kind.ADJUSTMENT,
        references.check(reference),
        (Leg(account.pk, amount),),
        references.check_description(reason),
    )
    second_operator.lock(by)
    [outcome] = post(
        master=account.master_id,
        postings=[posting],
        origin=Origin.CONSOLE,
        by=by.pk if by else None,
    )
    if outcome.status == Status.ACCEPTED:
        second_operator.check(account=account, by=by, agreed_by=agreed_by)
        audit.record(
            action=AuditAction.ADJUSTED,
            by=agreed_by or by,
            whom=by if agreed_by else None,
            account=account,
            after={"amount": amount, "reference": reference},
            about=reason,
        )
    return outcome


def undo(*, account: Account, reference: str, reason: str, by: User | None) -> Outcome:
    """Take the adjustment of ``account`` back that ``reference`` names, whole and once.

    For the account's holder of today. One that takes credit away is guarded by the available
    balance and may be refused; a second call is replayed. Raises SecondOperatorNeeded for more
    than ``by`` may do alone, UnknownReference, CannotReverse for what is no adjustment, ValueError
    for an empty reason, StartAgain as ``transact`` does.
    """
    return transact(
        lambda: undo_within(account=account, reference=reference, reason=reason, by=by)
    )


def undo_within(
    *,
    account: Account,
    reference: str,
    reason: str,
    by: User | None,
    agreed_by: User | None = None,
) -> Outcome:
    """As ``undo``, in the transaction of a caller that does more; see ``within``."""
    posting = charges.reversal_of(
        master=account.master_id, reference=reference, reason=reason, origin=Origin.CONSOLE
    )
    if posting.reference != second_operator.reversal_of(reference):
        raise CannotReverse(account=account.pk, kind=Kind.USAGE)
    second_operator.lock(by)
    [outcome] = post(
        master=account.master_id,
        postings=[posting],
        origin=Origin.REVERSAL,
        by=by.pk if by else None,
    )
    if outcome.status == Status.ACCEPTED:
        second_operator.check(account=account, by=by, agreed_by=agreed_by)
        [leg] = posting.legs
        audit.record(
            action=AuditAction.ADJUSTMENT_UNDONE,
            by=agreed_by or by,
            whom=by if agreed_by else None,
            account=account,
            after={"amount": leg.amount, "reference": reference},
            about=reason,
        )
    return outcome

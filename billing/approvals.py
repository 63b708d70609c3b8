"""Asking a second operator, and what they decide.

What is asked for stands in one row, exactly; agreeing does it in the transaction that writes the
decision down, or refuses with the figures of now and leaves the request open. Rules of what takes
two: ``billing.second_operator``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.models import Account, User
from billing import adjustments, approval_mails, references, refunds, second_operator
from billing.ledger import Outcome, Status, transact
from billing.locking import clock
from billing.models import Approval, ApprovalState, Asked, Payment, Refund
from billing.payment_figures import holder_of
from billing.refusals import Refused
from billing.second_operator import SecondOperatorNeeded

# For so long a request can be agreed to.
OPEN_FOR = timedelta(days=7)

T = TypeVar("T")


class NotOpen(Refused):
    """The request was decided already, or waited for too long."""

    code = "not_open"

    def __init__(self, approval: Approval) -> None:
        sentence = {
            ApprovalState.WAITING: _("Nobody agreed within seven days: it has lapsed."),
            ApprovalState.AGREED: _("It was agreed to already, and not done again."),
            ApprovalState.REFUSED: _("It was refused already."),
            ApprovalState.WITHDRAWN: _("It was withdrawn already."),
        }[ApprovalState(approval.state)]
        super().__init__(sentence, account=approval.account_id)


class NotYours(Refused):
    """Nobody decides what they have asked for, or withdraws what another has."""

    code = "not_yours"


class AskerGone(Refused):
    """Whoever asked is no operator any more: nobody can be the second of one."""

    code = "asker_gone"


class DoneOtherwise(Refused):
    """The adjustment was undone by somebody else meanwhile."""

    code = "done_otherwise"


def waiting() -> QuerySet[Approval]:
    """The requests that can be decided now."""
    return Approval.objects.filter(state=ApprovalState.WAITING, expires_at__gt=Now())


def adjust(
    *, account: Account, amount: Decimal, reason: str, key: UUID, by: User
) -> Outcome | Approval:
    """Adjust the credit, as ``adjustments.make``, or ask a second operator where it takes two.

    ``key`` comes with the form: a second call does nothing more, and returns what is there.
    """

    def alone() -> Outcome:
        return adjustments.make(
            account=account,
            amount=amount,
            reason=reason,
            reference=second_operator.reference_of(key),
            by=by,
        )

    return _alone_or_ask(
        alone, Approval(what=Asked.ADJUST, account=account, amount=amount, reason=reason), key, by
    )


def undo(
    *, account: Account, reference: str, amount: Decimal, reason: str, key: UUID, by: User
) -> Outcome | Approval:
    """Undo an adjustment, as ``adjustments.undo``, or ask a second operator where it takes two.

    ``amount`` is what undoing it does to the credit.
    """

    def alone() -> Outcome:
        return adjustments.undo(account=account, reference=reference, reason=reason, by=by)

    asked = Approval(
        what=Asked.UNDO, account=account, undoes=reference, amount=amount, reason=reason
    )
    return _alone_or_ask(alone, asked, key, by)


def refund(
    *,
    payment: Payment,
    amount: Decimal,
    reason: str,
    key: UUID,
    by: User,
    past_limit: bool = False,
    shown: str | None = None,
) -> Refund | Approval:
    """Ask for a refund, as ``refunds.request``, or a second operator where it takes two."""

    def alone() -> Refund:
        return refunds.request(
            payment=payment,
            amount=amount,
            reason=reason,
            key=key,
            by=by,
            past_limit=past_limit,
            shown=shown,
        )

    asked = Approval(
        what=Asked.REFUND,
        account=payment.account,
        payment=payment,
        amount=-amount,
        past_limit=past_limit,
        reason=reason,
    )
    return _alone_or_ask(alone, asked, key, by)


def agree(approval: Approval, *, by: User) -> Outcome | Refund:
    """Do what was asked, exactly, for whoever asked; a refund is then to be sent.

    Raises what refuses it by the figures of now (it stays open), NotOpen, NotYours, AskerGone,
    StartAgain as ``transact`` does. A second call raises NotOpen, and does nothing.
    """

    def work() -> Outcome | Refund:
        locked = _locked(approval)
        people = _people(locked, by)
        if locked.asked_by_id == by.pk:
            raise NotYours(
                _("You asked for it yourself: another operator has to agree."),
                account=locked.account_id,
            )
        if by.pk not in people:
            raise NotYours(_("Only operators agree to this."), account=locked.account_id)
        asker = people.get(locked.asked_by_id)
        if asker is None:
            raise AskerGone(
                _("Whoever asked is no operator any more, so nobody can agree to it."),
                account=locked.account_id,
            )
        done = _do(locked, asker, by)
        _decide(locked, ApprovalState.AGREED, by)
        _note(locked, AuditAction.SECOND_OPERATOR_AGREED, by, locked.reason)
        approval_mails.order_decided(locked)
        return done

    return transact(work)


def refuse(approval: Approval, *, by: User, words: str) -> Approval:
    """Say no, and why. Raises NotOpen, NotYours, ValueError without words."""
    if not words.strip():
        raise ValueError("a refusal has its reason")
    references.check_description(words)

    def work() -> Approval:
        locked = _locked(approval)
        if locked.asked_by_id == by.pk:
            raise NotYours(
                _("You asked for it yourself: withdraw it instead."), account=locked.account_id
            )
        _decide(locked, ApprovalState.REFUSED, by, words)
        _note(locked, AuditAction.SECOND_OPERATOR_REFUSED, by, words)
        approval_mails.order_decided(locked)
        return locked

    return transact(work)


def withdraw(approval: Approval, *, by: User) -> Approval:
    """Take one's own request back. Raises NotOpen, NotYours."""

    def work() -> Approval:
        locked = _locked(approval)
        if locked.asked_by_id != by.pk:
            raise NotYours(
                _("Only whoever asked for it can withdraw it."), account=locked.account_id
            )
        _decide(locked, ApprovalState.WITHDRAWN, by)
        _note(locked, AuditAction.SECOND_OPERATOR_WITHDRAWN, by, locked.reason)
        return locked

    return transact(work)


def _alone_or_ask(alone: Callable[[], T], asked: Approval, key: UUID, by: User) -> T | Approval:
    """The verb's result, or the request that it takes. What was asked before is not done alone."""
    there = Approval.objects.filter(key=key).first()
    if there is not None:
        return there
    try:
        return alone()
    except SecondOperatorNeeded:
        return _ask(asked, key, by)


def _ask(asked: Approval, key: UUID, by: User) -> Approval:
    def work() -> Approval:
        balance = holder_of(asked.account)
        asked.master_id, asked.key, asked.asked_by = asked.account.master_id, key, by
        asked.holder_id = balance.account_id
        asked.credit, asked.available = balance.credit, balance.available
        asked.asked_at = clock()
        asked.expires_at = asked.asked_at + OPEN_FOR
        try:
            with transaction.atomic():
                asked.save()
        except IntegrityError:
            # The same form a moment ago.
            return Approval.objects.get(key=key)
        _note(asked, AuditAction.SECOND_OPERATOR_ASKED, by, asked.reason)
        approval_mails.order_asked(asked)
        return asked

    return transact(work)


def _locked(approval: Approval) -> Approval:
    """The row, locked and open: the first lock of whoever decides."""
    rows = Approval.objects.select_for_update(of=("self",), no_key=True)
    locked = rows.select_related("account__master", "payment").get(pk=approval.pk)
    if not locked.is_open(clock()):
        raise NotOpen(locked)
    return locked


def _people(approval: Approval, by: User) -> dict[int, User]:
    """Both, if they are operators, so that neither ceases to be one meanwhile."""
    both = {approval.asked_by_id, by.pk}
    found = User.objects.select_for_update(no_key=True).filter(pk__in=both).order_by("pk")
    return {each.pk: each for each in found if each.is_staff and each.is_active}


def _do(approval: Approval, asker: User, by: User) -> Outcome | Refund:
    """Do what was asked. Raises why not."""
    if approval.what == Asked.REFUND:
        assert approval.payment is not None  # noqa: S101 - a constraint says so
        return refunds.within(
            payment=approval.payment,
            amount=-approval.amount,
            reason=approval.reason,
            key=approval.key,
            by=asker,
            past_limit=approval.past_limit,
            agreed_by=by,
        )
    if approval.what == Asked.UNDO:
        outcome = adjustments.undo_within(
            account=approval.account,
            reference=approval.undoes,
            reason=approval.reason,
            by=asker,
            agreed_by=by,
        )
    else:
        outcome = adjustments.within(
            account=approval.account,
            amount=approval.amount,
            reason=approval.reason,
            reference=second_operator.reference_of(approval.key),
            by=asker,
            agreed_by=by,
        )
    outcome.raise_refusal()
    if outcome.status == Status.REPLAYED:
        raise DoneOtherwise(
            _("It was done otherwise meanwhile, so there is nothing left to agree to."),
            account=approval.account_id,
        )
    return outcome


def _decide(approval: Approval, state: ApprovalState, by: User, words: str = "") -> None:
    approval.state, approval.decided_by, approval.words = state, by, words
    approval.decided_at = clock()
    approval.save(update_fields=["state", "decided_by", "decided_at", "words"])


def _note(approval: Approval, action: AuditAction, by: User, about: str) -> None:
    named = {"payment": approval.payment.reference} if approval.payment is not None else {}
    undone = {"undoes": approval.undoes} if approval.undoes else {}
    audit.record(
        action=action,
        by=by,
        account=approval.account,
        whom=None if approval.asked_by_id == by.pk else approval.asked_by,
        after={
            "what": approval.what,
            "amount": approval.amount,
            "credit": approval.credit,
            "available": approval.available,
            **named,
            **undone,
        },
        about=about,
    )

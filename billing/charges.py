"""Charges: usage of the platform, one at a time or many at once, and what undoes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from accounts.models import Account, User
from billing import references
from billing.ledger import Leg, Outcome, Posting, StartAgain, Status, post, transact
from billing.models import REVERSIBLE, Entry, Kind, Origin
from billing.refusals import (
    AccountClosed,
    AccountSuspended,
    BalanceTooLarge,
    CannotReverse,
    InsufficientBalance,
    ReferenceConflict,
    Refused,
    UnknownReference,
)

__all__ = [
    "AccountClosed",
    "AccountSuspended",
    "BalanceTooLarge",
    "CannotReverse",
    "Charge",
    "InsufficientBalance",
    "ReferenceConflict",
    "Refused",
    "StartAgain",
    "Status",
    "UnknownReference",
    "charge",
    "charge_many",
    "rehearse_many",
    "reverse",
]


class Charge(NamedTuple):
    """One usage: ``amount`` (more than zero) in the company's currency, by ``account`` (its id).

    ``reference`` names it once within the origin; ``at`` is when the caller says it happened.
    ``enforce_limit=False`` records usage that has already happened, past the limit and whatever
    the state. ``moment`` is for demo, import of history and tests only.
    """

    account: int
    amount: Decimal
    reference: str
    description: str = ""
    at: datetime | None = None
    enforce_limit: bool = True
    moment: datetime | None = None


def charge(
    *,
    account: Account,
    amount: Decimal,
    reference: str,
    description: str = "",
    at: datetime | None = None,
    enforce_limit: bool = True,
    origin: Origin = Origin.API,
) -> Outcome:
    """Charge one usage and say what became of it: accepted, replayed, refused or conflict.

    ``amount`` is more than zero, in the company's currency, with at most six decimals; ``at`` is
    when the caller says it happened. Refusals are returned, not raised. A second call with the
    same reference and content is replayed. Raises ValueError for an amount, reference or
    description that cannot be kept, StartAgain as ``transact`` does.
    """
    [outcome] = charge_many(
        master=account.master_id,
        charges=[Charge(account.pk, amount, reference, description, at, enforce_limit)],
        origin=origin,
    )
    return outcome


def charge_many(
    *, master: int, charges: Sequence[Charge], origin: Origin = Origin.API
) -> list[Outcome]:
    """Charge usages of one company (``master`` is its id), decided one after the other.

    One outcome per charge, in their order: 60, 70, 30 against 100 gives yes, no, yes. All that is
    accepted is committed together. Called twice, the second time all is replayed, and what was
    refused is decided anew. Raises ValueError for an amount, reference or description that cannot
    be kept, LookupError for an account of another company, StartAgain as ``transact`` does; then
    nothing was written.
    """
    postings = _postings(charges)
    return transact(lambda: post(master=master, postings=postings, origin=origin))


def rehearse_many(
    *, master: int, charges: Sequence[Charge], origin: Origin = Origin.API
) -> list[Outcome]:
    """What ``charge_many`` would do, in the caller's transaction, for the caller to roll back.

    Called again within it, it sees what it did before. Raises what ``charge_many`` raises.
    """
    postings = _postings(charges)
    return post(master=master, postings=postings, origin=origin)


def reverse(
    *,
    master: int,
    reference: str,
    reason: str,
    by: User | None = None,
    origin: Origin = Origin.API,
) -> Outcome:
    """Undo the usage or adjustment that ``reference`` names, whole, for the holders of today.

    ``master`` is the company's id, ``origin`` who named the reference. A reversal of usage is
    money coming in and always accepted; one that takes an adjustment back is guarded by the
    available balance, and may be refused. A posting is reversed once: a second call is replayed.
    Raises UnknownReference, CannotReverse (a transfer, a payment, a reversal), ValueError for an
    empty reason, StartAgain as ``transact`` does.
    """
    posting = reversal_of(master=master, reference=reference, reason=reason, origin=origin)

    def work() -> Outcome:
        [outcome] = post(
            master=master,
            postings=[posting],
            origin=Origin.REVERSAL,
            by=by.pk if by else None,
        )
        return outcome

    return transact(work)


def reversal_of(*, master: int, reference: str, reason: str, origin: Origin) -> Posting:
    """What ``reverse`` posts, with origin REVERSAL, for verbs that do more in its transaction.

    One query. Raises what ``reverse`` raises before it posts.
    """
    if not reason.strip():
        raise ValueError("a reversal has a reason")
    references.check_description(reason)
    undone = list(
        Entry.objects.named(master=master, origin=origin, reference=reference).order_by("leg")
    )
    if not undone:
        raise UnknownReference(account=master, reference=reference)
    kind = Kind(undone[0].kind)
    if kind not in REVERSIBLE:
        raise CannotReverse(account=undone[0].account_id, kind=kind)
    return Posting(
        Kind.REVERSAL,
        f"{kind}:{origin}:{reference}",
        tuple(Leg(entry.account_id, -entry.amount) for entry in undone),
        reason,
    )


def _postings(charges: Sequence[Charge]) -> list[Posting]:
    try:
        if any(charge.amount <= 0 for charge in charges):
            raise ValueError("a charge is more than zero")
    except InvalidOperation as error:
        raise ValueError("an amount is a number") from error
    for charge in charges:
        references.check(charge.reference)
        references.check_description(charge.description)
    return [
        Posting(Kind.USAGE, reference, (Leg(account, -amount),), description, at, enforce, moment)
        for account, amount, reference, description, at, enforce, moment in charges
    ]

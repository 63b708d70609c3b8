"""Charges: usage of the platform, one at a time or many at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from accounts.models import Account
from billing.ledger import Leg, Outcome, Posting, post, transact
from billing.models import Kind, Origin


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

    Refusals are returned, not raised. A second call with the same reference and content is
    replayed. Raises ValueError for an amount of zero or less, or one that does not fit the ledger.
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
    refused is decided anew. Raises ValueError and LookupError as ``ledger.post`` does.
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


def _postings(charges: Sequence[Charge]) -> list[Posting]:
    if any(charge.amount <= 0 for charge in charges):
        raise ValueError("a charge is more than zero")
    return [
        Posting(Kind.USAGE, reference, (Leg(account, -amount),), description, at, enforce, moment)
        for account, amount, reference, description, at, enforce, moment in charges
    ]

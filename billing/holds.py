"""Holds: credit reserved for usage to come, then captured, released, or given back by time."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import NamedTuple
from uuid import UUID

from django.db.models import F, Sum
from django.db.models.functions import Now

from accounts.models import Account, User
from billing import references
from billing.ledger import (
    Capture,
    Leg,
    Outcome,
    Posting,
    StartAgain,
    Status,
    expire_holds,
    fits,
    place_hold,
    post,
    release_hold,
    transact,
)
from billing.models import Hold, HoldState, Kind, Origin
from billing.refusals import HoldEnded, MoreThanHeld, ReferenceConflict, Refused

__all__ = [
    "HoldEnded",
    "HoldOutcome",
    "MoreThanHeld",
    "Refused",
    "StartAgain",
    "Status",
    "capture",
    "hold",
    "release",
    "sweep",
]

LONGEST = timedelta(days=31)


class HoldOutcome(NamedTuple):
    """What became of asking for a hold: the hold when accepted or replayed, else the refusal."""

    status: Status
    hold: Hold | None = None
    refusal: Refused | None = None


def hold(
    *,
    account: Account,
    amount: Decimal,
    reference: str,
    expires_in: timedelta = timedelta(hours=24),
    description: str = "",
    origin: Origin = Origin.API,
    by: User | None = None,
) -> HoldOutcome:
    """Reserve ``amount``, in the company's currency, of what the account can spend.

    It counts as on hold until it is captured, released or past its time. ``reference`` names it
    once within the origin, apart from the references of postings: a second call with the same
    account and amount is replayed and returns the hold as it is by then. Refusals are returned,
    not raised. Raises ValueError for an amount of zero or less or one that does not fit, a
    malformed reference or description, a time of nothing or longer than LONGEST; StartAgain as
    ``transact`` does.
    """
    if not fits(amount) or amount <= 0:
        raise ValueError("a hold is more than zero and fits the ledger")
    if not timedelta(0) < expires_in <= LONGEST:
        raise ValueError(f"a hold lasts at most {LONGEST.days} days")
    references.check(reference)
    references.check_description(description)

    def work() -> HoldOutcome:
        asked = Hold(
            master_id=account.master_id,
            account=account,
            origin=origin,
            reference=reference,
            description=description,
            amount=amount,
            by=by,
        )
        found = place_hold(hold=asked, expires_in=expires_in)
        if isinstance(found, Refused):
            return HoldOutcome(Status.REFUSED, refusal=found)
        if found is asked:
            return HoldOutcome(Status.ACCEPTED, found)
        if (found.account_id, found.amount) == (account.pk, amount):
            return HoldOutcome(Status.REPLAYED, found)
        refusal = ReferenceConflict(account=account.pk, reference=reference)
        return HoldOutcome(Status.CONFLICT, refusal=refusal)

    return transact(work)


def capture(
    *,
    master: int,
    hold: UUID,
    reference: str,
    amount: Decimal | None = None,
    final: bool = False,
    description: str = "",
    at: datetime | None = None,
    origin: Origin = Origin.API,
) -> Outcome:
    """Turn reserved credit into usage: ``amount`` of it, or with None all that remains.

    A hold may be captured in parts; the part that takes the last of it, or is ``final``, ends it
    and gives the rest back. The entry is its account's, by the holder who reserved it. The limit
    and a suspension are no obstacle: it was granted before. ``reference`` is the posting's own, as
    a charge's: a second call is replayed. HoldEnded and MoreThanHeld are returned as refusals, not
    raised. Raises Hold.DoesNotExist, ValueError as ``charge`` does, StartAgain as ``transact``.
    """
    if amount is not None and not (fits(amount) and amount > 0):
        raise ValueError("a capture is more than zero and fits the ledger")
    found = Hold.objects.only("account", "holder").get(master=master, id=hold)
    posting = Posting(
        Kind.USAGE,
        references.check(reference),
        () if amount is None else (Leg(found.account_id, -amount),),
        references.check_description(description),
        at,
        capture=Capture(hold, found.holder_id, final),
    )
    [outcome] = transact(partial(post, master=master, postings=[posting], origin=origin))
    return outcome


def release(*, master: int, hold: UUID) -> Hold:
    """Give back what remains of the hold. Returns the hold as it is then.

    A second call changes nothing, nor one for a hold that was captured; one past its time has
    expired. Raises Hold.DoesNotExist, StartAgain as ``transact`` does.
    """
    found = Hold.objects.get(master=master, id=hold)
    if found.is_open:
        transact(partial(release_hold, master=master, holder=found.holder_id, hold=hold))
        found.refresh_from_db()
    return found


def expired(account: Account) -> Decimal:
    """What still counts as on hold though its time is past: whoever needs it, gets it.

    Of the account as holder, in the company's currency. One query; writes nothing.
    """
    late = Hold.objects.filter(
        master=account.master_id, holder=account, state=HoldState.OPEN, expires_at__lte=Now()
    )
    left: Decimal = late.aggregate(left=Sum(F("amount") - F("captured"), default=Decimal(0)))[
        "left"
    ]
    return left


def sweep() -> int:
    """End every hold that is past its time, holder by holder; how many there were.

    Nothing depends on its coming soon: a hold cannot be captured after its time, and a charge that
    would otherwise be refused ends what has expired itself. A holder whose balance is locked does
    not keep the others waiting: when they are done, StartAgain is raised as by ``transact``, and
    the next call goes on with what is left.
    """
    due = (
        Hold.objects.filter(state=HoldState.OPEN, expires_at__lte=Now())
        .order_by("master_id", "holder_id")
        .values_list("master_id", "holder_id")
        .distinct()
    )
    swept = 0
    locked: StartAgain | None = None
    for master, holder in list(due):
        try:
            while ended := transact(partial(expire_holds, master=master, holder=holder)):
                swept += ended
        except StartAgain as error:
            locked = error
    if locked is not None:
        raise locked
    return swept

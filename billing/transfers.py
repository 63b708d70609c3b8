"""Transfers: credit moved between two accounts of one company, and moved back.

Many at once, all or none: ``billing.transfer_batches``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.models import Account, State, User
from billing import holds
from billing.ledger import Leg, Posting, StartAgain, Status, post, transact
from billing.models import TOO_LARGE, Balance, Kind, Origin, Transfer
from billing.refusals import (
    AccountClosed,
    AccountSuspended,
    BalanceTooLarge,
    InsufficientBalance,
    Refused,
    SharedBalance,
)
from billing.shown import BalancesChanged, Shown, check
from billing.transfer_refusals import (
    ClosedSince,
    KeyConflict,
    MoreThanMoved,
    NotReversible,
    SameAccount,
    SharedSince,
)
from console import money

__all__ = [
    "AccountClosed",
    "AccountSuspended",
    "BalanceTooLarge",
    "BalancesChanged",
    "InsufficientBalance",
    "KeyConflict",
    "MoreThanMoved",
    "NotReversible",
    "Preview",
    "Refused",
    "SameAccount",
    "SharedBalance",
    "StartAgain",
    "cannot_move_from",
    "cannot_move_to",
    "make",
    "preview",
    "preview_reversal",
    "reverse",
    "reversible",
    "visible_to",
]


@dataclass(frozen=True, slots=True)
class Preview:
    """Both balances before and after a transfer, and why it would be refused, if it would."""

    source: Balance
    destination: Balance
    amount: Decimal
    refusal: Refused | None

    @property
    def source_after(self) -> Decimal:
        """What the source could still spend."""
        return self.source.available - self.amount

    @property
    def destination_after(self) -> Decimal:
        """What the destination could then spend."""
        return self.destination.available + self.amount


def make(
    *,
    source: Account,
    destination: Account,
    amount: Decimal,
    key: UUID,
    by: User | None,
    note: str = "",
    shown: Shown | None = None,
    moment: datetime | None = None,
) -> Transfer:
    """Move ``amount`` of credit, in the company's currency, from ``source`` to ``destination``.

    ``key`` makes it happen once: a second call with the same key and content returns the first
    transfer. Raises KeyConflict for the same key with other content, SameAccount, SharedBalance,
    AccountSuspended (source), AccountClosed, InsufficientBalance, BalanceTooLarge; StartAgain when
    the balances changed twice meanwhile (see ``transact``); LookupError for two companies'
    accounts; then nothing was written. ``shown`` are the balances that a preview has shown: raises
    BalancesChanged when they are others by now. ``moment`` is for demo, import of history and
    tests only.
    """
    if source.master_id != destination.master_id:
        raise LookupError(f"account {destination.pk} is not of {source.pk}'s company")
    # Read before the balances are locked: the audit log writes amounts in its currency.
    _company = source.company
    if source.pk == destination.pk:
        raise SameAccount(account=source.pk)
    if amount <= 0:
        raise ValueError("a transfer moves more than zero")

    def work() -> Transfer:
        wanted = Transfer(
            master_id=source.master_id,
            key=key,
            source=source,
            destination=destination,
            amount=amount,
            note=note,
            by=by,
        )
        return _write(wanted, shown, moment)

    return transact(work)


def reverse(
    *,
    transfer: Transfer,
    amount: Decimal | None = None,
    key: UUID,
    by: User | None,
    note: str = "",
    shown: Shown | None = None,
) -> Transfer:
    """Move what ``transfer`` moved back to where it came from: a new transfer that points to it.

    ``amount``, in the company's currency, may be a part of it; None is all that is left. All
    reversals of a transfer together move at most what it moved. ``key`` makes it happen once: a
    second call with the same key and content returns the first result. Raises NotReversible (a
    reversal, or nothing is left), MoreThanMoved, and for the accounts of today what ``make``
    raises: InsufficientBalance when it was spent meanwhile, BalancesChanged. Then nothing was
    written.
    """
    if amount is not None and amount <= 0:
        raise ValueError("a reversal moves more than zero")

    def work() -> Transfer:
        # The first transfer's row before everything else: reversals of one transfer wait for each
        # other here, holding no balance.
        first = (
            Transfer.objects.select_for_update(no_key=True, of=("self",))
            .select_related("master", "source", "destination")
            .get(master=transfer.master_id, pk=transfer.pk)
        )
        # Two people may look at once, but only one of them has the lock: asked before refusing,
        # so that a form that is sent twice is told of its transfer and not that nothing is left.
        made = Transfer.objects.filter(master=first.master_id, key=key).first()
        wanted = Transfer(
            master_id=first.master_id,
            key=key,
            source=first.destination,
            destination=first.source,
            amount=amount if amount is not None else made.amount if made else first.left,
            note=note,
            by=by,
            reverses=first,
        )
        if made is not None:
            return _repeated(made, wanted)
        refusal = _not_left(first, wanted.amount)
        if refusal is not None:
            raise refusal
        try:
            made = _write(wanted, shown)
        except (SharedBalance, AccountClosed) as today:
            raise _since(today, first) from today
        if made is wanted:
            Transfer.objects.filter(pk=first.pk).update(reversed=F("reversed") + made.amount)
        return made

    return transact(work)


def _write(wanted: Transfer, shown: Shown | None, moment: datetime | None = None) -> Transfer:
    """Write the posting and the transfer, and return it; or the one that has its key already."""
    try:
        check(shown, wanted.source, [wanted.destination])
    except BalancesChanged:
        # Under the lock: of two clicks at once the first has changed them.
        made = _made(wanted)
        if made is None:
            raise
        return _repeated(made, wanted)
    legs = (
        Leg(wanted.source_id, -wanted.amount),
        Leg(wanted.destination_id, wanted.amount),
    )
    # The ledger knows the key as the reference of the entries: of two clicks at once the later
    # one waits for the balances, and then finds what the first has written.
    [outcome] = post(
        master=wanted.master_id,
        postings=[Posting(Kind.TRANSFER, wanted.reference, legs, wanted.note, moment=moment)],
        origin=Origin.CONSOLE,
        by=wanted.by_id,
    )
    if outcome.status in (Status.REPLAYED, Status.CONFLICT):
        made = _made(wanted)
        if made is None:
            raise KeyConflict(account=wanted.source_id)
        return _repeated(made, wanted)
    outcome.raise_refusal()
    # One moment for the transfer and its entries: the ledger's, taken under the lock.
    wanted.created_at = max(row.posted_at for row in outcome.rows)
    wanted.save(force_insert=True)
    is_reversal = wanted.reverses_id is not None
    audit.record(
        action=AuditAction.TRANSFER_REVERSED if is_reversal else AuditAction.TRANSFER_MADE,
        by=wanted.by,
        account=wanted.source,
        after={
            "transfer": wanted.pk,
            "amount": wanted.amount,
            "to": wanted.destination.code,
            **({"reverses": wanted.reverses_id} if is_reversal else {}),
        },
        about=wanted.note,
        moment=moment,
    )
    return wanted


def _made(wanted: Transfer) -> Transfer | None:
    """The transfer that was made with the same key."""
    return Transfer.objects.filter(master=wanted.master_id, key=wanted.key).first()


def _repeated(made: Transfer, wanted: Transfer) -> Transfer:
    """The transfer that the key has made before, if it is the one that is wanted now."""
    if all(
        getattr(made, name) == getattr(wanted, name)
        for name in ("source_id", "destination_id", "amount", "reverses_id", "batch_id")
    ):
        return made
    raise KeyConflict(account=wanted.source_id)


def visible_to(user: User | AnonymousUser) -> QuerySet[Transfer]:
    """The transfers from or to an account that ``user`` may see.

    Seeing one side of a transfer is not seeing the other side's balance.
    """
    visible = Account.objects.visible_to(user).values("pk")
    return Transfer.objects.filter(Q(source__in=visible) | Q(destination__in=visible))


def preview(*, source: Account, destination: Account, amount: Decimal) -> Preview:
    """What ``make`` would do now: both balances, and the refusal if there would be one.

    Writes and locks nothing; between the preview and the transfer the balances may move.
    """
    found = Balance.objects.filter(
        master=source.master_id, account__in=[source.pk, destination.pk]
    )
    rows = {row.account_id: row for row in found}
    for account in (source, destination):
        rows[account.pk].account = account
    if amount > rows[source.pk].available:
        # As the ledger does, which then releases what has expired.
        rows[source.pk].on_hold -= holds.expired(source)
    return Preview(
        source=rows[source.pk],
        destination=rows[destination.pk],
        amount=amount,
        refusal=_refusal(source, destination, amount, rows),
    )


def preview_reversal(*, transfer: Transfer, amount: Decimal) -> Preview:
    """What ``reverse`` would do now with this amount. Writes and locks nothing."""
    told = preview(source=transfer.destination, destination=transfer.source, amount=amount)
    refusal = _not_left(transfer, amount)
    if refusal is None and isinstance(told.refusal, SharedBalance | AccountClosed):
        refusal = _since(told.refusal, transfer)
    return replace(told, refusal=refusal or told.refusal)


def reversible(transfer: Transfer) -> Decimal:
    """How much of the transfer can be moved back now: what is left of it and was not spent.

    In the company's currency; a part is rounded down to it. Zero when nothing can be.
    """
    told = preview_reversal(transfer=transfer, amount=transfer.left)
    if isinstance(told.refusal, InsufficientBalance):
        part = money.round_down(told.source.available, transfer.master.decimals)
        return max(part, Decimal(0))
    return Decimal(0) if told.refusal else transfer.left


def cannot_move_from(account: Account) -> Refused | None:
    """Why no credit can be moved out of the account, whatever the amount; None when it can."""
    refusal = cannot_move_to(account)
    if refusal is not None:
        return refusal
    # A suspended or closed company closes the tap of its whole tree.
    for asked in (account, account.company):
        if asked.state == State.CLOSED:
            return AccountClosed(account=asked.pk, name=asked.name)
        if asked.state == State.SUSPENDED:
            return AccountSuspended(account=asked.pk, name=asked.name)
    return None


def cannot_move_to(account: Account) -> Refused | None:
    """Why no credit can be moved into the account; None when it can."""
    if account.state == State.CLOSED:
        return AccountClosed(account=account.pk, name=account.name)
    if account.is_shared:
        return SharedBalance(account=account.pk, name=account.name)
    return None


def _refusal(
    source: Account, destination: Account, amount: Decimal, balances: dict[int, Balance]
) -> Refused | None:
    """Why the ledger would refuse, in its order; it is the ledger that decides, under the lock."""
    if source.pk == destination.pk:
        return SameAccount(account=source.pk)
    refusal = cannot_move_from(source)
    if refusal is not None:
        return refusal
    available = balances[source.pk].available
    if amount > available:
        return InsufficientBalance(
            account=source.pk,
            name=source.name,
            available=available,
            asked=amount,
            currency=source.company.currency,
        )
    refusal = cannot_move_to(destination)
    if refusal is None and balances[destination.pk].credit + amount >= TOO_LARGE:
        return BalanceTooLarge(account=destination.pk, name=destination.name)
    return refusal


def _not_left(transfer: Transfer, amount: Decimal) -> Refused | None:
    """Why the transfer itself does not let this amount be moved back, or None."""
    if transfer.reverses_id is not None:
        sentence = _(
            "This transfer moves another one back. To move the credit once more, make a new"
            " transfer."
        )
    elif not transfer.left:
        sentence = _("All of this transfer was moved back already.")
    else:
        return MoreThanMoved(transfer) if amount > transfer.left else None
    return NotReversible(sentence, account=transfer.destination_id)


def _since(refusal: Refused, transfer: Transfer) -> Refused:
    """What the refusal of a shared or closed account means to who wants credit back."""
    ends = {account.pk: account for account in (transfer.source, transfer.destination)}
    if refusal.account not in ends:
        return refusal
    since = ClosedSince if isinstance(refusal, AccountClosed) else SharedSince
    return since(ends[refusal.account])

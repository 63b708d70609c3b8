"""Transfers: credit moved between two accounts of one company."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.models import Account, State, User
from billing import holds
from billing.ledger import Leg, Posting, StartAgain, Status, post, transact
from billing.models import DECIMAL_PLACES, MAX_DIGITS, Balance, Kind, Origin, Transfer
from billing.refusals import (
    AccountClosed,
    AccountSuspended,
    BalanceTooLarge,
    InsufficientBalance,
    Refused,
    SharedBalance,
)

__all__ = [
    "AccountClosed",
    "AccountSuspended",
    "BalanceTooLarge",
    "InsufficientBalance",
    "KeyConflict",
    "Preview",
    "Refused",
    "SameAccount",
    "SharedBalance",
    "StartAgain",
    "cannot_move_from",
    "cannot_move_to",
    "make",
    "preview",
    "visible_to",
]

_TOO_LARGE = Decimal(10) ** (MAX_DIGITS - DECIMAL_PLACES)


class SameAccount(Refused):
    """From an account to itself."""

    code = "same_account"


class KeyConflict(Refused):
    """The form's key was used before for another transfer."""

    code = "conflict"


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
    moment: datetime | None = None,
) -> Transfer:
    """Move ``amount`` of credit, in the company's currency, from ``source`` to ``destination``.

    ``key`` makes it happen once: a second call with the same key and content returns the first
    transfer. Raises KeyConflict for the same key with other content, SameAccount, SharedBalance,
    AccountSuspended (source), AccountClosed, InsufficientBalance, BalanceTooLarge; StartAgain when
    the balances changed twice meanwhile (see ``transact``); LookupError for two companies'
    accounts; then nothing was written. ``moment`` is for demo, import of history and tests only.
    """
    if source.master_id != destination.master_id:
        raise LookupError(f"account {destination.pk} is not of {source.pk}'s company")
    if source.pk == destination.pk:
        raise _same_account(source)
    if amount <= 0:
        raise ValueError("a transfer moves more than zero")
    legs = (Leg(source.pk, -amount), Leg(destination.pk, amount))
    posting = Posting(Kind.TRANSFER, str(key), legs, note, moment=moment)

    def work() -> Transfer:
        # The ledger knows the key as the reference of the entries: of two clicks at once the later
        # one waits for the balances, and then finds what the first has written.
        [outcome] = post(
            master=source.master_id,
            postings=[posting],
            origin=Origin.CONSOLE,
            by=by.pk if by else None,
        )
        if outcome.status is Status.REPLAYED:
            return Transfer.objects.get(master=source.master_id, key=key)
        if outcome.status is Status.CONFLICT:
            raise KeyConflict(
                _(
                    "This form was sent before, as another transfer. Nothing was moved now:"
                    " check the history, then start a new transfer."
                ),
                account=source.pk,
            )
        outcome.raise_refusal()
        return Transfer.objects.create(
            master_id=source.master_id,
            key=key,
            source=source,
            destination=destination,
            amount=amount,
            note=note,
            by=by,
            # One moment for the transfer and its entries: the ledger's, taken under the lock.
            created_at=max(row.posted_at for row in outcome.rows),
        )

    return transact(work)


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
        return _same_account(source)
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
    if refusal is None and balances[destination.pk].credit + amount >= _TOO_LARGE:
        return BalanceTooLarge(account=destination.pk, name=destination.name)
    return refusal


def _same_account(account: Account) -> SameAccount:
    return SameAccount(
        _("Credit cannot be transferred from an account to itself: choose another account."),
        account=account.pk,
    )

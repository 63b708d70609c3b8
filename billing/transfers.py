"""Transfers: credit moved between two accounts of one company."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Account, State, User
from billing.ledger import Leg, Posting, post, transact
from billing.models import Balance, Kind, Origin, Transfer
from billing.refusals import (
    AccountClosed,
    AccountSuspended,
    InsufficientBalance,
    Refused,
    SharedBalance,
)

__all__ = [
    "AccountClosed",
    "AccountSuspended",
    "InsufficientBalance",
    "KeyConflict",
    "Preview",
    "Refused",
    "SameAccount",
    "SharedBalance",
    "make",
    "preview",
]


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
    AccountSuspended (source), AccountClosed, InsufficientBalance; then nothing was written.
    ``moment`` is for demo, import of history and tests only.
    """
    if source.pk == destination.pk:
        raise _same_account(source)
    if amount <= 0:
        raise ValueError("a transfer moves more than zero")
    legs = (Leg(source.pk, -amount), Leg(destination.pk, amount))
    posting = Posting(Kind.TRANSFER, str(key), legs, note, moment=moment)

    def work() -> Transfer:
        # The transfer's row before the balances: two clicks at once meet on its unique key, and
        # the later one waits here, holding no balance.
        transfer, created = Transfer.objects.get_or_create(
            master_id=source.master_id,
            key=key,
            defaults={
                "source": source,
                "destination": destination,
                "amount": amount,
                "note": note,
                "by": by,
                "created_at": moment or timezone.now(),
            },
        )
        if not created:
            told = (transfer.source_id, transfer.destination_id, transfer.amount)
            if told != (source.pk, destination.pk, amount):
                raise KeyConflict(
                    _(
                        "This form was sent before, as another transfer. Nothing was moved now:"
                        " check the history, then start a new transfer."
                    ),
                    account=source.pk,
                )
            return transfer
        [outcome] = post(
            master=source.master_id,
            postings=[posting],
            origin=Origin.CONSOLE,
            by=by.pk if by else None,
        )
        outcome.raise_refusal()
        return transfer

    return transact(work)


def preview(*, source: Account, destination: Account, amount: Decimal) -> Preview:
    """What ``make`` would do now: both balances, and the refusal if there would be one.

    Writes and locks nothing; between the preview and the transfer the balances may move.
    """
    found = Balance.objects.filter(
        master=source.master_id, account__in=[source.pk, destination.pk]
    )
    rows = {row.account_id: row for row in found}
    return Preview(
        source=rows[source.pk],
        destination=rows[destination.pk],
        amount=amount,
        refusal=_refusal(source, destination, amount, rows[source.pk]),
    )


def _refusal(
    source: Account, destination: Account, amount: Decimal, balance: Balance
) -> Refused | None:
    """Why the ledger would refuse; it is the ledger that decides, under the lock."""
    if source.pk == destination.pk:
        return _same_account(source)
    for account in (source, destination):
        if account.state == State.CLOSED:
            return AccountClosed(account=account.pk, name=account.name)
        if account.is_shared:
            return SharedBalance(account=account.pk, name=account.name)
    for account in (source, source.company):
        if account.state == State.SUSPENDED:
            return AccountSuspended(account=account.pk, name=account.name)
    if amount > balance.available:
        return InsufficientBalance(
            account=source.pk,
            name=source.name,
            available=balance.available,
            asked=amount,
            currency=source.company.currency,
        )
    return None


def _same_account(account: Account) -> SameAccount:
    return SameAccount(
        _("Credit cannot be transferred from an account to itself: choose another account."),
        account=account.pk,
    )

"""Why a transfer was not made, beyond what every posting may be refused for."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.models import Account
from billing.models import Transfer
from billing.refusals import AccountClosed, Refused, SharedBalance
from console import money


class SameAccount(Refused):
    """From an account to itself."""

    code = "same_account"

    def __init__(self, *, account: int) -> None:
        super().__init__(
            _("Credit cannot be transferred from an account to itself: choose another account."),
            account=account,
        )


class KeyConflict(Refused):
    """The form's key was used before for another transfer, or for others."""

    code = "conflict"

    def __init__(self, *, account: int) -> None:
        super().__init__(
            _(
                "This form was sent before, as another transfer. Nothing was moved now:"
                " check the history, then start a new transfer."
            ),
            account=account,
        )


class NotReversible(Refused):
    """The transfer is itself a reversal, or all of it was moved back already."""

    code = "not_reversible"


class MoreThanMoved(Refused):
    """More was to be moved back than is left of the transfer. ``left`` is exact."""

    code = "more_than_moved"

    def __init__(self, transfer: Transfer) -> None:
        self.left = transfer.left
        company = transfer.master
        if transfer.reversed:
            sentence = _(
                "%(currency)s %(reversed)s of this transfer was moved back before, so at most"
                " %(left)s can be."
            )
        else:
            sentence = _("This transfer moved %(currency)s %(left)s: no more can be moved back.")
        super().__init__(
            sentence
            % {
                "currency": company.currency,
                "reversed": money.format_amount(transfer.reversed, company.decimals),
                "left": money.format_amount(self.left, company.decimals),
            },
            account=transfer.destination_id,
        )


class SharedSince(SharedBalance):
    """Shared today: what it had of its own went to the master account."""

    def __init__(self, account: Account) -> None:
        Refused.__init__(
            self,
            _(
                "%(name)s draws on the master account's balance today, and what it had of its own"
                " went to %(master)s. Make a new transfer with %(master)s instead."
            )
            % {"name": account.name, "master": account.company.name},
            account=account.pk,
        )


class ClosedSince(AccountClosed):
    """Closed by now: what was left in it went to the master account."""

    def __init__(self, account: Account) -> None:
        Refused.__init__(
            self,
            _(
                "%(name)s is closed, and what was left in it went to %(master)s. Make a new"
                " transfer with %(master)s instead."
            )
            % {"name": account.name, "master": account.company.name},
            account=account.pk,
        )

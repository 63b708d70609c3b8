"""Why money was not moved, in the words of whoever asked, with the figures."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.models import HoldState, Kind
from console import money


class Refused(Exception):
    """A posting that was not made. Nothing was written.

    ``account`` is the id of the account it turns on and ``message`` a sentence that can be shown
    beside the field.
    """

    code = "refused"

    def __init__(self, message: str, *, account: int) -> None:
        super().__init__(message)
        self.message = message
        self.account = account


class InsufficientBalance(Refused):
    """More than the available balance was asked for: a charge, or a transfer.

    ``available`` and ``short_by`` are exact. The sentence rounds down as the pages do, and its two
    figures add up to what was asked for; usage priced finer than the currency is told exactly.
    """

    code = "insufficient_balance"

    def __init__(
        self, *, account: int, name: str, available: Decimal, asked: Decimal, currency: str
    ) -> None:
        self.available = available
        self.short_by = asked - available
        decimals = money.currency_decimals(currency)
        told = money.round_down(available, decimals)
        if asked != money.round_down(asked, decimals):
            told = available
        if told > 0:
            sentence = _(
                "%(name)s can spend at most %(currency)s %(available)s:"
                " %(short)s less than asked for."
            )
        else:
            sentence = _("%(name)s has nothing to spend: %(currency)s %(short)s more is needed.")
        super().__init__(
            sentence
            % {
                "name": name,
                "currency": currency,
                "available": money.format_amount(told, decimals),
                "short": money.format_amount(asked - told, decimals),
            },
            account=account,
        )


class CapReached(Refused):
    """More than the account's spending cap leaves of the month was asked for.

    ``cap``, ``used`` (spent this month, open holds included) and ``short_by`` are exact.
    """

    code = "spending_cap"

    def __init__(
        self,
        *,
        account: int,
        name: str,
        cap: Decimal,
        used: Decimal,
        asked: Decimal,
        currency: str,
    ) -> None:
        self.cap = cap
        self.used = used
        self.left = max(cap - used, Decimal(0))
        self.short_by = asked - self.left
        decimals = money.currency_decimals(currency)
        if self.left > 0:
            sentence = _(
                "%(name)s can spend at most %(currency)s %(left)s more this month: its spending"
                " cap is %(cap)s."
            )
        else:
            sentence = _(
                "%(name)s has used up its spending cap of %(currency)s %(cap)s for this month."
            )
        super().__init__(
            sentence
            % {
                "name": name,
                "currency": currency,
                "left": money.format_amount(self.left, decimals),
                "cap": money.format_amount(cap, decimals),
            },
            account=account,
        )


class AccountSuspended(Refused):
    """The account, or its whole company, is suspended."""

    code = "suspended"

    def __init__(self, *, account: int, name: str) -> None:
        super().__init__(
            _("%(name)s is suspended: nothing can be spent or moved out until it is restored.")
            % {"name": name},
            account=account,
        )


class SuspendedByPlatform(Refused):
    """The platform suspended the account: a customer cannot undo that."""

    code = "suspended_by_platform"

    def __init__(self, *, account: int, name: str) -> None:
        super().__init__(
            _("The platform suspended %(name)s: only its operators can restore it.")
            % {"name": name},
            account=account,
        )


class AccountClosed(Refused):
    """The account is closed for good."""

    code = "closed"

    def __init__(self, *, account: int, name: str) -> None:
        super().__init__(_("%(name)s is closed.") % {"name": name}, account=account)


class SharedBalance(Refused):
    """A shared subaccount has no balance of its own to move credit from or to."""

    code = "shared"

    def __init__(self, *, account: int, name: str) -> None:
        super().__init__(
            _("%(name)s draws on the master account's balance and has none of its own.")
            % {"name": name},
            account=account,
        )


class BalanceTooLarge(Refused):
    """The balance would have more digits than the ledger keeps."""

    code = "too_large"

    def __init__(self, *, account: int, name: str) -> None:
        super().__init__(
            _("The balance of %(name)s would become larger than the books can hold.")
            % {"name": name},
            account=account,
        )


class HoldEnded(Refused):
    """The hold was captured, released or has expired: nothing of it is reserved any more."""

    code = "hold_ended"

    def __init__(self, *, account: int, state: HoldState) -> None:
        self.state = state
        sentence = {
            "captured": _("The hold was captured already."),
            "released": _("The hold was released."),
            "expired": _("The hold has expired."),
        }[state]
        super().__init__(sentence, account=account)


class MoreThanHeld(Refused):
    """More was to be captured than remains of the hold. The figures are exact."""

    code = "more_than_held"

    def __init__(self, *, account: int, remaining: Decimal, asked: Decimal, currency: str) -> None:
        self.remaining = remaining
        self.asked = asked
        decimals = money.currency_decimals(currency)
        super().__init__(
            _("The hold has %(currency)s %(remaining)s left: %(asked)s cannot be captured of it.")
            % {
                "currency": currency,
                "remaining": money.format_amount(remaining, decimals),
                "asked": money.format_amount(asked, decimals),
            },
            account=account,
        )


class OpenHolds(Refused):
    """Credit is on hold that would lose its place."""

    code = "open_holds"

    def __init__(
        self, *, account: int, name: str, held: Decimal, count: int, currency: str
    ) -> None:
        self.held = held
        self.count = count
        super().__init__(
            ngettext(
                "%(name)s has %(currency)s %(held)s on hold in %(count)d hold:"
                " capture or release it first.",
                "%(name)s has %(currency)s %(held)s on hold in %(count)d holds:"
                " capture or release them first.",
                count,
            )
            % {
                "name": name,
                "currency": currency,
                "held": money.format_amount(held, money.currency_decimals(currency)),
                "count": count,
            },
            account=account,
        )


class InDebt(Refused):
    """The account owes money."""

    code = "in_debt"

    def __init__(self, *, account: int, name: str, debt: Decimal, currency: str) -> None:
        self.debt = debt
        super().__init__(
            _("%(name)s owes %(currency)s %(debt)s: settle it first.")
            % {
                "name": name,
                "currency": currency,
                "debt": money.format_amount(debt, money.currency_decimals(currency)),
            },
            account=account,
        )


class MasterCannotCarry(Refused):
    """The account's debt is larger than what the master account has available."""

    code = "master_cannot_carry"

    def __init__(
        self, *, account: int, name: str, debt: Decimal, available: Decimal, currency: str
    ) -> None:
        self.debt = debt
        self.available = available
        decimals = money.currency_decimals(currency)
        super().__init__(
            _(
                "%(name)s owes %(currency)s %(debt)s, more than the %(currency)s %(available)s"
                " that the master account has available."
            )
            % {
                "name": name,
                "currency": currency,
                "debt": money.format_amount(debt, decimals),
                "available": money.format_down(available, decimals),
            },
            account=account,
        )


class FiguresChanged(Refused):
    """The figures are not those that the person was shown before confirming."""

    code = "figures_changed"

    def __init__(self, *, account: int, name: str) -> None:
        super().__init__(
            _(
                "The balance of %(name)s has changed since it was shown, so nothing was done."
                " Look at the new figures, then confirm again."
            )
            % {"name": name},
            account=account,
        )


class AccountChanged(FiguresChanged):
    """Something was done to the account after the person had looked at it."""

    def __init__(self, *, account: int, name: str, state: str) -> None:
        Refused.__init__(
            self,
            _(
                "Something was done to %(name)s since this page was shown, so nothing was done"
                " now. Its state is: %(state)s. Look at it, then confirm again."
            )
            % {"name": name, "state": state},
            account=account,
        )


class LimitChanged(FiguresChanged):
    """The credit limit is not the one that the person was shown. ``now`` is exact."""

    def __init__(
        self, *, account: int, name: str, was: Decimal, now: Decimal, currency: str
    ) -> None:
        self.now = now
        decimals = money.currency_decimals(currency)
        Refused.__init__(
            self,
            _(
                "The credit limit of %(name)s was %(currency)s %(was)s when this page was shown"
                " and is %(now)s now, so nothing was changed. Look at the new figures, then"
                " confirm again."
            )
            % {
                "name": name,
                "currency": currency,
                "was": money.format_amount(was, decimals),
                "now": money.format_amount(now, decimals),
            },
            account=account,
        )


class CountryIsFixed(Refused):
    """The company has books or payments, which belong to its country."""

    code = "country_is_fixed"

    def __init__(self, *, account: int, name: str) -> None:
        super().__init__(
            _("%(name)s has entries or payments already: its country stays as it is.")
            % {"name": name},
            account=account,
        )


class UnknownReference(Refused):
    """No posting has the reference."""

    code = "unknown_reference"

    def __init__(self, *, account: int, reference: str) -> None:
        super().__init__(
            _("There is no posting with the reference %(reference)s.") % {"reference": reference},
            account=account,
        )


class CannotReverse(Refused):
    """The posting is of a kind that is undone otherwise, or not at all."""

    code = "cannot_reverse"

    def __init__(self, *, account: int, kind: Kind) -> None:
        sentence = {
            "transfer": _("A transfer is undone by another transfer, not by a reversal."),
            "payment": _("A payment is undone by a refund, not by a reversal."),
            "reversal": _("A reversal cannot be reversed."),
        }.get(kind, _("Only usage and adjustments can be reversed."))
        super().__init__(sentence, account=account)


class ReferenceConflict(Refused):
    """The reference was used before, for something else."""

    code = "conflict"

    def __init__(self, *, account: int, reference: str) -> None:
        self.reference = reference
        super().__init__(
            _("The reference %(reference)s was used before with other content.")
            % {"reference": reference},
            account=account,
        )

"""Two pairs of eyes: what one operator may do to a company's credit alone, and what takes two.

Adjustments of either sign, what undoes them, and refunds count together, for each operator and
company within 24 hours; so an amount in parts is no less than the whole. The amounts are set by
currency (``SECOND_OPERATOR_ABOVE``); one that is not named is zero, and everything takes two.

The verbs ask here, in their transaction, when all else about them is decided: ``check`` counts
what the books hold by then, their own posting included. What another operator has agreed to
(``billing.approvals``) is not counted.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from django.conf import settings
from django.db.models import Q, Sum
from django.db.models.functions import Abs
from django.utils.translation import gettext as _

from accounts.models import Account, User
from billing.locking import clock
from billing.models import Approval, ApprovalState, Asked, Entry, Kind, Origin, Refund
from billing.refusals import Refused
from console import money

WINDOW = timedelta(hours=24)


class SecondOperatorNeeded(Refused):
    """More than the operator may do alone: ``approvals.ask`` has another one decide."""

    code = "second_operator"

    def __init__(self, alone: Alone, account: int) -> None:
        self.alone = alone
        super().__init__(
            _("A second operator has to agree to more than %(currency)s %(limit)s in 24 hours.")
            % {
                "currency": alone.currency,
                "limit": money.format_amount(alone.limit, money.currency_decimals(alone.currency)),
            },
            account=account,
        )


class Alone(NamedTuple):
    """What one operator may do for a company alone, and has done within 24 hours."""

    currency: str
    limit: Decimal
    done: Decimal

    @property
    def left(self) -> Decimal:
        """Above this much more a second operator is asked."""
        return max(self.limit - self.done, Decimal(0))


def alone(*, company: Account, by: User) -> Alone:
    """What ``by`` may do for the company alone. Two queries, and one for the clock."""
    limit = settings.SECOND_OPERATOR_ABOVE.get(company.currency, Decimal(0))
    return Alone(company.currency, limit, _done_alone(company, by))


def lock(by: User | None) -> None:
    """Have what the operator does at the same moment wait, so that two parts do not both pass.

    Must run in a transaction: the first lock that a verb takes. For nobody, nothing.
    """
    if by is not None:
        User.objects.select_for_update(no_key=True).only("pk").get(pk=by.pk)


def check(*, account: Account, by: User | None, agreed_by: User | None) -> None:
    """Raise SecondOperatorNeeded when ``by`` has now done more than they may alone.

    Called after ``lock`` and after the verb has written what it does, which is then undone.
    ``by`` None is the platform itself; ``agreed_by`` is the second operator.
    """
    if by is None or agreed_by is not None:
        return
    found = alone(company=account.company, by=by)
    if found.done > found.limit:
        raise SecondOperatorNeeded(found, account.pk)


def reference_of(key: object) -> str:
    """The reference of the adjustment that a form with this key makes."""
    return f"adjustment-{key}"


def reversal_of(reference: str) -> str:
    """The reference of what undoes an adjustment."""
    return f"{Kind.ADJUSTMENT}:{Origin.CONSOLE}:{reference}"


def _done_alone(company: Account, by: User) -> Decimal:
    since = clock() - WINDOW
    agreed = Approval.objects.filter(
        # What was posted is never younger than this, whatever the clocks did.
        master=company,
        asked_by=by,
        state=ApprovalState.AGREED,
        decided_at__gte=since - timedelta(hours=1),
    )
    posted, refunded = [], []
    for what, key, undoes in agreed.values_list("what", "key", "undoes"):
        if what == Asked.REFUND:
            refunded.append(key)
        else:
            posted.append(reversal_of(undoes) if what == Asked.UNDO else reference_of(key))
    corrected = Q(kind=Kind.ADJUSTMENT) | Q(
        kind=Kind.REVERSAL, reference__startswith=f"{Kind.ADJUSTMENT}:"
    )
    entries = (
        Entry.objects.filter(corrected, master=company, by=by, posted_at__gte=since)
        .exclude(kind=Kind.USAGE)
        .exclude(reference__in=posted)
    )
    # Also those that failed: who says that they did may be the same.
    refunds = Refund.objects.filter(master=company, by=by, created_at__gte=since).exclude(
        pk__in=refunded
    )
    nothing = Decimal(0)
    done: Decimal = entries.aggregate(total=Sum(Abs("amount"), default=nothing))["total"]
    done += refunds.aggregate(total=Sum("amount", default=nothing))["total"]
    return done

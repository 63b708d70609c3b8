"""Whether an account can spend, in a word: for one account, and to search many by it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import models
from django.db.models import DecimalField, F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, BalanceMode, State
from billing.models import DECIMAL_PLACES, MAX_DIGITS, Balance, DailyTotal

# An account runs low when it could not go on for three days like in the last seven (whole ones, or
# those until now where that is more), or when nine tenths of its limit are used.
PACE_DAYS = 7
LOW_DAYS = 3
LOW_SHARE_OF_LIMIT = Decimal("0.1")

_SUM = DecimalField(max_digits=MAX_DIGITS + 6, decimal_places=DECIMAL_PLACES)


class Standing(models.TextChoices):
    """What a person must know of an account first.

    ``low`` and ``restricted`` follow from the balance that it draws on; the others are set by
    hand, where a suspended company suspends its whole tree. Who draws on a shared balance does not
    run low: that one does.
    """

    ACTIVE = "active", _("Active")
    LOW = "low", _("Low")
    RESTRICTED = "restricted", _("Restricted")
    SUSPENDED = "suspended", _("Suspended")
    CLOSED = "closed", _("Closed")


def standing(
    company: Account, balance: Balance, pool: Balance, pace: Decimal | None = None
) -> Standing:
    """How ``balance.account`` stands; ``pool`` is the master account's balance.

    ``pace`` is what it spent in the last seven days (``pace_sum``); without it nothing is said to
    run low.
    """
    account = balance.account
    if account.state == State.CLOSED:
        return Standing.CLOSED
    if {account.state, company.state} != {State.ACTIVE}:
        return Standing.SUSPENDED
    holder = pool if account.is_shared else balance
    if holder.is_restricted:
        return Standing.RESTRICTED
    if pace is not None and not account.is_shared and is_low(balance, pace):
        return Standing.LOW
    return Standing.ACTIVE


def is_low(balance: Balance, pace: Decimal) -> bool:
    """Whether the balance will not last for long; ``pace`` is its usage of seven days."""
    available = balance.available
    if balance.credit < 0 and available < balance.credit_limit * LOW_SHARE_OF_LIMIT:
        return True
    return available < pace / PACE_DAYS * LOW_DAYS


def pace_sum(today: date) -> Combinable:
    """What daily totals of usage say was spent in the last seven days: an aggregate.

    Of the seven whole days before ``today``, the company's, or of the seven until now where that
    is more: what stops messages today must not wait for tomorrow.
    """
    week = today - timedelta(days=PACE_DAYS)
    amount = F("amount_out") - F("amount_in")
    return Greatest(
        Sum(amount, filter=Q(day__gte=week, day__lt=today), default=Decimal(0)),
        Sum(amount, filter=Q(day__gt=week), default=Decimal(0)),
    )


def pace_of(company: Account, now: datetime | None = None) -> Combinable:
    """``pace_sum`` of the account of a balance: an expression."""
    today = timezone.localdate(now, company.zone)
    spent = (
        DailyTotal.objects.filter(
            master=company,
            account=OuterRef("account"),
            day__gte=today - timedelta(days=PACE_DAYS),
        )
        .spending()
        .order_by()
        .values("account")
        .annotate(pace=pace_sum(today))
        .values("pace")
    )
    return Coalesce(Subquery(spent, output_field=_SUM), Value(Decimal(0), output_field=_SUM))


def stands(company: Account, pool: Balance, wanted: Standing) -> Q:
    """What ``standing`` says, as a condition on balances of this company that have a ``pace``."""
    closed = Q(account__state=State.CLOSED)
    if wanted == Standing.CLOSED:
        return closed
    active = Q(account__state=State.ACTIVE) if company.state == State.ACTIVE else Q(account__in=[])
    if wanted == Standing.SUSPENDED:
        return ~closed & ~active
    spent = Q(mode=BalanceMode.ALLOCATED, credit__lte=F("on_hold") - F("credit_limit"))
    if pool.is_restricted:
        spent |= Q(mode=BalanceMode.SHARED)
    if wanted == Standing.RESTRICTED:
        return active & spent
    available = F("credit") + F("credit_limit") - F("on_hold")
    low = Q(mode=BalanceMode.ALLOCATED) & (
        Q(credit__lt=0, credit_limit__gt=available / LOW_SHARE_OF_LIMIT)
        | Q(pace__gt=available * PACE_DAYS / LOW_DAYS)
    )
    return active & ~spent & (low if wanted == Standing.LOW else ~low)

"""Ways to share an amount out among accounts: evenly, by usage, up to a balance.

Amounts are in the company's currency; each share has at most ``decimals`` decimals, and the shares
of an amount add up to it exactly. An amount has no more decimals than that: what people type has
not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum
from django.utils import timezone

from accounts.models import Account
from billing.models import DECIMAL_PLACES, Entry
from console import money


def evenly(amount: Decimal, count: int, decimals: int) -> list[Decimal]:
    """The amount in ``count`` equal shares.

    What does not divide goes to the first ones, the smallest unit of the currency each. Raises
    ValueError for no shares, or an amount with more decimals.
    """
    if count < 1:
        raise ValueError("an amount is shared among one account at least")
    share, over = divmod(_units(amount, decimals), count)
    return [_amount(share + (at < over), decimals) for at in range(count)]


def in_proportion(amount: Decimal, weights: Sequence[Decimal], decimals: int) -> list[Decimal]:
    """The amount shared by weight (zero or more, at most six decimals), by largest remainder.

    What does not divide goes, a unit each, to where most was cut off; where that is the same, to
    the first. Raises ValueError when there is no weight at all, or one below zero.
    """
    exact = [_units(weight, DECIMAL_PLACES) for weight in weights]
    whole = sum(exact)
    if whole <= 0 or min(exact) < 0:
        raise ValueError("there is nothing to share by")
    units = _units(amount, decimals)
    # In whole numbers: a quotient of decimals would be rounded.
    shares, cut = zip(*(divmod(units * weight, whole) for weight in exact), strict=True)
    over = units - sum(shares)
    lucky = set(sorted(range(len(exact)), key=lambda at: (-cut[at], at))[:over])
    return [_amount(share + (at in lucky), decimals) for at, share in enumerate(shares)]


def up_to(target: Decimal, available: Sequence[Decimal], decimals: int) -> list[Decimal]:
    """What each account needs so that its available balance, as pages show it, is ``target``.

    Zero for those that have as much. The balances are rounded down as they are shown, so that the
    sum that people see is right.
    """
    _units(target, decimals)
    return [max(target - money.round_down(each, decimals), Decimal(0)) for each in available]


def last_month(company: Account, now: datetime) -> tuple[datetime, datetime]:
    """The first moment of the month before, and that of this one, in the company's time zone."""
    there = timezone.localtime(now, company.zone)
    first = there.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    year, month = (first.year, first.month - 1) if first.month > 1 else (first.year - 1, 12)
    return first.replace(year=year, month=month), first


def usage_last_month(company: Account, now: datetime) -> dict[int, Decimal]:
    """By account id: usage less its reversals in the month before, in the company's time zone.

    One query. An account to which more was given back than it used has less than zero.
    """
    since, until = last_month(company, now)
    sums = (
        Entry.objects.filter(master=company, posted_at__gte=since, posted_at__lt=until)
        .spending()
        .order_by()
        .values("account_id")
        .annotate(used=Sum("amount"))
    )
    return {row["account_id"]: -row["used"] for row in sums}


def _units(amount: Decimal, decimals: int) -> int:
    """The amount in the smallest unit."""
    units = amount.scaleb(decimals)
    whole = int(units)
    if whole != units:
        raise ValueError(f"{amount} has more than {decimals} decimals")
    return whole


def _amount(units: int, decimals: int) -> Decimal:
    return Decimal(units).scaleb(-decimals)

"""The months of one account in a year: how its balance stood, what moved, which are stated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncMonth

from accounts.models import Account
from billing.models import SPENT, DailyTotal, DailyTotalQuerySet
from console.days import day_start
from reports.balance_life import Life, stood_before
from reports.models import Statement
from reports.statements import totals_of

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Month:
    """One month of an account; of the current one, the days until today.

    ``holds`` is whether it had a balance of its own then, of which all figures but ``spent`` are:
    ``spent`` is the account's own usage less its reversals, of whichever balance.
    """

    first: date
    last: date
    is_over: bool
    holds: bool
    opening: Decimal
    closing: Decimal
    amount_in: Decimal
    amount_out: Decimal
    entries: int
    spent: Decimal
    statement: Statement | None


def month_after(first: date) -> date:
    """The first day of the next month."""
    return (first + 31 * DAY).replace(day=1)


def is_month(statement: Statement) -> bool:
    """Whether it is the final statement of one whole month."""
    following = statement.last + DAY
    return (
        statement.is_final
        and statement.first.day == 1
        and following == month_after(statement.first)
    )


def usage_of(account: Account, first: date, last: date) -> DailyTotalQuerySet:
    """What was attributed to the account itself on these days, of whichever balance."""
    return DailyTotal.objects.filter(
        master=account.master_id, account=account, day__range=(first, last)
    )


def read_months(account: Account, life: Life, year: int, today: date) -> list[Month]:
    """The account's months of the year, newest first, since it began; four queries."""
    zone = account.zone
    began = life.began.astimezone(zone).date().replace(day=1)
    firsts = [
        first
        for first in (date(year, month, 1) for month in range(12, 0, -1))
        if began <= first <= today
    ]
    if not firsts:
        return []
    bounds = [*reversed(firsts), month_after(firsts[0])]
    moments = [day_start(day, zone) for day in bounds]
    stood = dict(zip(bounds, stood_before(account, moments), strict=True))
    span = (bounds[0], bounds[-1] - DAY)
    moved = _by_month(
        totals_of(account, *span), amount_in=Sum("amount_in"), amount_out=Sum("amount_out")
    )
    spent = _by_month(usage_of(account, *span).spending(), spent=SPENT)
    issued = {
        (each.first, each.last): each
        for each in Statement.objects.filter(
            master=account.master_id, holder=account, is_final=True, first__in=firsts
        )
    }
    nothing = Decimal(0)
    months = []
    for first in firsts:
        following = month_after(first)
        last = min(following - DAY, today)
        before, after = stood[first], stood[following]
        sums = moved.get(first, {})
        months.append(
            Month(
                first=first,
                last=last,
                is_over=following <= today,
                holds=life.held(day_start(first, zone), day_start(following, zone)),
                opening=before.balance,
                closing=after.balance,
                amount_in=sums.get("amount_in", nothing),
                amount_out=sums.get("amount_out", nothing),
                entries=after.seq - before.seq,
                spent=spent.get(first, {}).get("spent", nothing),
                statement=issued.get((first, following - DAY)),
            )
        )
    return months


def _by_month(totals: QuerySet[DailyTotal], **sums: Any) -> dict[date, dict[str, Any]]:
    rows = totals.order_by().annotate(month=TruncMonth("day")).values("month").annotate(**sums)
    return {row["month"]: dict(row) for row in rows}

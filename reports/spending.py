"""What accounts spent, read from the daily totals: ranges of days, never entries.

All figures are in the company's currency, usage less its reversals, by the days of its time zone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from django.db.models import BigIntegerField, F, Q, QuerySet, Sum, Value
from django.utils import formats
from django.utils.translation import gettext as _

from accounts.models import Account
from billing.models import SPENT, DailyTotal, DailyTotalQuerySet
from billing.standing import PACE_DAYS, pace_sum

DAY = timedelta(days=1)
SPARK_DAYS = 28
# Beyond this a percentage says less than "ten times".
MANY = 1000
# The pool among the accounts of ``read_days``: no account has this id.
POOL = 0


class Usage(NamedTuple):
    """What was spent this month, in the last one until the same day, and in seven days.

    ``pace`` is ``billing.standing.pace_sum``.
    """

    month: Decimal
    previous: Decimal
    pace: Decimal


NOTHING = Decimal(0)
NO_USAGE = Usage(NOTHING, NOTHING, NOTHING)


@dataclass(frozen=True, slots=True)
class Months:
    """This month until today, and the days of the last one to compare it with."""

    today: date

    @property
    def first(self) -> date:
        """The first day of this month."""
        return self.today.replace(day=1)

    @property
    def previous_first(self) -> date:
        """The first day of the last month."""
        return (self.first - DAY).replace(day=1)

    @property
    def previous_until(self) -> date:
        """The same day of the last month, or its last day where it is shorter."""
        return min(self.previous_first + (self.today.day - 1) * DAY, self.first - DAY)


def read_usage(company: Account, accounts: Collection[int], today: date) -> dict[int, Usage]:
    """By account what it spent, of whichever balance; one query, of at most two months of days."""
    months = Months(today)
    week = today - PACE_DAYS * DAY
    in_month = Q(day__gte=months.first)
    before = Q(day__gte=months.previous_first, day__lte=months.previous_until)
    amount = F("amount_out") - F("amount_in")
    rows = (
        _spending(company, accounts, min(months.previous_first, week))
        .values("account_id")
        .annotate(
            month=Sum(amount, filter=in_month, default=Decimal(0)),
            previous=Sum(amount, filter=before, default=Decimal(0)),
            pace=pace_sum(today),
        )
    )
    return {row["account_id"]: Usage(row["month"], row["previous"], row["pace"]) for row in rows}


def read_days(
    company: Account,
    accounts: Collection[int],
    first: date,
    *,
    pool: Collection[int] = (),
) -> dict[int, dict[date, Decimal]]:
    """By account and day what it spent from ``first`` on; days without are left out. One query.

    ``pool`` are the accounts that draw on the master account's balance now: what they spent
    together, of whichever balance it was then, stands under POOL.
    """
    found = _by_day(_spending(company, accounts, first), F("account_id"))
    if pool:
        drawn = _spending(company, pool, first)
        found = found.union(_by_day(drawn, Value(POOL, BigIntegerField())), all=True)
    days: dict[int, dict[date, Decimal]] = {}
    for account, day, spent in found:
        days.setdefault(account, {})[day] = spent
    return days


def read_drawn(company: Account, account: Account, today: date) -> tuple[Decimal, Decimal]:
    """What all, and what the account, spent this month from the master account's balance."""
    accounts = Account.objects.filter(master=company).values("pk")
    sums = DailyTotal.objects.filter(
        master=company, account__in=accounts, day__gte=Months(today).first, holder=company
    ).spending()
    amount = F("amount_out") - F("amount_in")
    drawn = sums.aggregate(
        all=Sum(amount, default=Decimal(0)),
        own=Sum(amount, filter=Q(account=account), default=Decimal(0)),
    )
    return drawn["all"], drawn["own"]


def _spending(company: Account, accounts: Collection[int], first: date) -> DailyTotalQuerySet:
    """Naming the accounts lets the index by account and day serve a range of each."""
    return DailyTotal.objects.filter(
        master=company, account__in=accounts, day__gte=first
    ).spending()


def _by_day(totals: DailyTotalQuerySet, whose: F | Value) -> QuerySet[Any, Any]:
    return (
        totals.order_by()
        .values("day")
        .annotate(whose=whose, spent=SPENT)
        .values_list("whose", "day", "spent")
    )


class Trend(StrEnum):
    """How what was spent stands to what was spent before."""

    MORE = "more"
    LESS = "less"
    SAME = "same"
    MANY = "many"
    NEW = "new"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Change:
    """This month against the last one until the same day: like is compared with like.

    ``percent`` is whole and not negative. NEW is where nothing was spent before, NONE where
    nothing was spent in either, MANY where it is ten times as much or more.
    """

    trend: Trend
    percent: int
    until: date

    @property
    def arrow(self) -> str:
        """The icon that says it, too."""
        if self.trend in {Trend.MORE, Trend.MANY, Trend.NEW}:
            return "arrow-up"
        return "arrow-down" if self.trend == Trend.LESS else ""

    @property
    def order(self) -> tuple[bool, float]:
        """Least first; NONE, about which there is nothing to say, before all."""
        ranks = {Trend.NEW: float("inf"), Trend.LESS: -float(self.percent)}
        return self.trend != Trend.NONE, ranks.get(self.trend, float(self.percent))

    @property
    def short(self) -> str:
        """``12 % more``: for a column whose heading names the month."""
        words = {
            Trend.MORE: _("%(percent)d %% more"),
            Trend.LESS: _("%(percent)d %% less"),
            Trend.SAME: _("as much"),
            Trend.MANY: _("over ten times"),
            Trend.NEW: _("nothing before"),
            Trend.NONE: "",
        }
        return words[self.trend] % {"percent": self.percent} if words[self.trend] else ""

    @property
    def words(self) -> str:
        """``12 % more than in October until the 23rd``."""
        words = {
            Trend.MORE: _("%(percent)d %% more than in %(month)s until the %(day)s"),
            Trend.LESS: _("%(percent)d %% less than in %(month)s until the %(day)s"),
            Trend.SAME: _("as much as in %(month)s until the %(day)s"),
            Trend.MANY: _("more than ten times as much as in %(month)s until the %(day)s"),
            Trend.NEW: _("nothing was spent in %(month)s until the %(day)s"),
            Trend.NONE: _("nothing either in %(month)s until the %(day)s"),
        }
        return words[self.trend] % {
            "percent": self.percent,
            "month": formats.date_format(self.until, "F"),
            "day": formats.date_format(self.until, "jS"),
        }


def compare(month: Decimal, previous: Decimal, today: date) -> Change:
    """How ``month`` stands to ``previous``, as ``read_usage`` gives them."""
    until = Months(today).previous_until
    # Who got more back than they spent has spent nothing.
    month, previous = max(month, Decimal(0)), max(previous, Decimal(0))
    if not previous:
        return Change(Trend.NEW if month else Trend.NONE, 0, until)
    percent = int(((month - previous) * 100 / previous).to_integral_value(ROUND_HALF_UP))
    if percent >= MANY - 100:
        return Change(Trend.MANY, percent, until)
    if percent == 0:
        return Change(Trend.SAME, 0, until)
    return Change(Trend.MORE if percent > 0 else Trend.LESS, abs(percent), until)


def last_days(spent: Mapping[date, Decimal], today: date, days: int) -> list[Decimal]:
    """What was spent on each of the last days, the oldest first and today last."""
    return [spent.get(today - ago * DAY, Decimal(0)) for ago in range(days - 1, -1, -1)]

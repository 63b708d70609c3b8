"""A year of spending by month, subaccount and kind, from the daily totals alone.

What was spent is usage less its reversals. Each figure knows which transactions it counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, Min, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import TruncMonth

from accounts.models import Account
from billing.models import SPENT, Contra, DailyTotal, Kind
from reports.queries import Scope
from reports.spending import Change, Months, compare
from reports.statement_months import month_after

DAY = timedelta(days=1)
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Span:
    """The transactions of some days: of one account, or of all in reach."""

    first: date
    last: date
    account: int | None = None

    def query(self, *kinds: str) -> str:
        """The query of the page of transactions that shows those of these kinds."""
        pairs = [("date_from", self.first.isoformat()), ("date_to", self.last.isoformat())]
        if self.account is not None:
            pairs.append(("account", str(self.account)))
        return urlencode([*pairs, *(("kind", kind) for kind in kinds)])


@dataclass(slots=True)
class Spend:
    """What was spent in a span: ``usage`` less ``undone``, both as the page shows them summed.

    ``others`` counts the reversals of something else, which the page would list among them.
    """

    span: Span
    usage: Decimal = NOTHING
    undone: Decimal = NOTHING
    others: int = 0
    other_sum: Decimal = NOTHING
    entries: int = 0
    reversals: int = 0

    def add(self, kind: str, contra: str, net: Decimal, entries: int) -> None:
        """Count in what the daily totals have of one kind; ``net`` has the sign of the books."""
        if kind == Kind.USAGE:
            self.usage -= net
            self.entries += entries
        elif kind == Kind.REVERSAL and contra == Contra.USAGE_REVENUE:
            self.undone += net
            self.reversals += entries
        elif kind == Kind.REVERSAL:
            self.others += entries
            self.other_sum += net

    @property
    def amount(self) -> Decimal:
        """What was spent."""
        return self.usage - self.undone

    @property
    def is_nothing(self) -> bool:
        """Whether there was neither usage nor a reversal of it."""
        return not self.entries and not self.reversals

    @property
    def is_exact(self) -> bool:
        """Whether the page of transactions can show just these, and no others."""
        return not self.reversals or not self.others

    @property
    def query(self) -> str:
        """Of the transactions that it counts, where it is exact."""
        kinds = [Kind.USAGE.value] * bool(self.entries or not self.reversals)
        return self.span.query(*kinds, *[Kind.REVERSAL.value] * bool(self.reversals))

    @property
    def usage_query(self) -> str:
        """Of its usage alone."""
        return self.span.query(Kind.USAGE.value)

    @property
    def reversal_query(self) -> str:
        """Of all reversals of the span."""
        return self.span.query(Kind.REVERSAL.value)

    @property
    def all_undone(self) -> Decimal:
        """What all reversals of the span moved, with the sign of the books."""
        return self.undone + self.other_sum


@dataclass(frozen=True, slots=True)
class Moved:
    """What entries of one kind moved in a span, with the sign of the books."""

    span: Span
    kind: str
    amount: Decimal
    entries: int

    @property
    def query(self) -> str:
        """Of the transactions that it counts."""
        return self.span.query(self.kind)


@dataclass(frozen=True, slots=True)
class AccountYear:
    """One account's months of the year, and all of it."""

    account: Account
    months: Mapping[date, Spend]
    whole: Spend


@dataclass(frozen=True, slots=True)
class Year:
    """All accounts in reach together: each month, the one of a year before, and what moved.

    ``until_same_day`` is what was spent in the year before until today's day of it, where this
    year goes on; else in all of it. ``so_far`` compares this month with the last until today.
    """

    number: int
    today: date
    months: Mapping[date, Spend]
    before: Mapping[date, Decimal]
    whole: Spend
    kinds: Mapping[str, Mapping[date, Moved]]
    until_same_day: Decimal
    so_far: Change

    def change(self, month: date) -> Change | None:
        """A whole month against the one before; None for one that has not ended."""
        following = month_after(month)
        if following > self.today:
            return None
        previous = (month - DAY).replace(day=1)
        then = self.months[previous].amount if previous in self.months else self.before[previous]
        return compare(self.months[month].amount, then, following - DAY)


def months_of(year: int, today: date) -> list[date]:
    """The first days of the year's months that have begun, newest first: wide tables scroll."""
    return [day for day in (date(year, month, 1) for month in range(12, 0, -1)) if day <= today]


def first_year(scope: Scope, today: date) -> int:
    """The year of the first movement in reach; this one where there is none. One query."""
    first = (
        DailyTotal.objects.filter(master=scope.company, account=OuterRef("pk"))
        .order_by("day")
        .values("day")[:1]
    )
    accounts = Account.objects.filter(pk__in=scope.names.keys()).annotate(
        first_day=Subquery(first)
    )
    found: date | None = accounts.aggregate(least=Min("first_day"))["least"]
    return min(found.year, today.year) if found else today.year


def read_year(scope: Scope, year: int, today: date) -> Year:
    """What all accounts in reach spent and moved, by month; one query, of two years of days."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    spends = {
        month: Spend(Span(month, month_after(month) - DAY)) for month in months_of(year, today)
    }
    whole = Spend(Span(first, last))
    before = {date(year - 1, month, 1): NOTHING for month in range(1, 13)}
    moved: dict[str, dict[date, Moved]] = {}
    spent: dict[date, Decimal] = {}
    rows = _sums(scope, scope.names.keys(), date(year - 1, 1, 1), last, "day")
    for day, kind, contra, net, entries in rows:
        month = day.replace(day=1)
        if contra == Contra.USAGE_REVENUE:
            spent[day] = spent.get(day, NOTHING) - net
            if month in before:
                before[month] -= net
        if month in spends:
            spends[month].add(kind, contra, net, entries)
            whole.add(kind, contra, net, entries)
            row = moved.setdefault(kind, {})
            known = row.get(month) or Moved(spends[month].span, kind, NOTHING, 0)
            row[month] = Moved(known.span, kind, known.amount + net, known.entries + entries)
    months = Months(today)
    return Year(
        number=year,
        today=today,
        months=spends,
        before=before,
        whole=whole,
        kinds={kind: moved[kind] for kind in Kind.values if kind in moved},
        until_same_day=_between(spent, date(year - 1, 1, 1), year_before(min(today, last))),
        so_far=compare(
            _between(spent, months.first, today),
            _between(spent, months.previous_first, months.previous_until),
            today,
        ),
    )


def _between(spent: Mapping[date, Decimal], first: date, last: date) -> Decimal:
    return sum((amount for day, amount in spent.items() if first <= day <= last), NOTHING)


def year_before(day: date) -> date:
    """The same day of the year before; for 29 February the 28th."""
    month = date(day.year - 1, day.month, 1)
    return min(month + (day.day - 1) * DAY, month_after(month) - DAY)


def ranking(scope: Scope, year: int) -> list[Account]:
    """The accounts in reach that used anything in the year, who spent most first; one query."""
    spent = dict(
        _totals(scope, scope.names.keys(), date(year, 1, 1), date(year, 12, 31))
        .spending()
        .order_by()
        .values_list("account_id")
        .annotate(spent=SPENT)
    )
    used = [account for account in scope.accounts if account.pk in spent]
    return sorted(used, key=lambda account: -spent[account.pk])


def read_accounts(
    scope: Scope, accounts: Iterable[Account], year: int, today: date
) -> list[AccountYear]:
    """The months of these accounts, in their order; one query."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    rows = {
        account.pk: AccountYear(
            account,
            {
                month: Spend(Span(month, month_after(month) - DAY, account.pk))
                for month in months_of(year, today)
            },
            Spend(Span(first, last, account.pk)),
        )
        for account in accounts
    }
    sums = _sums(scope, rows.keys(), first, last, "account_id", "month")
    for pk, month, kind, contra, net, entries in sums:
        if month in rows[pk].months:
            rows[pk].months[month].add(kind, contra, net, entries)
            rows[pk].whole.add(kind, contra, net, entries)
    return list(rows.values())


def _totals(scope: Scope, accounts: Collection[int], first: date, last: date) -> Any:
    """Naming the accounts lets the index by account and day serve a range of each."""
    return DailyTotal.objects.filter(
        master=scope.company, account__in=accounts, day__range=(first, last)
    )


def _sums(
    scope: Scope, accounts: Collection[int], first: date, last: date, *by: str
) -> QuerySet[Any, Any]:
    """(*by, kind, contra, net with the sign of the books, entries)."""
    found: QuerySet[Any, Any] = (
        _totals(scope, accounts, first, last)
        .order_by()
        .annotate(month=TruncMonth("day"))
        .values(*by, "kind", "contra")
        .annotate(net=Sum(F("amount_in") - F("amount_out")), count=Sum("entries"))
        .values_list(*by, "kind", "contra", "net", "count")
    )
    return found

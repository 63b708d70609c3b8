"""What a selection of entries adds up to.

By whole days, accounts and kinds it is read from the daily totals, which the posting keeps: exact
and quick however many entries there are. What is finer is added up by entry, under a timeout.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import Greatest, Least
from django.utils import timezone
from django.utils.functional import Promise

from accounts.models import Account
from billing.ledger_sql import array
from billing.models import DailyTotal, Entry, Kind
from console.days import day_start
from reports.filters import TransactionFilter
from reports.queries import Scope

NOTHING = Decimal(0)
# So many days of accounts are read while the page waits; more of them come by themselves.
QUICK = 40_000

# The last balance of each holder before a moment: one probe of the index each.
BALANCES = """
SELECT coalesce(sum(e.balance_after), 0)
FROM unnest(%(holders)s::bigint[]) AS h (id)
CROSS JOIN LATERAL (
    SELECT e.balance_after FROM billing_entry e
    WHERE e.master_id = %(master)s AND e.holder_id = h.id AND e.posted_at < %(moment)s
    ORDER BY e.posted_at DESC, e.seq DESC LIMIT 1) e
"""


class KindTotal(NamedTuple):
    """What the entries of one kind moved; ``amount_out`` is not negative."""

    kind: str
    label: str | Promise
    amount_in: Decimal
    amount_out: Decimal
    entries: int | None

    @property
    def net(self) -> Decimal:
        """In less out."""
        return self.amount_in - self.amount_out


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of a selection, in the company's currency.

    ``opening`` and ``closing`` are credit at both ends of the period. They are None where they
    would not be the two ends of what is shown: other filters than days and accounts, or a balance
    that accounts share which are not all chosen, or that the person does not see.
    """

    by_kind: list[KindTotal]
    opening: Decimal | None = None

    @property
    def amount_in(self) -> Decimal:
        """All money in."""
        return sum((each.amount_in for each in self.by_kind), NOTHING)

    @property
    def amount_out(self) -> Decimal:
        """All money out, not negative."""
        return sum((each.amount_out for each in self.by_kind), NOTHING)

    @property
    def net(self) -> Decimal:
        """In less out."""
        return self.amount_in - self.amount_out

    @property
    def closing(self) -> Decimal | None:
        """Opening and net: credit at the end of the period."""
        return None if self.opening is None else self.opening + self.net

    @property
    def entries(self) -> int | None:
        """How many entries; None where daily totals cannot tell."""
        numbers = [each.entries for each in self.by_kind]
        return None if None in numbers else sum(number or 0 for number in numbers)


def are_quick(scope: Scope, filters: TransactionFilter) -> bool:
    """Whether the totals are read as quickly as a page of entries. Asks nothing."""
    if not filters.is_by_days:
        return False
    accounts = len(_chosen(scope, filters))
    opened = timezone.localdate(scope.company.created_at, scope.company.zone)
    first = max(filters.asked("date_from") or opened, opened)
    last = filters.asked("date_to") or date.max
    days = (min(last, timezone.localdate(timezone=scope.company.zone)) - first).days + 1
    return accounts * max(days, 1) <= QUICK


def read_totals(scope: Scope, filters: TransactionFilter) -> Totals:
    """The sums of exactly what the (valid) filter selects; three queries at most.

    Within ``queries.bounded``: where entries are added up one by one there may be too many.
    """
    if not filters.is_by_days:
        return Totals(_of_entries(filters.qs), read_opening(scope, filters))
    days = _days(scope, filters)
    by_kind = _of_days(days, filters.asked("direction") or "")
    return Totals(by_kind, read_opening(scope, filters))


def _chosen(scope: Scope, filters: TransactionFilter) -> set[int]:
    """The accounts that are asked for, each once however often an address names it."""
    return {int(each) for each in filters.asked("account") or scope.names}


def _days(scope: Scope, filters: TransactionFilter) -> QuerySet[DailyTotal]:
    """The daily totals of the days, accounts and kinds asked for."""
    # Naming the accounts lets the index by account and day serve a range of each.
    days = _between(scope.company, filters).filter(account__in=_chosen(scope, filters))
    if kinds := filters.asked("kind"):
        days = days.filter(kind__in=kinds)
    return days


def _between(company: Account, filters: TransactionFilter) -> QuerySet[DailyTotal]:
    days: QuerySet[DailyTotal] = DailyTotal.objects.filter(master=company)
    if first := filters.asked("date_from"):
        days = days.filter(day__gte=first)
    if last := filters.asked("date_to"):
        days = days.filter(day__lte=last)
    return days


def _of_days(days: QuerySet[DailyTotal], direction: str) -> list[KindTotal]:
    """By kind; of one direction the daily totals know the sums, but not how many entries."""
    found = (
        days.order_by()
        .values_list("kind")
        .annotate(Sum("amount_in"), Sum("amount_out"), Sum("entries"))
    )
    totals = [
        KindTotal(
            kind,
            Kind(kind).label,
            NOTHING if direction == "out" else amount_in,
            NOTHING if direction == "in" else amount_out,
            None if direction and amount_in and amount_out else entries,
        )
        for kind, amount_in, amount_out, entries in found
    ]
    return _sorted(each for each in totals if each.amount_in or each.amount_out)


def _of_entries(entries: QuerySet[Entry]) -> list[KindTotal]:
    sums: Any = {
        "amount_in": Sum(Greatest(F("amount"), NOTHING), default=NOTHING),
        "amount_out": -Sum(Least(F("amount"), NOTHING), default=NOTHING),
        "entries": Count("*"),
    }
    found = entries.select_related(None).order_by().values_list("kind").annotate(**sums)
    return _sorted(
        KindTotal(kind, Kind(kind).label, amount_in, amount_out, number)
        for kind, amount_in, amount_out, number in found
    )


def _sorted(totals: Iterable[KindTotal]) -> list[KindTotal]:
    order = list(Kind.values)
    return sorted(totals, key=lambda each: order.index(each.kind))


def read_opening(scope: Scope, filters: TransactionFilter) -> Decimal | None:
    """Credit before the first day of what is chosen, if there is such a thing; two queries.

    None unless a statement is all that is asked, or days and accounts are, and the accounts are
    all that moved the balances they draw on, and all of it.
    """
    if filters.whole_statement is not None:
        return filters.whole_statement.opening
    if not filters.is_by_days or filters.asked("kind") or filters.asked("direction"):
        return None
    chosen = _chosen(scope, filters)
    is_all = scope.access.sees_tree and not filters.asked("account")
    draws = any(each.is_shared for each in scope.accounts if each.pk in chosen)
    if draws and scope.company.pk not in chosen:
        return None  # It has no balance of its own, also while nothing was spent.
    if not is_all and _borrows(_between(scope.company, filters), scope, chosen):
        return None
    first = filters.asked("date_from")
    if first is None:
        return NOTHING
    return balances_before(scope.company, chosen, day_start(first, scope.company.zone))


def _borrows(days: QuerySet[DailyTotal], scope: Scope, chosen: Collection[int]) -> bool:
    """Whether an entry of the days is of a chosen account or of a chosen holder, but not of both.

    Then what the accounts moved is not what their balances did. Accounts draw on their own balance
    or on the master account's. One query.
    """
    master = scope.company.pk
    others = set(scope.names) - set(chosen)
    drawing = others if master in chosen else chosen
    return days.filter(account__in=drawing, holder=master).exists()


def balances_before(company: Account, holders: Collection[int], moment: datetime) -> Decimal:
    """What the holders' credit came to just before the moment, together. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            BALANCES,
            {"master": company.pk, "holders": array(holders), "moment": moment},
        )
        [(total,)] = cursor.fetchall()
    return Decimal(total)

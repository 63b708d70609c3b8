"""The figures of a selection of entries: its totals, by kind and by day, in one aggregate.

Until ``reports.totals`` is there. What is added up is exactly what is filtered, whatever the
filters are. All amounts are in the company's currency.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Count, F, Func, IntegerField, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from billing.models import DailyTotal, Entry
from reports.filters import TransactionFilter
from reports.queries import Scope

NOTHING = Decimal(0)
# Filters that leave the entries of an account whole: with any other one there is no opening.
WHOLE = {"date_from", "date_to", "account"}
# What of the address is no filter.
SHAPE = {"cursor", "page", "sort", "columns", "view"}


class Moved(NamedTuple):
    """What came in, what went out (both zero or more), and by how many entries."""

    money_in: Decimal = NOTHING
    money_out: Decimal = NOTHING
    entries: int = 0

    @property
    def net(self) -> Decimal:
        """In less out."""
        return self.money_in - self.money_out

    def plus(self, other: Moved) -> Moved:
        """Both together."""
        return Moved(
            self.money_in + other.money_in,
            self.money_out + other.money_out,
            self.entries + other.entries,
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """The figures. ``opening`` is None where the selection has no balance of its own.

    ``amount_decimals`` and the like are how much room the figures of the lines take; the balance
    ones are of the balances that the reader may see, and ``shows_balances`` is whether there are
    any.
    """

    opening: Decimal | None
    by_kind: dict[str, Moved]
    by_day: dict[date, Moved]
    amounts: tuple[Decimal, Decimal]
    amount_decimals: int
    balances: tuple[Decimal, Decimal]
    balance_decimals: int
    shows_balances: bool

    @property
    def total(self) -> Moved:
        """All kinds together."""
        total = Moved()
        for moved in self.by_kind.values():
            total = total.plus(moved)
        return total

    @property
    def closing(self) -> Decimal | None:
        """What was there before, and what came of it."""
        return None if self.opening is None else self.opening + self.total.net


class _Decimals(Func):
    """How many decimals an amount has that are not zero."""

    template = "scale(trim_scale(%(expressions)s))"
    output_field = IntegerField()


def read_selection(scope: Scope, filters: TransactionFilter) -> Selection:
    """The figures of what ``filters`` (valid ones) select; four queries at most."""
    entries: QuerySet[Entry] = filters.qs
    seen = Q() if scope.access.sees_tree else Q(holder__in=scope.names.keys())
    facts = _read_facts(entries, seen)
    by_kind: dict[str, Moved] = defaultdict(Moved)
    by_day: dict[date, Moved] = defaultdict(Moved)
    for row in (
        entries.order_by()
        .values("kind", day=TruncDate("posted_at", tzinfo=scope.company.zone))
        .annotate(
            money_in=Sum("amount", filter=Q(amount__gt=0), default=NOTHING),
            money_out=-Sum("amount", filter=Q(amount__lt=0), default=NOTHING),
            entries=Count("seq"),
        )
    ):
        moved = Moved(row["money_in"], row["money_out"], row["entries"])
        by_kind[row["kind"]] = by_kind[row["kind"]].plus(moved)
        by_day[row["day"]] = by_day[row["day"]].plus(moved)
    return Selection(
        opening=_read_opening(scope, filters),
        by_kind=dict(by_kind),
        by_day=dict(sorted(by_day.items())),
        amounts=(facts["least"] or NOTHING, facts["most"] or NOTHING),
        amount_decimals=facts["decimals"] or 0,
        balances=(facts["lowest"] or NOTHING, facts["highest"] or NOTHING),
        balance_decimals=facts["balance_decimals"] or 0,
        shows_balances=facts["lowest"] is not None,
    )


def _read_facts(entries: QuerySet[Entry], seen: Q) -> dict[str, Any]:
    return entries.order_by().aggregate(
        least=Min("amount"),
        most=Max("amount"),
        decimals=Max(_Decimals("amount")),
        lowest=Min("balance_after", filter=seen),
        highest=Max("balance_after", filter=seen),
        balance_decimals=Max(_Decimals("balance_after"), filter=seen),
    )


def _read_opening(scope: Scope, filters: TransactionFilter) -> Decimal | None:
    """What the selected accounts held before the first day, together.

    None where one has no balance of its own, where entries of theirs moved another's balance, or
    another's entries moved theirs: then what is listed does not lead from one to another.
    """
    chosen = {name for name, value in filters.data.lists() if any(value)} - SHAPE
    if chosen - WHOLE:
        return None
    words = filters.form.cleaned_data
    accounts = {int(each) for each in words.get("account") or ()}
    totals = DailyTotal.objects.filter(master=scope.company)
    if accounts or not scope.access.sees_tree:
        accounts = accounts or set(scope.names)
        if any(each.is_shared for each in scope.accounts if each.pk in accounts):
            return None  # It has no balance, also while nothing was spent.
        theirs, held = Q(account__in=accounts), Q(holder__in=accounts)
        until = totals.filter(day__lte=words["date_to"]) if words.get("date_to") else totals
        if until.filter((theirs & ~held) | (held & ~theirs)).exists():
            return None
        totals = totals.filter(theirs)
    if not words.get("date_from"):
        return NOTHING
    before = totals.filter(day__lt=words["date_from"])
    net = Sum(F("amount_in") - F("amount_out"), default=NOTHING)
    opening: Decimal = before.aggregate(net=net)["net"]
    return opening

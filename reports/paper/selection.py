"""The figures of a selection of entries for paper: by kind and by day, in one aggregate.

What is added up is exactly what is filtered, whatever the filters are: here in the snapshot of the
rows, entry by entry. All amounts are in the company's currency.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Count, Func, IntegerField, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from billing.models import Entry
from reports.filters import TransactionFilter
from reports.queries import Scope
from reports.totals import read_opening

NOTHING = Decimal(0)


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
        opening=read_opening(scope, filters),
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

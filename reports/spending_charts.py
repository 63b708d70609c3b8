"""What was spent, drawn: bars by day or week, and a row's sparkline. See ``reports.charts``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext as _

from accounts.models import Account
from console.money import format_amount
from reports.charts import Label, Level, Scale, in_words, labels_of, percent, px, scale_of

# More bars than this cannot be told apart on a phone: weeks, then.
MOST_BARS = 92
WEEK = 7
SPARK_HEIGHT = 22


class Bar(NamedTuple):
    """What was spent in a day or a week."""

    x: str
    width: str
    y: str
    height: str


class Spent(NamedTuple):
    """What was spent from one day to another, both inclusive."""

    first: date
    last: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class SpendingChart:
    """What an account spent by day, or by week where days would be too many; drawn and told."""

    company: Account
    parts: Sequence[Spent]
    is_by_week: bool

    @property
    def scale(self) -> Scale:
        """What the drawing holds: all parts, and zero."""
        amounts = [each.amount for each in self.parts]
        return scale_of(min(amounts), max(amounts))

    @property
    def levels(self) -> list[Level]:
        """The lines across."""
        return self.scale.levels()

    @property
    def labels(self) -> list[Label]:
        """The days below it."""
        return labels_of([each.first for each in self.parts])

    @property
    def bars(self) -> list[Bar]:
        """One for each part in which something was spent or given back."""
        scale, slot = self.scale, 100 / len(self.parts)
        zero = scale.y(Decimal(0))
        bars = []
        for nth, each in enumerate(self.parts):
            if each.amount:
                y = scale.y(each.amount)
                bars.append(
                    Bar(
                        percent((nth + 0.15) * slot),
                        percent(slot * 0.7),
                        px(min(y, zero)),
                        px(max(abs(y - zero), 1)),
                    )
                )
        return bars

    @property
    def total(self) -> Decimal:
        """What was spent in all of them."""
        return sum((each.amount for each in self.parts), Decimal(0))

    @property
    def highest(self) -> Spent:
        """The latest part in which most was spent."""
        return max(reversed(self.parts), key=lambda each: each.amount)

    @property
    def newest_first(self) -> list[Spent]:
        """The rows of its table."""
        return list(reversed(self.parts))

    @property
    def spoken(self) -> str:
        """The chart in words, for who cannot see it."""
        if self.is_by_week:
            text = _(
                "Spent by week from %(first)s to %(last)s, in %(currency)s: together %(total)s;"
                " most in the week from %(day)s, %(highest)s."
            )
        else:
            text = _(
                "Spent by day from %(first)s to %(last)s, in %(currency)s: together %(total)s;"
                " most on %(day)s, %(highest)s."
            )
        decimals = self.company.decimals
        return text % {
            "first": in_words(self.parts[0].first),
            "last": in_words(self.parts[-1].last),
            "currency": self.company.currency,
            "total": format_amount(self.total, decimals),
            "day": in_words(self.highest.first),
            "highest": format_amount(self.highest.amount, decimals),
        }


def spending_chart(company: Account, spent: Sequence[tuple[date, Decimal]]) -> SpendingChart:
    """The chart of what was spent on these days, the oldest first; weeks end with the last."""
    size = WEEK if len(spent) > MOST_BARS else 1
    short = len(spent) % size
    groups = [spent[:short]] if short else []
    groups += [spent[first : first + size] for first in range(short, len(spent), size)]
    parts = [
        Spent(group[0][0], group[-1][0], sum((amount for _day, amount in group), Decimal(0)))
        for group in groups
    ]
    return SpendingChart(company, parts, is_by_week=size == WEEK)


def sparkline(amounts: Sequence[Decimal]) -> str:
    """The path of small bars, three units each and SPARK_HEIGHT high, scaled to the largest."""
    most = max([*amounts, Decimal(0)])
    if not most:
        return ""
    heights = [float(max(each, Decimal(0)) / most) * (SPARK_HEIGHT - 2) for each in amounts]
    return "".join(
        f"M{nth * 3 + 1} {SPARK_HEIGHT}v-{max(height, 1):.0f}"
        for nth, height in enumerate(heights)
        if height
    )

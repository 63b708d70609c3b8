"""A year of spending, drawn beside the year before. See ``reports.charts``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils import formats
from django.utils.translation import gettext as _

from accounts.models import Account
from console.money import format_amount
from reports.charts import Label, Level, Scale, percent, px, scale_of
from reports.spending_charts import Bar
from reports.summary import Year

MONTHS = 12


@dataclass(frozen=True, slots=True)
class YearChart:
    """Two bars for each month: what was spent a year before, and now."""

    company: Account
    year: Year

    @property
    def scale(self) -> Scale:
        """What the drawing holds: all months of both years, and zero."""
        spent = [each.amount for each in self.year.months.values()]
        amounts = [*self.year.before.values(), *spent]
        return scale_of(min(amounts), max(amounts))

    @property
    def levels(self) -> list[Level]:
        """The lines across."""
        return self.scale.levels()

    @property
    def labels(self) -> list[Label]:
        """The months below it."""
        return [
            Label(
                percent((month - 0.5) * 100 / MONTHS),
                "middle",
                formats.date_format(date(self.year.number, month, 1), "M"),
            )
            for month in range(1, MONTHS + 1)
        ]

    @property
    def before(self) -> list[Bar]:
        """The bars of the year before."""
        return self._bars({day.month: spent for day, spent in self.year.before.items()}, 0.12)

    @property
    def bars(self) -> list[Bar]:
        """The bars of the year."""
        return self._bars({day.month: each.amount for day, each in self.year.months.items()}, 0.48)

    def _bars(self, amounts: dict[int, Decimal], at: float) -> list[Bar]:
        scale, slot = self.scale, 100 / MONTHS
        zero = scale.y(Decimal(0))
        return [
            Bar(
                percent((month - 1 + at) * slot),
                percent(slot * 0.34),
                px(min(scale.y(amount), zero)),
                px(max(abs(scale.y(amount) - zero), 1)),
            )
            for month, amount in amounts.items()
            if amount
        ]

    @property
    def spoken(self) -> str:
        """The chart in words, for who cannot see it."""
        months = self.year.months
        highest = max(months, key=lambda month: months[month].amount)
        decimals = self.company.decimals
        return _(
            "Spent by month in %(year)d, in %(currency)s: together %(total)s; most in %(month)s,"
            " %(highest)s. In %(before)d it was %(then)s."
        ) % {
            "year": self.year.number,
            "currency": self.company.currency,
            "total": format_amount(self.year.whole.amount, decimals),
            "month": formats.date_format(highest, "F"),
            "highest": format_amount(months[highest].amount, decimals),
            "before": self.year.number - 1,
            "then": format_amount(sum(self.year.before.values(), Decimal(0)), decimals),
        }

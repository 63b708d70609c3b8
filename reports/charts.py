"""Charts drawn on the server: their geometry in numbers, and their facts in words.

The drawing is as wide as the page and HEIGHT pixels high: across it counts in percent and down in
pixels, so that neither lines nor words are stretched. ``templates/reports`` makes SVG of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Account
from console.money import format_amount, format_down
from reports.balance_history import BalanceDay

HEIGHT = 212
TOP, BOTTOM = 20, 184
# Across, a path counts in thousandths of the width.
WIDTH = 1000
LABELS = 4
# A limit of which a third was used is worth a line.
LIMIT_NEAR = 3
# Days of a year: the labels name months.
LONG = 200


class Label(NamedTuple):
    """A word on the axis of time: where, how it is anchored, and what."""

    x: str
    anchor: str
    text: str


class Level(NamedTuple):
    """A line across: at which pixel, and what it stands for."""

    y: str
    text: str
    is_zero: bool


class Mark(NamedTuple):
    """A day on which money came in."""

    x: str
    y: str


@dataclass(frozen=True, slots=True)
class Scale:
    """From amounts to pixels, between two round figures, of which one is zero at most."""

    low: Decimal
    high: Decimal
    step: Decimal

    def y(self, value: Decimal) -> float:
        """The pixel of the amount."""
        part = float((self.high - value) / (self.high - self.low))
        return TOP + part * (BOTTOM - TOP)

    def levels(self) -> list[Level]:
        """The lines across, from the lowest; amounts have no more decimals than they need."""
        count = int((self.high - self.low) / self.step)
        values = [self.low + self.step * number for number in range(count + 1)]
        return [
            Level(px(self.y(value)), format_amount(value, 0), is_zero=not value)
            for value in values
        ]


def scale_of(lowest: Decimal, highest: Decimal) -> Scale:
    """A scale that holds both and zero, with few lines at 1, 2 or 5 times a power of ten."""
    lowest, highest = min(lowest, Decimal(0)), max(highest, Decimal(0))
    span = (highest - lowest) or Decimal(1)
    power = Decimal(10) ** math.floor(math.log10(span / 3))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= span / 3)
    low = (lowest / step).to_integral_value("ROUND_FLOOR") * step
    high = (highest / step).to_integral_value("ROUND_CEILING") * step
    return Scale(low, high if high > low else low + step, step)


@dataclass(frozen=True, slots=True)
class BalanceChart:
    """An account's credit at the end of each day, drawn and told."""

    company: Account
    days: Sequence[BalanceDay]
    # None where it is of no account: nothing is below zero, or there is no limit.
    limit: Decimal | None
    # Whether transfers top it up, too: it is a subaccount's.
    is_subaccount: bool

    @property
    def begun(self) -> list[BalanceDay]:
        """The days since the account's first entry."""
        return [each for each in self.days if each.is_begun]

    @property
    def scale(self) -> Scale:
        """What the drawing holds: all days, zero, and the limit where it counts."""
        credits = [each.credit for each in self.begun] or [Decimal(0)]
        return scale_of(min([*credits, -(self.limit or Decimal(0))]), max(credits))

    @property
    def levels(self) -> list[Level]:
        """The lines across."""
        return self.scale.levels()

    @property
    def labels(self) -> list[Label]:
        """The days below it."""
        return labels_of([each.day for each in self.days])

    @property
    def zero(self) -> str:
        """The pixel of zero."""
        return px(self.scale.y(Decimal(0)))

    @property
    def above(self) -> str:
        """How many pixels lie above zero."""
        return px(self.scale.y(Decimal(0)) - TOP)

    @property
    def below(self) -> str:
        """How many pixels lie below zero; nothing where no day was."""
        return px(BOTTOM - self.scale.y(Decimal(0))) if self.lowest.credit < 0 else ""

    @property
    def limit_y(self) -> str:
        """The pixel of the credit limit, where it counts."""
        return "" if self.limit is None else px(self.scale.y(-self.limit))

    @property
    def line(self) -> str:
        """The path of the credit."""
        scale, last = self.scale, max(len(self.days) - 1, 1)
        return "L".join(
            f"{nth * WIDTH / last:.0f} {scale.y(each.credit):.1f}"
            for nth, each in enumerate(self.days)
            if each.is_begun
        )

    @property
    def area(self) -> str:
        """What lies between the credit and zero."""
        last = max(len(self.days) - 1, 1)
        begins = next((nth for nth, each in enumerate(self.days) if each.is_begun), last)
        return f"M{begins * WIDTH / last:.0f} {self.zero}L{self.line}L{WIDTH} {self.zero}Z"

    @property
    def marks(self) -> list[Mark]:
        """The days with top-ups."""
        scale, last = self.scale, max(len(self.days) - 1, 1)
        return [
            Mark(percent(nth * 100 / last), px(scale.y(each.credit)))
            for nth, each in enumerate(self.days)
            if each.top_ups
        ]

    @property
    def lowest(self) -> BalanceDay:
        """The latest day on which the credit was lowest."""
        return min(reversed(self.begun or self.days), key=lambda each: each.credit)

    @property
    def highest(self) -> BalanceDay:
        """The latest day on which the credit was highest."""
        return max(reversed(self.begun or self.days), key=lambda each: each.credit)

    @property
    def newest_first(self) -> list[BalanceDay]:
        """The rows of its table."""
        return list(reversed(self.days))

    @property
    def top_ups(self) -> str:
        """How often and by how much it was topped up, in words."""
        count = sum(each.top_ups for each in self.days)
        topped_up = sum((each.topped_up for each in self.days), Decimal(0))
        figures = {"count": count, "sum": format_amount(topped_up, self.company.decimals)}
        if not count:
            return _("no top-ups")
        if self.is_subaccount:
            text = ngettext(
                "%(count)d top-up or transfer in, of %(sum)s",
                "%(count)d top-ups and transfers in, together %(sum)s",
                count,
            )
        else:
            text = ngettext(
                "%(count)d top-up, of %(sum)s", "%(count)d top-ups, together %(sum)s", count
            )
        return text % figures

    @property
    def spoken(self) -> str:
        """The chart in words, for who cannot see it."""
        lowest, highest, now = self.lowest, self.highest, self.days[-1]
        decimals = self.company.decimals
        return _(
            "Credit at the end of each day from %(first)s to %(last)s, in %(currency)s:"
            " now %(now)s; lowest %(lowest)s, on %(low_day)s; highest %(highest)s, on"
            " %(high_day)s; %(top_ups)s."
        ) % {
            "first": in_words(self.days[0].day),
            "last": in_words(now.day),
            "currency": self.company.currency,
            "now": format_down(now.credit, decimals),
            "lowest": format_down(lowest.credit, decimals),
            "low_day": in_words(lowest.day),
            "highest": format_down(highest.credit, decimals),
            "high_day": in_words(highest.day),
            "top_ups": self.top_ups,
        }


def balance_chart(
    account: Account, company: Account, days: Sequence[BalanceDay], limit: Decimal
) -> BalanceChart:
    """The chart of an account's own credit.

    Its limit is drawn where a good part of it was used: far away, it would flatten all the rest.
    """
    used = any(each.credit * LIMIT_NEAR <= -limit for each in days)
    return BalanceChart(
        company, days, limit if limit and used else None, is_subaccount=not account.is_master
    )


def labels_of(days: Sequence[date]) -> list[Label]:
    """Four days at equal distances: as many as fit on a phone without touching."""
    last = len(days) - 1
    is_long = (days[-1] - days[0]).days > LONG
    labels = []
    for nth in range(LABELS):
        place = round(last * nth / (LABELS - 1))
        anchor = {0: "start", LABELS - 1: "end"}.get(nth, "middle")
        x = percent(place * 100 / last) if last else "0%"
        labels.append(Label(x, anchor, _month(days[place]) if is_long else _day(days[place])))
    return labels if last >= LABELS else labels[:1]


def in_words(day: date) -> str:
    """``23 November 2026``."""
    return formats.date_format(day, "j F Y")


def _day(day: date) -> str:
    return formats.date_format(day, "j M")


def _month(day: date) -> str:
    return formats.date_format(day, "M Y")


def px(value: float) -> str:
    """A pixel, as SVG writes it."""
    return f"{value:.1f}"


def percent(value: float) -> str:
    """A part of the width, as SVG writes it."""
    return f"{value:.2f}%"

"""How long what is available will last: the runway.

The method is meant to be explained in two sentences. What was spent on the last 28 whole days
gives the average of each weekday, and day by day from today that is taken from what is available
(from today only what today has not spent yet), until nothing is left. The range comes from the
weeks themselves: the same days, scaled by how far a slow week (the tenth percentile of the weekly
totals) and a busy one (the ninetieth) lie from the average week.

It knows of no top-ups to come, no seasons and no trend: it says how long the present pace can
go on. Amounts are in the company's currency, days those of its time zone. No database here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

DAY = timedelta(days=1)
WEEK = 7
# The pace is that of so many whole days, or of fewer where there are no more.
WINDOW = 4 * WEEK
# Who spends but once a week or two has a history all the same: so far back it is looked for.
LOOK_BACK = WINDOW + 2 * WEEK
# Beyond it, a forecast from four weeks is a guess.
HORIZON = 365
SLOW, BUSY = Decimal("0.1"), Decimal("0.9")


class Outlook(StrEnum):
    """What can be said."""

    DAYS = "days"
    # More than HORIZON days.
    BEYOND = "beyond"
    # Nothing was spent in the window.
    IDLE = "idle"
    # Less than a week of days is known.
    EARLY = "early"


@dataclass(frozen=True, slots=True)
class Runway:
    """How long the available balance lasts.

    ``days`` from today until ``until``, the day on which nothing will be left: 0 is today.
    ``soonest`` and ``latest`` are the days of a busy and of a slow pace. None is more than
    HORIZON. Without ``has_range`` less than two whole weeks are known. ``history`` is how many
    whole days the pace is taken from, at most WINDOW.
    """

    outlook: Outlook
    history: int
    days: int | None = None
    until: date | None = None
    soonest: int | None = None
    latest: int | None = None
    has_range: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """What is spent on each weekday, Monday first, and the factors of a slow and a busy week."""

    weekdays: Sequence[Decimal]
    slow: Decimal
    busy: Decimal
    has_range: bool


def project(
    available: Decimal, spent: Mapping[date, Decimal], *, today: date, since: date
) -> Runway | None:
    """The runway of an account with ``available`` to spend; None where there is nothing to spend.

    ``spent`` is what was spent on each day, today included; days that are missing had none, and
    one of less than zero gave back more than it spent. ``since`` is the first day on which the
    account could have spent; an earlier day with spending counts as that.
    """
    if available <= 0:
        return None
    window = today - WINDOW * DAY
    first = min([since, *(day for day, amount in spent.items() if amount)])
    history = max((today - max(first, window)).days, 0)
    known = [spent.get(today - ago * DAY, Decimal(0)) for ago in range(1, history + 1)]
    if sum(known, Decimal(0)) <= 0:
        is_new = history < WEEK and spent.get(today, Decimal(0)) > 0
        return Runway(Outlook.EARLY if is_new else Outlook.IDLE, history)
    if history < WEEK:
        return Runway(Outlook.EARLY, history)
    pace = pace_of(known, today)
    so_far = spent.get(today, Decimal(0))
    days, soonest, latest = (
        lasts(available, pace.weekdays, factor, today=today, spent_today=so_far)
        for factor in (Decimal(1), pace.busy, pace.slow)
    )
    return Runway(
        outlook=Outlook.BEYOND if days is None else Outlook.DAYS,
        history=history,
        days=days,
        until=None if days is None else today + days * DAY,
        soonest=soonest,
        latest=latest,
        has_range=pace.has_range,
    )


def pace_of(known: Sequence[Decimal], today: date) -> Pace:
    """The rhythm of the days before ``today``, the latest first: seven or more, not all zero.

    A weekday on which more was given back than spent counts as none.
    """
    by_weekday: list[list[Decimal]] = [[] for _weekday in range(WEEK)]
    for ago, amount in enumerate(known, start=1):
        by_weekday[(today - ago * DAY).weekday()].append(amount)
    weekdays = [max(sum(amounts, Decimal(0)) / len(amounts), Decimal(0)) for amounts in by_weekday]
    weeks = sorted(
        sum(known[first : first + WEEK], Decimal(0))
        for first in range(0, len(known) - WEEK + 1, WEEK)
    )
    mean = sum(weeks, Decimal(0)) / len(weeks)
    if len(weeks) < 2 or mean <= 0:
        return Pace(weekdays, Decimal(1), Decimal(1), has_range=False)
    slow = min(max(percentile(weeks, SLOW) / mean, Decimal(0)), Decimal(1))
    busy = max(percentile(weeks, BUSY) / mean, Decimal(1))
    return Pace(weekdays, slow, busy, has_range=True)


def percentile(ordered: Sequence[Decimal], share: Decimal) -> Decimal:
    """The value below which ``share`` of them lie, between two where it falls between them."""
    place = (len(ordered) - 1) * share
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def lasts(
    available: Decimal,
    weekdays: Sequence[Decimal],
    factor: Decimal,
    *,
    today: date,
    spent_today: Decimal,
) -> int | None:
    """In how many days ``available`` is used up; None where that is more than HORIZON.

    Of today only what its weekday usually spends beyond ``spent_today`` is still to come.
    """
    left = available - max(
        weekdays[today.weekday()] * factor - max(spent_today, Decimal(0)), Decimal(0)
    )
    days = 0
    while left > 0:
        days += 1
        if days > HORIZON:
            return None
        left -= weekdays[(today + days * DAY).weekday()] * factor
    return days

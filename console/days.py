"""Days as people choose them: fields of filters, periods, and the moments at which days begin."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from babel import Locale
from babel.core import UnknownLocaleError
from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Beyond these a date is a slip of the keyboard, and the arithmetic of time zones would break.
FIRST_DAY = date(2000, 1, 1)
LAST_DAY = date(2099, 12, 31)
DAY_FORMAT = "%Y-%m-%d"
DAY_ERRORS = {"invalid": _("Write the day as year-month-day, for example 2026-11-22.")}


def day_start(day: date, zone: zoneinfo.ZoneInfo) -> datetime:
    """The moment at which the day begins in the zone, in UTC.

    Where clocks spring forward at midnight the day begins at one o'clock: that very moment.
    """
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def day_widget() -> forms.DateInput:
    """The browser's own picker of days."""
    return forms.DateInput(
        format=DAY_FORMAT,
        attrs={"type": "date", "min": FIRST_DAY, "max": LAST_DAY, "autocomplete": "off"},
    )


def day_validators() -> list[Callable[[Any], None]]:
    """What refuses slips of the keyboard."""
    return [
        MinValueValidator(FIRST_DAY, _("Choose a day from the year 2000 on.")),
        MaxValueValidator(LAST_DAY, _("Choose a day before the year 2100.")),
    ]


@dataclass(frozen=True, slots=True)
class Period:
    """A period that a link offers: both days inclusive, None for no bound."""

    label: str | Promise
    first: date | None
    last: date | None
    is_current: bool = False


def periods_of(today: date) -> list[Period]:
    """The periods that the page offers; ``today`` is the company's."""
    month = today.replace(day=1)
    next_month = (month + timedelta(days=31)).replace(day=1)
    last_month = (month - timedelta(days=1)).replace(day=1)
    day = timedelta(days=1)
    return [
        Period(_("This month"), month, next_month - day),
        Period(_("Last month"), last_month, month - day),
        Period(_("Last 30 days"), today - 29 * day, today),
        Period(_("All"), None, None),
    ]


def report_periods_of(today: date, country: str) -> list[Period]:
    """The periods that reports offer; weeks begin as they do in the country."""
    day = timedelta(days=1)
    week = today - (today.weekday() - _first_weekday(country)) % 7 * day
    this_month, last_month, *_others = periods_of(today)
    quarter = today.replace(month=today.month - (today.month - 1) % 3, day=1)
    next_quarter = (quarter + timedelta(days=95)).replace(day=1)
    return [
        Period(_("Today"), today, today),
        Period(_("This week"), week, week + 6 * day),
        this_month,
        last_month,
        Period(_("This quarter"), quarter, next_quarter - day),
        Period(_("This year"), today.replace(month=1, day=1), today.replace(month=12, day=31)),
        Period(_("All"), None, None),
    ]


def _first_weekday(country: str) -> int:
    """Monday is 0. In Cairo weeks begin on Saturday."""
    try:
        return Locale.parse(f"und_{country}").first_week_day
    except UnknownLocaleError:
        return 0

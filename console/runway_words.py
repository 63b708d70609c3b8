"""The runway in words: a figure, and the sentence that says what it rests on."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from reports.runway import WINDOW, Outlook, Runway


class Words(NamedTuple):
    """``41 days``, and ``until 2 January at the pace of the last four weeks (35 to 49)``."""

    figure: str
    text: str


def words(runway: Runway | None) -> Words | None:
    """How the page says it; nothing where there is no runway."""
    if runway is None:
        return None
    if runway.outlook == Outlook.IDLE:
        return Words("", _idle(runway.history))
    if runway.outlook == Outlook.EARLY:
        return Words("", _("It can be told after a week of usage."))
    pace = _pace(runway.history)
    if runway.days is None or runway.until is None:
        return Words(_("More than a year"), _sentence(pace, _beyond(runway)))
    until = _("until %(day)s %(pace)s") % {"day": _day(runway.until), "pace": pace}
    if runway.days == 0:
        figure, until = _("Until today"), _("used up today %(pace)s") % {"pace": pace}
    else:
        figure = ngettext("%(count)d day", "%(count)d days", runway.days) % {"count": runway.days}
    return Words(figure, _sentence(until, _range(runway)))


def _pace(history: int) -> str:
    if history >= WINDOW:
        return _("at the pace of the last four weeks")
    return _("at the pace of the %(count)d days that are known") % {"count": history}


def _idle(history: int) -> str:
    if history >= WINDOW:
        return _("No usage in the last four weeks.")
    return _("No usage yet.")


def _range(runway: Runway) -> str:
    """The days of a busy and of a slow pace, as far as they differ."""
    if not runway.has_range or runway.soonest == runway.latest:
        return ""
    if runway.latest is None:
        return _("(%(soonest)d to more than 365)") % {"soonest": runway.soonest or 0}
    return _("(%(soonest)d to %(latest)d)") % {
        "soonest": runway.soonest or 0,
        "latest": runway.latest,
    }


def _beyond(runway: Runway) -> str:
    if not runway.has_range or runway.soonest is None:
        return ""
    return ngettext("(at least %(count)d day)", "(at least %(count)d days)", runway.soonest) % {
        "count": runway.soonest
    }


def _day(day: date) -> str:
    return formats.date_format(day, "j F")


def _sentence(*parts: str) -> str:
    return " ".join(filter(None, parts))

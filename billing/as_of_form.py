"""Which past moment a person asks about: a day, or a minute of it, in the company's time zone."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Account
from console.days import DAY_ERRORS, DAY_FORMAT, Period, day_start, day_validators, day_widget

# What is asked about a day or a minute is how things stood when it was over.
_INSTANT = timedelta(microseconds=1)


class AsOfForm(forms.Form):
    """``cleaned_data["moment"]`` is the last instant of the day, or of the minute."""

    day = forms.DateField(
        label=gettext_lazy("Day"),
        input_formats=[DAY_FORMAT],
        widget=day_widget(),
        validators=day_validators(),
        error_messages=DAY_ERRORS | {"required": gettext_lazy("Choose a day.")},
    )
    time = forms.TimeField(
        label=gettext_lazy("Time"),
        required=False,
        input_formats=["%H:%M"],
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time", "autocomplete": "off"}),
        error_messages={"invalid": gettext_lazy("Write the time as hours:minutes: 23:59.")},
    )

    def __init__(self, company: Account, now: datetime, data: Any = None) -> None:
        self.company, self.now = company, now
        today = now.astimezone(company.zone).date()
        super().__init__(data, initial={"day": today.replace(day=1) - timedelta(days=1)})
        self.fields["day"].widget.attrs["max"] = today

    def clean(self) -> dict[str, Any]:
        """The moment, which must have come."""
        cleaned = super().clean() or self.cleaned_data
        if "day" not in cleaned or "time" not in cleaned:
            return cleaned
        moment = end_of(cleaned["day"], cleaned["time"], self.company.zone)
        if moment is None:
            self.add_error(
                "time", _("The clocks were put forward in that night: there was no such time.")
            )
        elif moment >= self.now:
            field = "time" if cleaned["time"] else "day"
            self.add_error(field, _("This moment has not passed yet. Choose an earlier one."))
        else:
            cleaned["moment"] = moment
        return cleaned


def end_of(day: date, minute: time | None, zone: zoneinfo.ZoneInfo) -> datetime | None:
    """The last instant of the day, or of a minute of it; None where clocks have skipped it.

    Where a minute came twice, when clocks were put back, it is the second.
    """
    if minute is None:
        return day_start(day + timedelta(days=1), zone) - _INSTANT
    there = datetime.combine(day, minute, tzinfo=zone).replace(fold=1)
    moment = there.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != there.replace(tzinfo=None):
        return None
    return moment + timedelta(minutes=1) - _INSTANT


def ends(today: date) -> list[Period]:
    """The ends of days that a finance department asks for most; ``last`` is the day."""
    month = today.replace(day=1)
    quarter = month.replace(month=(month.month - 1) // 3 * 3 + 1)
    day = timedelta(days=1)
    found: list[Period] = []
    for label, last in [
        (_("Yesterday"), today - day),
        (_("End of last month"), month - day),
        (_("End of last quarter"), quarter - day),
        (_("End of last year"), date(today.year - 1, 12, 31)),
    ]:
        # In January the month, the quarter and the year have one end.
        if all(last != other.last for other in found):
            found.append(Period(label, None, last))
    return found

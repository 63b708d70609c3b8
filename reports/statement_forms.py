"""The days of a statement or of an account's activity, as people choose them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.days import DAY_ERRORS, DAY_FORMAT, day_validators, day_widget
from reports.statements import LONGEST


def _day(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        input_formats=[DAY_FORMAT],
        widget=day_widget(),
        validators=day_validators(),
        error_messages=DAY_ERRORS | {"required": gettext_lazy("Choose a day.")},
    )


class RangeForm(forms.Form):
    """Two days, both inclusive, neither to come; ``today`` is the company's."""

    date_from = _day(gettext_lazy("From"))
    date_to = _day(gettext_lazy("To"))

    def __init__(self, today: date, data: Any = None) -> None:
        self.today = today
        super().__init__(data, initial={"date_from": today.replace(day=1), "date_to": today})
        for field in self.fields.values():
            field.widget.attrs["max"] = today

    def clean(self) -> dict[str, Any]:
        """In order, not too many, and all of them begun."""
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("date_from"), cleaned.get("date_to")
        if last and last > self.today:
            self.add_error(
                "date_to",
                _("This day has not come yet: at the latest it is today, %(today)s.")
                % {"today": self.today.isoformat()},
            )
        elif first and last and last < first:
            self.add_error("date_to", _("This day is before From. Swap the two days."))
        elif first and last and (days := (last - first) // timedelta(days=1) + 1) > LONGEST:
            self.add_error(
                "date_to",
                _("These are %(days)d days; here it is at most %(most)d at a time.")
                % {"days": days, "most": LONGEST},
            )
        return cleaned

    def show_typed(self) -> None:
        """Show what is no date as text, which a date input would hide; focus the first error."""
        for number, (name, errors) in enumerate(self.errors.as_data().items()):
            if name in self.fields:
                widget = self.fields[name].widget
                if any(each.code == "invalid" for each in errors):
                    widget.input_type = "text"
                if number == 0:
                    widget.attrs["autofocus"] = True

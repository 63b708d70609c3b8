"""The chart of a selection on paper: the credit at the end of each day, or what went out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.template.loader import render_to_string
from django.utils import formats
from django.utils.translation import gettext as _

from accounts.models import Account
from console.money import format_amount
from reports.charts import WIDTH, Scale, in_words, labels_of, px, scale_of
from reports.paper.document import Chart
from reports.paper.selection import Selection
from reports.spending_charts import spending_chart

DAY = timedelta(days=1)


def draw(company: Account, selection: Selection) -> Chart | None:
    """The chart, None where there is nothing to draw: less than two days.

    Days are from the first on which something moved to the last.
    """
    if len(selection.by_day) < 2:
        return None
    first, last = min(selection.by_day), max(selection.by_day)
    days = [first + nth * DAY for nth in range((last - first).days + 1)]
    if selection.opening is None:
        return _draw_out(company, selection, days)
    return _draw_credit(company, selection, selection.opening, days)


def _draw_credit(
    company: Account, selection: Selection, opening: Decimal, days: Sequence[date]
) -> Chart:
    credits = []
    credit = opening
    for day in days:
        credit += selection.by_day[day].net if day in selection.by_day else Decimal(0)
        credits.append(credit)
    scale = scale_of(min(credits), max(credits))
    step = WIDTH / (len(days) - 1)
    line = "L".join(f"{nth * step:.1f} {px(scale.y(each))}" for nth, each in enumerate(credits))
    zero = px(scale.y(Decimal(0)))
    lowest, highest = min(credits), max(credits)
    words = _(
        "Credit at the end of each day from %(first)s to %(last)s, in %(currency)s: at the end"
        " %(now)s; lowest %(lowest)s, on %(low_day)s; highest %(highest)s, on %(high_day)s."
    ) % {
        "first": in_words(days[0]),
        "last": in_words(days[-1]),
        "currency": company.currency,
        "now": format_amount(credits[-1], company.decimals),
        "lowest": format_amount(lowest, company.decimals),
        "low_day": in_words(days[credits.index(lowest)]),
        "highest": format_amount(highest, company.decimals),
        "high_day": in_words(days[credits.index(highest)]),
    }
    svg = _svg(scale, days, {"line": line, "area": f"0 {zero}L{line}L{WIDTH} {zero}Z"})
    return Chart(_("Credit at the end of each day"), svg, words)


def _draw_out(company: Account, selection: Selection, days: Sequence[date]) -> Chart | None:
    out = [
        (day, selection.by_day[day].money_out if day in selection.by_day else Decimal(0))
        for day in days
    ]
    chart = spending_chart(company, out)
    if not chart.total:
        return None
    figures = {
        "first": in_words(days[0]),
        "last": in_words(days[-1]),
        "currency": company.currency,
        "total": format_amount(chart.total, company.decimals),
        "day": formats.date_format(chart.highest.first, "j F Y"),
        "highest": format_amount(chart.highest.amount, company.decimals),
    }
    if chart.is_by_week:
        heading = _("Money out by week")
        words = _(
            "Money out by week from %(first)s to %(last)s, in %(currency)s: together %(total)s;"
            " most in the week from %(day)s, %(highest)s."
        )
    else:
        heading = _("Money out by day")
        words = _(
            "Money out by day from %(first)s to %(last)s, in %(currency)s: together %(total)s;"
            " most on %(day)s, %(highest)s."
        )
    firsts = [part.first for part in chart.parts]
    return Chart(heading, _svg(chart.scale, firsts, {"bars": chart.bars}), words % figures)


def _svg(scale: Scale, days: Sequence[date], what: dict[str, object]) -> str:
    context = {"levels": scale.levels(), "labels": labels_of(days)}
    return render_to_string("reports/pdf/chart.svg", context | what)

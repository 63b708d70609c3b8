"""The chart of one account, as the address asks for it: of how many days, drawn or in a table."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.http import Http404, QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from billing.models import Balance
from console.figures import Figures
from reports import balance_history, charts, spending
from reports.spending_charts import spending_chart

PERIODS: dict[int, str | Promise] = {
    30: _("30 days"),
    90: _("90 days"),
    365: _("1 year"),
}
DEFAULT_DAYS = 90
TABLE = "table"


class Asked(NamedTuple):
    """What the address asks for."""

    days: int
    is_table: bool


def asked(query: QueryDict) -> Asked:
    """Read ``days`` (30, 90 or 365) and ``chart`` (table); Http404 for anything else."""
    days, chart = query.get("days", str(DEFAULT_DAYS)), query.get("chart", "")
    if days not in {str(each) for each in PERIODS} or chart not in {"", TABLE}:
        raise Http404
    return Asked(int(days), chart == TABLE)


def chart_of(balance: Balance, company: Account, today: date, wanted: Asked) -> dict[str, Any]:
    """What the section shows of the balance's account; one query.

    The credit at the end of each day. A shared account has none of its own, and what it draws on
    is not told: of it, what it spent by day.
    """
    account = balance.account
    context: dict[str, Any] = {
        "chart_days": wanted.days,
        "chart_is_table": wanted.is_table,
        "chart_periods": PERIODS.items(),
        "chart_name": PERIODS[wanted.days],
    }
    if account.is_shared:
        first = today - timedelta(days=wanted.days - 1)
        spent = spending.read_days(company, [account.pk], first).get(account.pk, {})
        days = [first + timedelta(days=nth) for nth in range(wanted.days)]
        chart = spending_chart(company, [(day, spent.get(day, Decimal(0))) for day in days])
        figures = Figures([each.amount for each in chart.parts], company.decimals)
        return context | {"spending_chart": chart, "chart_figures": figures}
    account.master = company
    history = balance_history.read_history(account, today, wanted.days)
    drawn = charts.balance_chart(account, company, history, balance.credit_limit)
    return context | {
        "balance_chart": drawn,
        "chart_figures": Figures([each.credit for each in history], company.decimals),
        "top_up_figures": Figures([each.topped_up for each in history], company.decimals),
    }

"""A year of spending: by month, by subaccount and by kind."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.core.paginator import InvalidPage, Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import access_or_404
from billing.models import Kind
from console.figures import Figures
from reports import summary
from reports.queries import Scope
from reports.spending import Change
from reports.summary import Moved, Spend, Year
from reports.summary_chart import YearChart

PAGE_SIZE = 25


class MonthRow(NamedTuple):
    """One month of all accounts."""

    month: date
    spend: Spend
    before: Decimal
    change: Change
    is_over: bool


class KindRow(NamedTuple):
    """One kind, by month (None where nothing moved) and in all."""

    label: str
    months: list[tuple[date, Moved | None]]
    amount: Decimal
    query: str


@require_safe
def spending_summary(request: HttpRequest, company: str) -> HttpResponse:
    """What the accounts in reach spent in ``year``; a fixed number of queries.

    Of a company with many subaccounts, a ``page`` of them, who spent most first. A year without
    books, or a page that is none, answers 404.
    """
    access = access_or_404(request.user, company)
    scope = Scope.of(access)
    today = timezone.localdate(timezone=access.company.zone)
    began = summary.first_year(scope, today)
    years = {str(year): year for year in range(began, today.year + 1)}
    text = request.GET.get("year", str(today.year))
    if text not in years:
        raise Http404
    year = summary.read_year(scope, years[text], today)
    try:
        page = Paginator(summary.ranking(scope, year.number), PAGE_SIZE).page(
            request.GET.get("page", "1")
        )
    except InvalidPage as error:
        raise Http404 from error
    lines = summary.read_accounts(scope, page.object_list, year.number, today)
    months, kinds = _months(year), _kinds(year)
    spends = [*year.months.values(), year.whole]
    spends += [each for line in lines for each in (*line.months.values(), line.whole)]
    decimals = access.company.decimals
    context = {
        "access": access,
        "company": access.company,
        "year": year,
        "years": sorted(years.values(), reverse=True),
        "is_this_year": year.number == today.year,
        "before": year.until_same_day,
        "before_year": year.number - 1,
        "chart": YearChart(access.company, year),
        "months": months,
        "month_figures": Figures(
            [each for row in months for each in (row.spend.amount, row.before)], decimals
        ),
        # In line both ways: on a phone each line is a column, else each month.
        "account_figures": Figures([each.amount for each in spends], decimals),
        "kind_figures": Figures(
            [
                amount
                for row in kinds
                for amount in (
                    row.amount,
                    *(moved.amount for _month, moved in row.months if moved),
                )
            ],
            decimals,
        ),
        "page": page,
        "lines": lines,
        "names": scope.names,
        "kinds": kinds,
        "unclear": [each for each in spends if not each.is_exact],
    }
    return render(request, "reports/summary.html", context)


def _months(year: Year) -> list[MonthRow]:
    """The year's months, newest first; the one that has not ended is compared until today."""
    rows = []
    for month, spend in year.months.items():
        change = year.change(month)
        before = year.before[month.replace(year=year.number - 1)]
        rows.append(MonthRow(month, spend, before, change or year.so_far, change is not None))
    return rows


def _kinds(year: Year) -> list[KindRow]:
    """What moved, by kind."""
    rows = []
    for kind, moved in year.kinds.items():
        amount = sum((each.amount for each in moved.values()), Decimal(0))
        rows.append(
            KindRow(
                str(Kind(kind).label),
                [(month, moved.get(month)) for month in year.months],
                amount,
                year.whole.span.query(kind),
            )
        )
    return rows

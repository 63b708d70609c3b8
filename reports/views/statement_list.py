"""The months of an account, with their statements."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import access_or_404
from console.figures import Figures
from reports.balance_life import read_life
from reports.models import Statement
from reports.queries import Scope
from reports.statement_forms import RangeForm
from reports.statement_months import is_month, read_months
from reports.views.statement_reading import chosen_account

OTHERS = 50


@require_safe
def statement_list(request: HttpRequest, company: str) -> HttpResponse:
    """The months of ``account`` (a code) in ``year``, newest first; a fixed number of queries.

    Of a shared subaccount what it used: it has no balance of its own. An unknown account or year
    answers 404.
    """
    access = access_or_404(request.user, company)
    scope = Scope.of(access)
    account = chosen_account(scope, request.GET.get("account", ""))
    today = timezone.localdate(timezone=access.company.zone)
    life = read_life(account)
    began = life.began.astimezone(access.company.zone).year
    text = request.GET.get("year", str(today.year))
    years = {str(year): year for year in range(began, today.year + 1)}
    if text not in years:
        raise Http404
    year = years[text]
    months = read_months(account, life, year, today)
    decimals = access.company.decimals
    others = [
        statement
        for statement in Statement.objects.filter(
            master=access.company, holder=account, last__year=year
        ).order_by("-id")[: OTHERS + len(months)]
        # Those of whole months stand in the list already.
        if not is_month(statement)
    ]
    for statement in [*others, *(each.statement for each in months if each.statement)]:
        statement.master = access.company
    context = {
        "access": access,
        "company": access.company,
        "account": account,
        "accounts": scope.accounts,
        "year": year,
        "years": sorted(years.values(), reverse=True),
        "months": months,
        "holds_any": any(month.holds for month in months),
        "others": others,
        "form": RangeForm(today),
        "balances": Figures(
            [each for month in months for each in (month.opening, month.closing)], decimals
        ),
        "moved": Figures(
            [each for month in months for each in (month.amount_in, -month.amount_out)], decimals
        ),
        "spent": Figures([month.spent for month in months], decimals),
    }
    return render(request, "reports/statement_list.html", context)

"""What an account did on some days, and issuing a statement of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import access_or_404
from accounts.models import Account
from billing.models import SPENT, CapChange, Entry
from console.days import day_start
from console.figures import Figures
from reports import pages
from reports.balance_life import read_life, stood_before
from reports.queries import Scope
from reports.spending_charts import spending_chart
from reports.statement_forms import RangeForm
from reports.statement_months import usage_of
from reports.statements import StatementRefusedError, by_kind_and_day, issue, totals_of
from reports.tables import TransactionTable
from reports.views.statement_reading import chosen_account

DAY = timedelta(days=1)
# What ``of`` may ask for: what moved the account's balance, or what the account itself did.
BALANCE, USAGE = "balance", "usage"


@require_safe
def statement_activity(request: HttpRequest, company: str) -> HttpResponse:
    """What ``account`` did from ``date_from`` to ``date_to``, with a fixed number of queries.

    Of an account with a balance of its own, ``of=balance`` (the default), opening, movements and
    closing; ``of=usage`` is what was attributed to the account itself, of whichever balance, and
    tells no balance. Bad days show their errors and no rows.
    """
    access = access_or_404(request.user, company)
    scope = Scope.of(access)
    account = chosen_account(scope, request.GET.get("account", ""))
    today = timezone.localdate(timezone=access.company.zone)
    typed = "date_from" in request.GET or "date_to" in request.GET
    initial = {"date_from": today.replace(day=1).isoformat(), "date_to": today.isoformat()}
    form = RangeForm(today, request.GET if typed else initial)
    return _render(request, scope, account, form)


@require_POST
def statement_issue(request: HttpRequest, company: str) -> HttpResponse:
    """Issue the statement of ``account`` for these days, or go to the one that there is."""
    access = access_or_404(request.user, company)
    scope = Scope.of(access)
    account = chosen_account(scope, request.POST.get("account", ""))
    form = RangeForm(timezone.localdate(timezone=access.company.zone), request.POST)
    if form.is_valid():
        first, last = form.cleaned_data["date_from"], form.cleaned_data["date_to"]
        try:
            statement = issue(holder=account, first=first, last=last, by=access.user)
        except StatementRefusedError as refusal:
            form.add_error(None if refusal.field == "account" else refusal.field, refusal.message)
        else:
            statement.master = access.company
            messages.success(
                request, _("This is statement %(number)s.") % {"number": statement.name}
            )
            return redirect(statement)
    return _render(request, scope, account, form, status=422)


def _render(
    request: HttpRequest, scope: Scope, account: Account, form: RangeForm, *, status: int = 200
) -> HttpResponse:
    access = scope.access
    context: dict[str, Any] = {
        "access": access,
        "company": access.company,
        "account": account,
        "accounts": scope.accounts,
        "form": form,
    }
    if form.is_valid():
        first, last = form.cleaned_data["date_from"], form.cleaned_data["date_to"]
        context |= {"first": first, "last": last} | _read(request, scope, account, first, last)
    else:
        form.show_typed()
    return render(request, "reports/statement_activity.html", context, status=status)


def _read(
    request: HttpRequest, scope: Scope, account: Account, first: date, last: date
) -> dict[str, Any]:
    """Figures, kinds, days and movements."""
    company, zone = scope.company, scope.company.zone
    start, end = day_start(first, zone), day_start(last + DAY, zone)
    holds = read_life(account).held(start, end)
    of = request.GET.get("of", BALANCE if holds else USAGE)
    if of not in {BALANCE, USAGE} or (of == BALANCE and not holds):
        raise Http404
    is_balance = of == BALANCE
    totals = (totals_of if is_balance else usage_of)(account, first, last)
    kinds, spent = by_kind_and_day(totals)
    entries = scope.entries.filter(
        Q(holder=account) if is_balance else Q(account=account),
        posted_at__gte=start,
        posted_at__lt=end,
    )
    context: dict[str, Any] = {
        "holds": holds,
        "is_balance": is_balance,
        "kinds": kinds,
        "kind_figures": Figures(
            [each for kind in kinds for each in (kind.amount_in, -kind.amount_out, kind.net)],
            company.decimals,
        ),
        "amount_in": sum((each.amount_in for each in kinds), Decimal(0)),
        "amount_out": sum((each.amount_out for each in kinds), Decimal(0)),
        "entries": sum(each.entries for each in kinds),
        "chart_is_table": request.GET.get("chart") == "table",
        **_days(company, spent, first, last),
        **_movements(request, scope, entries, is_balance=is_balance and account.is_master),
    }
    if is_balance:
        before, until = stood_before(account, [start, end])
        context |= {"opening": before.balance, "closing": until.balance}
    else:
        context["table"].columns.hide("balance_after")
        context |= _pool(scope, account, first, last)
        context["cap"] = (
            CapChange.objects.filter(master=company, account=account, changed_at__lt=end)
            .order_by("-id")
            .first()
        )
    return context


def _days(
    company: Account, spent: Mapping[date, Decimal], first: date, last: date
) -> dict[str, Any]:
    """What was spent by day, drawn."""
    days = [first + number * DAY for number in range((last - first).days + 1)]
    chart = spending_chart(company, [(day, spent.get(day, Decimal(0))) for day in days])
    figures = Figures([each.amount for each in chart.parts], company.decimals)
    return {"spending_chart": chart, "chart_figures": figures}


def _movements(
    request: HttpRequest, scope: Scope, entries: QuerySet[Entry], *, is_balance: bool
) -> dict[str, Any]:
    """A page of the entries, newest first; who they are attributed to only where it varies."""
    page, is_bad = pages.NO_PAGE, False
    try:
        page = pages.read_page(entries, scope.company, request.GET.get("cursor", ""))
    except pages.BadCursorError:
        is_bad = True
    table = TransactionTable(page.entries, access=scope.access, names=scope.names)
    if not is_balance:
        table.columns.hide("account")
    return {"page": page, "cursor_is_bad": is_bad, "table": table}


def _pool(scope: Scope, account: Account, first: date, last: date) -> dict[str, Any]:
    """The account's part of what all spent from the shared balance: for who sees the tree."""
    if not scope.access.sees_tree or account.is_master:
        return {}
    drawn = totals_of(scope.company, first, last).spending()
    spent = dict(drawn.order_by().values_list("account_id").annotate(spent=SPENT))
    everyone = sum(spent.values(), Decimal(0))
    own = spent.get(account.pk, Decimal(0))
    if own <= 0 or everyone <= 0:
        return {}
    return {"pool_own": own, "pool_all": everyone, "pool_share": own * 100 / everyone}

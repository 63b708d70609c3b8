"""An account's balance, or a company's, as of a past moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import Access, access_or_404, account_or_404
from accounts.models import Account, State
from billing.as_of import BalanceAt, balances_at
from billing.as_of_form import AsOfForm, ends
from billing.as_of_table import AsOfTable, Line
from billing.standing import Standing

PAGE_SIZE = 50
# What the address may carry beside the page.
ASKED = ("day", "time")


@require_safe
def balance_as_of(request: HttpRequest, company: str, code: str) -> HttpResponse:
    """How the account stood at the end of ``day``, or of the minute ``time`` of it.

    Of a master account, its whole tree with it. Of the balance that a shared account drew on then,
    only those who see the tree are told. Without a day the form alone.
    """
    access = access_or_404(request.user, company)
    account = account_or_404(access, code)
    now = timezone.now()
    asked = any(name in request.GET for name in ASKED)
    form = AsOfForm(access.company, now, request.GET if asked else None)
    context: dict[str, Any] = {
        "access": access,
        "company": access.company,
        "account": account,
        "form": form,
        "ends": ends(now.astimezone(access.company.zone).date()),
    }
    if form.is_valid():
        moment = form.cleaned_data["moment"]
        day = form.cleaned_data["day"] if not form.cleaned_data["time"] else None
        context |= {"until": moment, "day": day} | _read(access, account, moment)
        if account.is_master:
            query = urlencode({name: request.GET.get(name, "") for name in ASKED})
            context |= _tree(access, moment, request.GET.get("page", "1"), query)
    return render(request, "billing/balance_as_of.html", context)


def _read(access: Access, account: Account, moment: datetime) -> dict[str, Any]:
    """How the account itself stood; ``then`` is None before it was opened."""
    asked = {account.pk, access.company.pk}
    found = balances_at(master=access.company.pk, accounts=asked, moment=moment)
    then = found.get(account.pk)
    if then is None:
        return {"then": None}
    return {
        "then": then,
        "state": _standing(then, found[access.company.pk]),
        # Whoever sees only the account is not told of the balance that others draw on, too.
        "is_told": then.is_own or access.sees_tree,
        "drew_on_master": not then.is_own,
    }


def _tree(access: Access, moment: datetime, number: str, query: str) -> dict[str, Any]:
    """The subaccounts that there were, a page of them, and what all held together: two queries."""
    accounts = {each.pk: each for each in access.accounts}
    found = balances_at(master=access.company.pk, accounts=accounts.keys(), moment=moment)
    pool = found.get(access.company.pk)
    if pool is None:
        return {}
    own = [each for each in found.values() if each.is_own]
    lines = _lines(access.company, accounts, found, pool)
    page = Paginator(lines, PAGE_SIZE).get_page(number)
    return {
        "page": page,
        "count": len(lines),
        "total": sum((each.credit for each in own), Decimal(0)),
        "table": AsOfTable(list(page), company=access.company, query=query),
    }


def _lines(
    company: Account,
    accounts: Mapping[int, Account],
    found: Mapping[int, BalanceAt],
    pool: BalanceAt,
) -> list[Line]:
    """The subaccounts by name; of the closed ones, none."""
    lines = [
        Line(accounts[each.account], each, _standing(each, pool))
        for each in found.values()
        if each.account != company.pk and each.state != State.CLOSED
    ]
    return sorted(lines, key=lambda line: line.account.name.casefold())


def _standing(then: BalanceAt, pool: BalanceAt) -> Standing:
    """As ``billing.standing`` says it of today."""
    if then.state == State.CLOSED:
        return Standing.CLOSED
    if {then.state, pool.state} != {State.ACTIVE}:
        return Standing.SUSPENDED
    return Standing.RESTRICTED if then.available <= 0 else Standing.ACTIVE

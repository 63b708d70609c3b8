"""The pages of subaccounts: the list, opening one, renaming one.

One account's own page is ``console.account_page``; what closes or opens its tap is
``billing.views.subaccount_changes``.
"""

from __future__ import annotations

import re

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import EmptyPage
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import Access, access_or_404, account_or_404
from accounts.models import Account, BalanceMode
from billing import caps, tree
from billing.account_filters import SubaccountFilter
from billing.account_forms import NewSubaccountForm, RenameForm
from billing.account_tables import SubaccountTable
from billing.ledger import StartAgain
from billing.models import Balance
from billing.standing import pace_of
from console.htmx import render_page_or_fragment

PAGE_SIZE = 50
SORTS = {"name", "-name", "code", "-code", "available", "-available"}


@require_safe
def subaccount_list(request: HttpRequest, company: str) -> HttpResponse:
    """The company's subaccounts, by name; closed ones last.

    ``q``, ``mode``, ``state`` and ``cap`` filter, ``sort`` and ``page`` are what they say, and a
    page past the last is the last. A sort or page that makes no sense answers 404.
    """
    access = access_or_404(request.user, company)
    access.require_tree()
    sort, number = request.GET.get("sort", "name"), request.GET.get("page", "1")
    if sort not in SORTS or not re.fullmatch(r"[1-9][0-9]{0,8}", number, re.ASCII):
        raise Http404
    pool = Balance.objects.get(master=access.company, account=access.company)
    filters = SubaccountFilter(request.GET, _balances(access), company=access.company, pool=pool)
    table = SubaccountTable(filters.qs, access=access, pool=pool, order_by=sort)
    try:
        table.paginate(page=int(number), per_page=PAGE_SIZE)
    except EmptyPage:
        table.page = table.paginator.page(table.paginator.num_pages)
    found = table.paginator.count
    context = {
        "access": access,
        "company": access.company,
        "form": filters.form,
        "table": table,
        "page": table.page,
        "news": ngettext("%(count)d subaccount", "%(count)d subaccounts", found)
        % {"count": found},
    }
    return render_page_or_fragment(
        request, "billing/subaccount_list.html", "billing/_subaccount_table.html", context
    )


@require_http_methods(["GET", "HEAD", "POST"])
def subaccount_new(request: HttpRequest, company: str) -> HttpResponse:
    """The form, and sending it. Sent twice it opens one account."""
    access = access_or_404(request.user, company)
    access.require_manage()
    form = NewSubaccountForm(access.company)
    if request.method == "POST":
        form = NewSubaccountForm(access.company, request.POST)
        answer = _open(request, access, form)
        if answer is not None:
            return answer
    context = {"access": access, "company": access.company, "form": form}
    status = 422 if form.is_bound else 200
    return render(request, "billing/subaccount_new.html", context, status=status)


@require_safe
def subaccount_code(request: HttpRequest, company: str) -> HttpResponse:
    """The fragment that proposes a code while the person types the name."""
    access = access_or_404(request.user, company)
    access.require_manage()
    form = NewSubaccountForm(access.company, request.GET)
    form.follow_name()
    return render(request, "billing/_subaccount_code.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def subaccount_rename(request: HttpRequest, company: str, code: str) -> HttpResponse:
    """Another name. Safe to repeat."""
    access = access_or_404(request.user, company)
    account = subaccount_or_404(access, code)
    access.require_manage()
    before = account.name
    form = RenameForm(request.POST if request.method == "POST" else None, initial={"name": before})
    if request.method == "POST" and form.is_valid():
        try:
            tree.rename(account=account, name=form.cleaned_data["name"], by=access.user)
        except ValidationError as refusal:
            form.add_refusal(refusal)
            account.name = before
        except StartAgain:
            form.add_error(None, _("The account was changing meanwhile: try again."))
            account.name = before
        else:
            if account.name != before:
                messages.success(
                    request,
                    _("Renamed %(before)s to %(name)s.") % {"before": before, "name": account},
                )
            return to_account(account)
    context = {"access": access, "company": access.company, "account": account, "form": form}
    status = 422 if form.errors else 200
    return render(request, "billing/subaccount_rename.html", context, status=status)


def subaccount_or_404(access: Access, code: str) -> Account:
    """The subaccount with this code; Http404 for a master account, which has no such page."""
    account = account_or_404(access, code)
    if account.is_master:
        raise Http404
    return account


def to_account(account: Account) -> HttpResponse:
    """Go to the account's page."""
    return redirect("subaccount-detail", company=account.company.code, code=account.code)


def _balances(access: Access) -> QuerySet[Balance]:
    """The balances of the subaccounts that the person may see, with ``pace`` and ``cap_used``.

    PostgreSQL adds them up only for the rows of the page, unless one searches by them.
    """
    visible = access.accounts.subaccounts()
    return (
        Balance.objects.filter(master=access.company, account__in=visible)
        .select_related("account")
        .annotate(pace=pace_of(access.company), cap_used=caps.used_now(access.company))
    )


def _open(request: HttpRequest, access: Access, form: NewSubaccountForm) -> HttpResponse | None:
    """Open the account and go to its page; None when the form says why not."""
    if not form.is_valid():
        return None
    known = form.cleaned_data
    try:
        account = tree.open_subaccount(
            master=access.company,
            code=known["code"],
            name=known["name"],
            mode=BalanceMode(known["mode"]),
            by=access.user,
        )
    except ValidationError as refusal:
        same = form.same_account()
        if same is None:
            form.add_refusal(refusal)
            return None
        account = same
        messages.info(
            request,
            _("%(name)s is there already, just so. No second one was opened.") % {"name": account},
        )
    except StartAgain:
        form.add_error(None, _("The company was changing meanwhile: try again."))
        return None
    else:
        messages.success(request, _("Opened %(name)s.") % {"name": account})
    account.master = access.company
    return to_account(account)

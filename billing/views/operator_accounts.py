"""Master accounts of the platform: finding one, and opening one."""

from __future__ import annotations

import re

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import invitations
from accounts.access import operator_or_404
from accounts.models import CODE_PATTERN, Account, Role, User
from accounts.reauthentication import fresh_proof_required
from accounts.refusals import Refused
from billing import tree
from billing.company_filters import CompanyFilter, subaccounts_of
from billing.company_forms import NewCompanyForm
from billing.ledger import StartAgain
from billing.models import Balance
from billing.standing import standing
from billing.views.operator_reading import PAGE_SIZE, busy
from console import places
from console.htmx import render_page_or_fragment


@require_safe
def account_list(request: HttpRequest) -> HttpResponse:
    """All master accounts, by code. ``q``, ``country`` and ``state`` filter.

    ``after`` goes on behind the account with this code. A fixed number of queries.
    """
    operator_or_404(request.user)
    form = CompanyFilter(request.GET)
    found = form.balances()
    after = request.GET.get("after")
    if after is not None:
        if not re.fullmatch(CODE_PATTERN, after):
            raise Http404
        found = found.filter(account__code__gt=after)
    rows = list(found[: PAGE_SIZE + 1])
    more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    counts = subaccounts_of([row.account_id for row in rows])
    asked = request.GET.copy()
    asked.pop("after", None)
    context = {
        "form": form,
        "rows": [_row(balance, counts) for balance in rows],
        "next": rows[-1].account.code if more else None,
        "is_later": after is not None,
        "query": asked.urlencode(),
    }
    return render_page_or_fragment(
        request,
        "operator/account_list.html",
        "operator/_account_table.html",
        context,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@fresh_proof_required(of=operator_or_404)
def account_new(request: HttpRequest) -> HttpResponse:
    """Open a master account, and invite its first admin. Sent twice it opens one, mails one."""
    operator = operator_or_404(request.user)
    form = NewCompanyForm()
    if request.method == "POST":
        form = NewCompanyForm(request.POST)
        company = _open(request, operator, form) if form.is_valid() else None
        if company is not None:
            if form.cleaned_data["email"]:
                _invite(request, operator, company, form.cleaned_data["email"])
            return redirect("operator-account", company=company.code)
    status = 422 if form.errors else 200
    return render(request, "operator/account_new.html", {"form": form}, status=status)


def _row(balance: Balance, counts: dict[int, int]) -> dict[str, object]:
    company = balance.account
    return {
        "balance": balance,
        "company": company,
        "country": places.country_name(company.country),
        "state": standing(company, balance, balance),
        "subaccounts": counts.get(company.pk, 0),
    }


def _open(request: HttpRequest, operator: User, form: NewCompanyForm) -> Account | None:
    """The account; None when the form says why there is none."""
    known = {name: value for name, value in form.cleaned_data.items() if name != "email"}
    try:
        company = tree.open_master(**known, by=operator)
    except ValidationError as refusal:
        same = form.same_company()
        if same is None:
            form.add_refusal(refusal)
            return None
        messages.info(
            request,
            _("%(name)s is there already, just so. No second one was opened.") % {"name": same},
        )
        return same
    except StartAgain:
        form.add_error(None, busy())
        return None
    messages.success(request, _("Opened %(name)s.") % {"name": company})
    return company


def _invite(request: HttpRequest, operator: User, company: Account, email: str) -> None:
    """The account is open whatever becomes of the mail: its page offers to try again."""
    try:
        made = invitations.invite(
            company=company, account=company, email=email, role=Role.MASTER_ADMIN, by=operator
        )
    except invitations.InvitedAlready as refusal:
        messages.info(request, refusal.message)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(
            request,
            _("%(email)s is invited: a mail with a link, valid for 7 days, is on its way.")
            % {"email": made.email},
        )

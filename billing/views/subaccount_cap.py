"""The spending cap of a subaccount: set, change, take away.

Safe to repeat: the cap that is there already is said, and nothing is done again. Unlike where
credit moves, no figures are carried along: a cap is right whatever was spent meanwhile, and one
below what is spent already is allowed.
"""

from __future__ import annotations

from decimal import Decimal

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import Access, access_or_404
from accounts.models import Account, State
from billing import cap_words, caps
from billing.cap_forms import CapForm, Outlook
from billing.caps import CapUse
from billing.ledger import StartAgain
from billing.models import Balance
from billing.refusals import AccountClosed
from billing.views.subaccounts import subaccount_or_404, to_account


@require_http_methods(["GET", "HEAD", "POST"])
def subaccount_cap(request: HttpRequest, company: str, code: str) -> HttpResponse:
    """The form, and sending it; ``take_away`` is its other button. GET with ``preview`` looks."""
    access = access_or_404(request.user, company)
    account = subaccount_or_404(access, code)
    access.require_manage()
    if request.method == "POST":
        if "take_away" in request.POST:
            return _change(request, access, account, None)
        form = CapForm(access.company, request.POST)
        if form.is_valid():
            return _change(request, access, account, form)
        return _page(request, access, account, form, status=422)
    if "preview" in request.GET:
        return _page(request, access, account, CapForm(access.company, request.GET))
    return _page(request, access, account)


@require_safe
def subaccount_cap_preview(request: HttpRequest, company: str, code: str) -> HttpResponse:
    """The fragment that tells, while the person types, what the cap would mean now."""
    access = access_or_404(request.user, company)
    account = subaccount_or_404(access, code)
    access.require_manage()
    usage, _before = caps.lately(account)
    outlook = CapForm(access.company, request.GET).outlook(usage)
    context = {"company": access.company, "outlook": outlook}
    return render(request, "billing/_cap_preview.html", context)


def _change(
    request: HttpRequest, access: Access, account: Account, form: CapForm | None
) -> HttpResponse:
    """Set the cap, or take it away without a form, and go to the account's page."""
    cap: Decimal | None = form.cleaned_data["amount"] if form else None
    is_hard = form.is_hard if form else True
    try:
        changed = caps.change(account=account, cap=cap, is_hard=is_hard, by=access.user)
    except AccountClosed as refusal:
        return _page(request, access, account, form, refusal=refusal, status=422)
    except StartAgain:
        trouble = _("The account was changing meanwhile, so nothing was done. Try again.")
        return _page(request, access, account, form, trouble=trouble, status=422)
    if changed:
        messages.success(request, _told(access, account, cap, is_hard))
    elif cap is None:
        messages.info(request, _("%(name)s had no spending cap.") % {"name": account})
    else:
        messages.info(
            request, _("This was the spending cap of %(name)s already.") % {"name": account}
        )
    return to_account(account)


def _told(access: Access, account: Account, cap: Decimal | None, is_hard: bool) -> str:
    """What was done, and how the account stands now."""
    if cap is None:
        return _("%(name)s has no spending cap any more.") % {"name": account}
    usage, _before = caps.lately(account)
    return _("%(name)s may spend at most %(cap)s. %(stands)s") % {
        "name": account,
        "cap": cap_words.amount_a_month(cap, access.company),
        "stands": cap_words.stands(CapUse(cap, is_hard, *usage), access.company),
    }


def _page(
    request: HttpRequest,
    access: Access,
    account: Account,
    form: CapForm | None = None,
    *,
    refusal: AccountClosed | None = None,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    if refusal is None and account.state == State.CLOSED:
        refusal = AccountClosed(account=account.pk, name=account.name)
    company = access.company
    balance = Balance.objects.get(master=company, account=account)
    usage, before = caps.lately(account)
    shown = form or CapForm.of(balance, company)
    outlook = shown.outlook(usage)
    if balance.cap is not None and not shown.is_bound:
        use = CapUse(balance.cap, balance.cap_is_hard, *usage)
        outlook = Outlook(use, cap_words.stands(use, company))
    context = {
        "access": access,
        "company": company,
        "account": account,
        "form": shown,
        "refusal": refusal,
        "trouble": trouble,
        "outlook": outlook,
        # Above the form and beside the field: twice is enough.
        "is_told": any(outlook.trouble in told for told in shown.errors.values()),
        "has_cap": balance.cap is not None,
        "usage": usage,
        "before": before,
        "months": caps.months(company),
    }
    return render(request, "billing/subaccount_cap.html", context, status=status)

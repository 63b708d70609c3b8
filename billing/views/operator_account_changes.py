"""What operators change of an account: name, credit limit, suspension, and the first admin.

All are safe to repeat. Each form carries what its page has shown: where somebody has changed that
meanwhile nothing is done, and the page says how it stands now.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import invitations, refusals
from accounts.access import operator_or_404
from accounts.models import Account, Role, State, User
from accounts.reauthentication import fresh_proof_required
from billing import companies, history, limits, tree
from billing.company_forms import (
    EditCompanyForm,
    FirstAdminForm,
    LimitForm,
    StateForm,
    limit_figures,
)
from billing.ledger import StartAgain
from billing.models import Balance
from billing.refusals import (
    AccountChanged,
    AccountClosed,
    CountryIsFixed,
    LimitChanged,
    Refused,
    SharedBalance,
)
from billing.views.operator_reading import account_in_or_404, busy, company_or_404

_page = require_http_methods(["GET", "HEAD", "POST"])


@_page
@fresh_proof_required(of=operator_or_404)
def account_edit(request: HttpRequest, company: str) -> HttpResponse:
    """Another name; another country while nothing hangs on it."""
    operator = operator_or_404(request.user)
    master = company_or_404(company)
    has_books = companies.has_books(master)
    form = EditCompanyForm(master, has_books=has_books)
    trouble = ""
    if request.method == "POST":
        form = EditCompanyForm(master, has_books=has_books, data=request.POST)
        if form.is_valid():
            typed = form.cleaned_data
            try:
                changed = companies.edit(
                    company=company_or_404(company),
                    name=typed["name"],
                    country=form.chosen_country,
                    by=operator,
                    shown=typed["shown"],
                )
            except ValidationError as refusal:
                form.add_refusal(refusal)
            except (AccountChanged, CountryIsFixed) as refusal:
                # The page shows what it is now; what was typed stays.
                master = company_or_404(company)
                trouble = refusal.message
            except StartAgain:
                trouble = busy()
            else:
                if changed:
                    messages.success(request, _("Saved %(name)s.") % {"name": typed["name"]})
                return redirect("operator-account", company=master.code)
        if trouble or "shown" in form.errors:
            form.renew(master)
    context = {"company": master, "form": form, "trouble": trouble, "has_books": has_books}
    return render(request, "operator/account_edit.html", context, status=_status(form, trouble))


@_page
@fresh_proof_required(of=operator_or_404)
def account_limit(request: HttpRequest, company: str, code: str) -> HttpResponse:
    """Another credit limit, of the master account or of an allocated subaccount."""
    operator = operator_or_404(request.user)
    account = account_in_or_404(company, code)
    balance = _balance(account)
    form = LimitForm(account, balance)
    trouble = ""
    if request.method == "POST":
        form = LimitForm(account, balance, request.POST)
        if form.is_valid():
            trouble = _set_limit(request, operator, account, form)
            if not trouble:
                return _to(account)
            balance = _balance(account)
        if trouble or "shown" in form.errors:
            form.renew(balance)
    context = _limit_context(account, balance, form) | {
        "trouble": trouble,
        "refusal": _no_limit(account),
    }
    return render(request, "operator/account_limit.html", context, status=_status(form, trouble))


@require_safe
def account_limit_preview(request: HttpRequest, company: str, code: str) -> HttpResponse:
    """The fragment that tells, while one types, what could be spent with this limit."""
    operator_or_404(request.user)
    account = account_in_or_404(company, code)
    balance = _balance(account)
    form = LimitForm(account, balance, request.GET)
    return render(request, "operator/_limit_preview.html", _limit_context(account, balance, form))


@_page
@fresh_proof_required(of=operator_or_404)
def account_suspend(request: HttpRequest, company: str, code: str) -> HttpResponse:
    """Close the tap of an account, or of a company's whole tree, with a reason."""
    return _set_state(request, company, code, State.SUSPENDED)


@_page
@fresh_proof_required(of=operator_or_404)
def account_restore(request: HttpRequest, company: str, code: str) -> HttpResponse:
    """Open the tap again, with a reason."""
    return _set_state(request, company, code, State.ACTIVE)


@_page
@fresh_proof_required(of=operator_or_404)
def account_admin(request: HttpRequest, company: str) -> HttpResponse:
    """Invite the first master admin of a company that has none; send again, or withdraw.

    ``do`` says which, ``invitation`` of which one. Sent twice it mails once.
    """
    operator = operator_or_404(request.user)
    master = company_or_404(company)
    offers = list(invitations.open_offers(master))
    form = FirstAdminForm()
    trouble = ""
    if request.method == "POST":
        do = request.POST.get("do", "invite")
        form = FirstAdminForm(request.POST if do == "invite" else None)
        if not form.is_bound or form.is_valid():
            try:
                said = _invite(request, operator, master, form)
            except refusals.Refused as refusal:
                if form.is_bound:
                    form.add_error(refusal.field, refusal.message)
                else:
                    trouble = refusal.message
                    offers = list(invitations.open_offers(master))
            else:
                messages.success(request, said)
                return redirect("operator-account", company=master.code)
    context = {"company": master, "form": form, "offers": offers, "trouble": trouble}
    return render(request, "operator/account_admin.html", context, status=_status(form, trouble))


def _set_limit(request: HttpRequest, operator: User, account: Account, form: LimitForm) -> str:
    """Change it and say so; the sentence why not, or nothing."""
    typed = form.cleaned_data
    told = {"name": account, "limit": limit_figures(account.company, typed["limit"])}
    try:
        changed = limits.change(
            account=account,
            limit=typed["limit"],
            reason=typed["reason"],
            by=operator,
            shown=typed["shown"],
        )
    except (LimitChanged, SharedBalance, AccountClosed) as refusal:
        return refusal.message
    except StartAgain:
        return busy()
    if changed is None:
        messages.info(request, _("%(limit)s was the credit limit of %(name)s already.") % told)
    else:
        messages.success(
            request,
            _("The credit limit of %(name)s is %(limit)s now; it was %(old)s.")
            % {**told, "old": limit_figures(account.company, changed.old)},
        )
    return ""


def _set_state(request: HttpRequest, company: str, code: str, wanted: State) -> HttpResponse:
    operator = operator_or_404(request.user)
    account = account_in_or_404(company, code)
    form = StateForm(account, wanted)
    trouble = ""
    if request.method == "POST":
        form = StateForm(account, wanted, request.POST)
        if form.is_valid():
            trouble = _change_state(request, operator, account, wanted, form)
            if not trouble:
                return _to(account)
            account = account_in_or_404(company, code)
        if trouble or "shown" in form.errors:
            form.renew(account)
    suspended = history.suspension(account) if account.state == State.SUSPENDED else None
    is_platforms = suspended is not None and history.is_platform(suspended.by)
    context = {
        "company": account.company,
        "account": account,
        "balance": _balance(account),
        "form": form,
        "trouble": trouble,
        "suspension": suspended,
        "is_closed": account.state == State.CLOSED,
        # The platform can make its own what the company has suspended.
        "is_done": account.state == wanted and (wanted == State.ACTIVE or is_platforms),
        "takes_over": account.state == wanted == State.SUSPENDED and not is_platforms,
    }
    template = {
        State.SUSPENDED: "operator/account_suspend.html",
        State.ACTIVE: "operator/account_restore.html",
    }[wanted]
    return render(request, template, context, status=_status(form, trouble))


def _change_state(
    request: HttpRequest, operator: User, account: Account, wanted: State, form: StateForm
) -> str:
    """Do it and say so; the sentence why not, or nothing."""
    typed = form.cleaned_data
    verb = tree.suspend if wanted == State.SUSPENDED else tree.restore
    try:
        changed = verb(
            account=account, by=operator, reason=typed["reason"], shown=int(typed["shown"])
        )
    except AccountChanged as refusal:
        return refusal.message
    except ValueError:
        # Closed, perhaps since the page was shown.
        return AccountClosed(account=account.pk, name=account.name).message
    except StartAgain:
        return busy()
    told = {
        (State.SUSPENDED, True): _("Suspended %(name)s. Only operators can restore it."),
        (State.SUSPENDED, False): _("%(name)s was suspended already."),
        (State.ACTIVE, True): _("Restored %(name)s."),
        (State.ACTIVE, False): _("%(name)s was not suspended."),
    }
    say = messages.success if changed else messages.info
    say(request, told[wanted, changed] % {"name": account})
    return ""


def _invite(request: HttpRequest, operator: User, master: Account, form: FirstAdminForm) -> str:
    """Do what was asked for; what to say of it. Raises what ``invitations`` raises."""
    do, number = request.POST.get("do", "invite"), request.POST.get("invitation", "")
    mailed = _("%(email)s is invited: a mail with a link, valid for 7 days, is on its way.")
    if do == "invite":
        made = invitations.invite(
            company=master,
            account=master,
            email=form.cleaned_data["email"],
            role=Role.MASTER_ADMIN,
            by=operator,
        )
        return mailed % {"email": made.email}
    offered = {str(each.pk): each.pk for each in invitations.open_offers(master)}
    # What is none of these is none any more: the verb says so.
    which = offered.get(number, 0)
    if do == "again":
        made = invitations.send_again(company=master, invitation=which, by=operator)
        return mailed % {"email": made.email}
    if do == "withdraw":
        ended = invitations.withdraw(company=master, invitation=which, by=operator)
        return _("The invitation of %(email)s is withdrawn: its link is dead.") % {
            "email": ended.email
        }
    raise PermissionDenied(_("This page knows no such action."))


def _limit_context(account: Account, balance: Balance, form: LimitForm) -> dict[str, Any]:
    limit = form.typed()
    after = None if limit is None else balance.credit + limit - balance.on_hold
    return {
        "company": account.company,
        "account": account,
        "balance": balance,
        "form": form,
        "limit": limit,
        "after": after,
        "stops": after is not None and after <= Decimal(0) < balance.available,
        "shared_draw": account.is_master,
    }


def _no_limit(account: Account) -> Refused | None:
    """Why the account has no credit limit that could be changed, or None."""
    if account.state == State.CLOSED:
        return AccountClosed(account=account.pk, name=account.name)
    if account.is_shared:
        return SharedBalance(account=account.pk, name=account.name)
    return None


def _balance(account: Account) -> Balance:
    """The account's own balance, which knows its account."""
    found = Balance.objects.get(master=account.master_id, account=account)
    found.account = account
    return found


def _to(account: Account) -> HttpResponse:
    return redirect("operator-account", company=account.company.code)


def _status(form: Any, trouble: str) -> int:
    return 422 if trouble or form.errors else 200

"""Alerts: the page with notices and thresholds; setting, changing and removing one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import EmptyPage, Paginator
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import Access, access_or_404, account_or_404
from accounts.models import CODE_PATTERN, Account, Membership, Role, State
from billing import alerts, notices
from billing.alert_forms import AlertAccountForm, AlertForm
from billing.ledger import StartAgain
from billing.models import Alert, Balance, Level
from billing.refusals import AccountClosed, Refused, SharedBalance
from console import money

_page = require_http_methods(["GET", "HEAD", "POST"])

PAGE_SIZE = 50
NOTICES = 10


@require_safe
def alert_list(request: HttpRequest, company: str) -> HttpResponse:
    """The notices about the accounts that the person sees, newest first, and the thresholds.

    ``page`` is of the thresholds; ``before`` shows notices older than that one.
    """
    access = access_or_404(request.user, company)
    found = notices.visible(access)
    before = request.GET.get("before")
    if before is not None:
        found = found.filter(id__lt=_number_or_404(before))
    shown = list(found[: NOTICES + 1])
    more = len(shown) > NOTICES
    shown = shown[:NOTICES]
    paginator = Paginator(_alerts(access), PAGE_SIZE)
    number = _number_or_404(request.GET.get("page", "1"))
    try:
        page = paginator.page(number)
    except EmptyPage:
        page = paginator.page(paginator.num_pages)
    rows = _rows(access, list(page))
    context = {
        "access": access,
        "company": access.company,
        "notices": shown,
        "older": shown[-1].pk if more else None,
        "newest": shown[0].pk if shown else None,
        "is_older": before is not None,
        "has_unseen": notices.count_unseen(access) > 0,
        "rows": rows,
        "page": page,
        "can_set": access.can_alert_any,
    }
    return render(request, "billing/alert_list.html", context)


@_page
def alert_new(request: HttpRequest, company: str) -> HttpResponse:
    """First the account, then threshold and recipients. Sent twice it sets one alert.

    ``account`` is its code, as other pages link here; ``of`` its id, as the list sends it.
    """
    access = access_or_404(request.user, company)
    if not access.can_alert_any:
        access.require_alert(access.company)
    code = request.GET.get("account")
    if code is None:
        return _choose(request, access)
    if not re.fullmatch(CODE_PATTERN, code):
        raise Http404
    account = account_or_404(access, code)
    access.require_alert(account)
    form = AlertForm(account, initial={"recipients": [access.user.pk]})
    refusal = _cannot_set(account)
    if request.method == "POST" and refusal is None:
        form = AlertForm(account, request.POST)
        answer = _add(request, access, account, form)
        if answer is not None:
            return answer
    status = 422 if request.method == "POST" else 200
    return _form_page(request, access, account, form, refusal=refusal, status=status, alert=None)


@_page
def alert_edit(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Another threshold or other recipients. Safe to repeat."""
    access = access_or_404(request.user, company)
    gone = _gone(request, access, pk)
    if gone is not None:
        return gone
    alert = _alert_or_404(access, pk)
    access.require_alert(alert.account)
    chosen = [row.user_id for row in alert.recipient_rows.all()]
    decimals = access.company.decimals
    form = AlertForm(
        alert.account,
        initial={"threshold": f"{alert.threshold:.{decimals}f}", "recipients": chosen},
    )
    refusal = _cannot_set(alert.account, shared_too=True)
    if request.method == "POST" and refusal is None:
        form = AlertForm(alert.account, request.POST)
        answer = _change(request, access, alert, form)
        if answer is not None:
            return answer
    status = 422 if request.method == "POST" else 200
    return _form_page(
        request, access, alert.account, form, refusal=refusal, status=status, alert=alert
    )


@_page
def alert_delete(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Remove the alert. Safe to repeat: what is gone is said, and nothing else happens."""
    access = access_or_404(request.user, company)
    trouble = ""
    gone = _gone(request, access, pk)
    if gone is not None:
        return gone
    alert = _alert_or_404(access, pk)
    access.require_alert(alert.account)
    if request.method == "POST":
        try:
            alerts.remove(alert=alert, by=access.user)
        except StartAgain:
            trouble = _try_again()
        else:
            messages.success(
                request, _("Removed the alert of %(name)s.") % {"name": alert.account}
            )
            return redirect("alert-list", company=company)
    context = {
        "access": access,
        "company": access.company,
        "account": alert.account,
        "alert": alert,
        "trouble": trouble,
    }
    status = 422 if trouble else 200
    return render(request, "billing/alert_delete.html", context, status=status)


def _choose(request: HttpRequest, access: Access) -> HttpResponse:
    """Which account. Who may set those of one account only is not asked."""
    balances = list(
        Balance.objects.filter(master=access.company, account__in=_settable(access))
        .exclude(account__state=State.CLOSED)
        .select_related("account")
        .order_by("account__name")
    )
    for row in balances:
        row.account.master = access.company
    own = [row.account for row in balances if not row.account.is_shared]
    if "of" not in request.GET and len(balances) == len(own) == 1:
        return _to_form(access, own[0])
    sent = "of" in request.GET or request.method == "POST"
    form = AlertAccountForm(balances, request.GET if sent else None)
    if sent and form.is_valid():
        return _to_form(access, form.cleaned_data["of"])
    context = {"access": access, "company": access.company, "form": form}
    return render(request, "billing/alert_account.html", context, status=422 if sent else 200)


def _to_form(access: Access, account: Account) -> HttpResponse:
    answer = redirect("alert-new", company=access.company.code)
    answer["Location"] += f"?account={account.code}"
    return answer


def _add(
    request: HttpRequest, access: Access, account: Account, form: AlertForm
) -> HttpResponse | None:
    """Set the alert and go to the list; None when the form says why not."""

    def verb() -> Alert:
        return alerts.add(account=account, **form.cleaned_data, by=access.user)

    try:
        alert = _attempt(form, verb)
    except alerts.ThresholdTaken as refusal:
        told = set(refusal.alert.recipient_rows.values_list("user", flat=True))
        if told == {user.pk for user in form.cleaned_data["recipients"]}:
            messages.info(request, _("%s No second one was set.") % refusal.message)
            return redirect("alert-list", company=access.company.code)
        form.add_error("threshold", refusal.message)
        return None
    if alert is None:
        return None
    _say(request, access, account, alert)
    return redirect("alert-list", company=access.company.code)


def _change(
    request: HttpRequest, access: Access, alert: Alert, form: AlertForm
) -> HttpResponse | None:
    def verb() -> Alert:
        return alerts.change(alert=alert, **form.cleaned_data, by=access.user)

    try:
        changed = _attempt(form, verb)
    except alerts.AlertGone as refusal:
        messages.error(request, refusal.message)
        return redirect("alert-list", company=access.company.code)
    except alerts.ThresholdTaken as refusal:
        form.add_error("threshold", refusal.message)
        return None
    if changed is None:
        return None
    _say(request, access, alert.account, changed)
    return redirect("alert-list", company=access.company.code)


def _attempt(form: AlertForm, verb: Callable[[], Alert]) -> Alert | None:
    """Do it; None when the form says why not."""
    if not form.is_valid():
        return None
    try:
        return verb()
    except (alerts.TooManyAlerts, SharedBalance, AccountClosed) as refusal:
        form.add_error(None, refusal.message)
    except StartAgain:
        form.add_error(None, _try_again())
    return None


def _say(request: HttpRequest, access: Access, account: Account, alert: Alert) -> None:
    """That it is set, and where the balance stands already: of that nobody is mailed."""
    words = {
        "name": account,
        "currency": access.company.currency,
        "threshold": money.format_amount(alert.threshold, access.company.decimals),
    }
    messages.success(
        request, _("The alert of %(name)s stands at %(currency)s %(threshold)s.") % words
    )
    if alert.level == Level.BELOW:
        messages.warning(
            request,
            _(
                "The balance of %(name)s is below it already, so nobody is mailed about it: the"
                " first mail comes when it has recovered and falls again."
            )
            % words,
        )
    elif alert.level == Level.APPROACHING:
        messages.warning(
            request,
            _(
                "The balance of %(name)s is approaching it already: the first mail comes when it"
                " falls below."
            )
            % words,
        )


def _form_page(
    request: HttpRequest,
    access: Access,
    account: Account,
    form: AlertForm,
    *,
    refusal: Refused | None,
    status: int,
    alert: Alert | None,
) -> HttpResponse:
    balance = Balance.objects.get(master=access.company, account=account)
    context: dict[str, Any] = {
        "access": access,
        "company": access.company,
        "account": account,
        "balance": None if account.is_shared else balance,
        "form": form,
        "refusal": refusal,
        "alert": alert,
    }
    return render(request, "billing/alert_form.html", context, status=status)


def _visible(access: Access) -> QuerySet[Alert]:
    """The alerts of the accounts that the person may see."""
    return Alert.objects.filter(master=access.company, account__in=access.accounts)


def _alerts(access: Access) -> QuerySet[Alert]:
    """Those, with what their lines show: the master account first, then by name."""
    own = Balance.objects.filter(master=OuterRef("master"), account=OuterRef("account"))
    return (
        _visible(access)
        .exclude(account__state=State.CLOSED)
        .select_related("account")
        .prefetch_related("recipient_rows__user")
        .annotate(
            credit=Subquery(own.values("credit")[:1]),
            credit_limit=Subquery(own.values("credit_limit")[:1]),
            on_hold=Subquery(own.values("on_hold")[:1]),
            is_master=Q(account=F("master")),
        )
        .order_by("-is_master", Lower("account__name"), "account", "threshold")
    )


def _rows(access: Access, found: list[Any]) -> list[dict[str, Any]]:
    """The lines of the page. Of an alert that rests no figure but its own is known.

    Only who may still see the account is told, so only they are named: one query for all.
    """
    company = access.company
    users = {row.user_id for alert in found for row in alert.recipient_rows.all()}
    members = set(
        Membership.objects.filter(master=company, user__in=users).values_list("user", "account")
    )
    rows = []
    for alert in found:
        alert.account.master = company
        is_resting = alert.account.is_shared
        available = alert.credit + alert.credit_limit - alert.on_hold
        rows.append(
            {
                "alert": alert,
                "is_resting": is_resting,
                "available": None if is_resting else available,
                "people": sorted(
                    str(row.user)
                    for row in alert.recipient_rows.all()
                    if row.user.is_active
                    and not members.isdisjoint(
                        {(row.user_id, alert.account_id), (row.user_id, company.pk)}
                    )
                ),
                "can_change": access.can_alert(alert.account),
            }
        )
    return rows


def _alert_or_404(access: Access, pk: int) -> Alert:
    alert = _visible(access).select_related("account").filter(pk=pk).first()
    if alert is None:
        raise Http404
    alert.account.master = access.company
    return alert


def _gone(request: HttpRequest, access: Access, pk: int) -> HttpResponse | None:
    """Where a form about an alert leads that is no more, for who could have had it open."""
    if (
        request.method != "POST"
        or not access.can_alert_any
        or Alert.objects.filter(pk=pk).exists()
    ):
        return None
    messages.info(request, _("This alert was removed already."))
    return redirect("alert-list", company=access.company.code)


def _settable(access: Access) -> QuerySet[Account]:
    """The accounts whose alerts the person may set."""
    if access.can_manage:
        return access.accounts
    mine = [pk for pk, role in access.roles.items() if role == Role.SUBACCOUNT_ADMIN]
    return access.accounts.filter(pk__in=mine)


def _cannot_set(account: Account, *, shared_too: bool = False) -> Refused | None:
    """Why the account can have no alert as it stands."""
    if account.state == State.CLOSED:
        return AccountClosed(account=account.pk, name=account.name)
    if account.is_shared and not shared_too:
        return SharedBalance(account=account.pk, name=account.name)
    return None


def _try_again() -> str:
    return _("The balance was changing meanwhile, so nothing was done. Try again.")


def _number_or_404(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,17}", text, re.ASCII):
        raise Http404
    return int(text)

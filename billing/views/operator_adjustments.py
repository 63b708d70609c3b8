"""Adjustments by operators: making one, with its preview; the list of them; and undoing one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import operator_or_404
from accounts.models import Account, User
from accounts.reauthentication import fresh_proof_required
from billing import approvals, second_operator
from billing.adjustment_forms import AdjustForm, ReasonForm
from billing.ledger import Outcome, StartAgain, Status
from billing.models import Approval, ApprovalState, Asked, Balance, Entry, Kind, Origin
from billing.payment_figures import holder_of
from billing.refusals import ReferenceConflict, Refused
from billing.views.operator_reading import (
    PAGE_SIZE,
    Change,
    busy,
    company_or_404,
    tell_asked,
)
from console import money

# What is typed to find a company.
LONGEST = 100
# How an entry stands in an address: company, holder, number.
_PLACE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})-([0-9]{1,18})", re.ASCII)

Form = TypeVar("Form", bound=ReasonForm)


# Kept by the browser, so that Back shows the same key, and what is sent again is known again.
@cache_control(private=True, no_cache=True)
@require_http_methods(["GET", "HEAD", "POST"])
@fresh_proof_required(of=operator_or_404)
def adjust(request: HttpRequest, company: str) -> HttpResponse:
    """Adjust the credit of one of the company's accounts; ``account`` is the code of one.

    Without JavaScript the preview comes here by GET.
    """
    operator = operator_or_404(request.user)
    master = company_or_404(company)
    trouble = ""
    if request.method == "POST":
        form = _form(operator, master, request, bound=True)
        if form.is_valid():
            trouble = _adjust(request, operator, form)
            if not trouble and not form.errors:
                return redirect(_after(form.cleaned_data["key"], master))
        elif "key" in form.errors:
            form.renew_key()
    else:
        form = _form(operator, master, request, bound="preview" in request.GET)
    outlook = form.outlook()
    if request.method != "POST" and form.is_bound:
        form.errors.clear()
        # One that came in an address may be sent twice by two people.
        form.renew_key()
    context = {
        "company": master,
        "form": form,
        "outlook": outlook,
        "alone": form.alone,
        "trouble": trouble,
        "is_told": bool(form.errors) or bool(trouble),
    }
    status = 422 if trouble or form.errors else 200
    return render(request, "operator/adjust.html", context, status=status)


@require_safe
def adjust_preview(request: HttpRequest, company: str) -> HttpResponse:
    """The fragment that tells, while the operator types, what would happen."""
    operator = operator_or_404(request.user)
    master = company_or_404(company)
    form = _form(operator, master, request, bound=True)
    context = {"company": master, "outlook": form.outlook(), "alone": form.alone}
    return render(request, "operator/_adjust_preview.html", context)


class Adjustment(NamedTuple):
    """One line of the list: who made it, who agreed, and by whom it was undone if it was."""

    entry: Entry
    place: str
    agreed_by: User | None
    undone: Entry | None


@require_safe
def adjustment_list(request: HttpRequest) -> HttpResponse:
    """Adjustments, newest first; ``company`` (its code) narrows them, ``before`` goes on."""
    operator_or_404(request.user)
    code = request.GET.get("company", "").strip()
    master, trouble = None, ""
    if code:
        if len(code) <= LONGEST and "\0" not in code:
            master = Account.objects.masters().filter(code=code.lower()).first()
        if master is None:
            trouble = _("No company has the code %(code)s.") % {"code": code[:LONGEST]}
    rows = _adjustments(master) if not trouble else Entry.objects.none()
    before = request.GET.get("before")
    if before is not None:
        rows = _older_than(rows, _entry_or_404(before))
    found = list(rows[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    context = {
        "adjustments": _told(shown),
        "next": _place(shown[-1]) if len(found) > PAGE_SIZE else None,
        "is_later": before is not None,
        "company": master,
        "code": code[:LONGEST],
        "query": urlencode({"company": code}) if code else "",
        "trouble": trouble,
    }
    status = 422 if trouble else 200
    return render(request, "operator/adjustment_list.html", context, status=status)


@cache_control(private=True, no_cache=True)
@require_http_methods(["GET", "HEAD", "POST"])
@fresh_proof_required(of=operator_or_404)
def adjustment_undo(request: HttpRequest, place: str) -> HttpResponse:
    """Undo one adjustment, whole and once, for the holder of today."""
    operator = operator_or_404(request.user)
    entry = _entry_or_404(place)
    [told] = _told([entry])
    company = entry.account.company
    here = f"{reverse('operator-adjustment-list')}?{urlencode({'company': company.code})}"
    if entry.origin != Origin.CONSOLE:
        raise Http404
    form = ReasonForm(request.POST if request.method == "POST" else None)
    trouble = ""
    if told.undone:
        messages.info(request, _("This adjustment was undone already, and not again."))
        return redirect(here)
    if request.method == "POST":
        if form.is_valid():
            trouble = _undo(request, operator, entry, form)
            if not trouble and not form.errors:
                return redirect(_after(form.cleaned_data["key"], company))
        elif "key" in form.errors:
            form.renew_key()
    balance = holder_of(entry.account)
    alone = second_operator.alone(company=company, by=operator)
    context = {
        "entry": entry,
        "told": told,
        "company": company,
        "here": here,
        "form": form,
        "change": Change(balance, -entry.amount),
        "alone": alone,
        "needs_second": abs(entry.amount) > alone.left,
        "trouble": trouble,
    }
    status = 422 if trouble or form.errors else 200
    return render(request, "operator/adjustment_undo.html", context, status=status)


def _form(operator: User, master: Account, request: HttpRequest, *, bound: bool) -> AdjustForm:
    found = Balance.objects.filter(master=master).select_related("account")
    for row in found:
        row.account.master = master
    rows = sorted(found, key=lambda row: (not row.account.is_master, row.account.name.casefold()))
    alone = second_operator.alone(company=master, by=operator)
    if bound:
        data = request.POST if request.method == "POST" else request.GET
        return AdjustForm(master, rows, alone, data)
    wanted = request.GET.get("account", "")
    chosen = next((row.account for row in rows if row.account.code == wanted), None)
    if wanted and chosen is None:
        raise Http404
    return AdjustForm(master, rows, alone, chosen=chosen)


def _adjust(request: HttpRequest, operator: User, form: AdjustForm) -> str:
    """Do it, or ask; the sentence why not, or nothing. Errors go to the form."""
    typed = form.cleaned_data
    asked_before = Approval.objects.filter(key=typed["key"]).exists()
    try:
        done = approvals.adjust(
            account=typed["account"],
            amount=form.signed,
            reason=typed["reason"],
            key=typed["key"],
            by=operator,
        )
    except StartAgain:
        return busy()
    if isinstance(done, Approval):
        same = (Asked.ADJUST, typed["account"].pk, form.signed)
        if (done.what, done.account_id, done.amount) != same:
            return _other_number(form)
        tell_asked(request, done, again=asked_before)
        return ""
    if isinstance(done.refusal, ReferenceConflict):
        return _other_number(form)
    if done.refusal is not None:
        form.add_error("amount", done.refusal.message)
        return ""
    names = {"account": typed["account"], "amount": _signed(typed["account"], form.signed)}
    if done.status == Status.REPLAYED:
        messages.info(
            request,
            _("This adjustment was made when the form was first sent, and not again."),
        )
    else:
        messages.success(request, _("Adjusted %(account)s by %(amount)s.") % names)
    return ""


def _undo(request: HttpRequest, operator: User, entry: Entry, form: ReasonForm) -> str:
    typed = form.cleaned_data
    asked_before = Approval.objects.filter(key=typed["key"]).exists()
    try:
        done = approvals.undo(
            account=entry.account,
            reference=entry.reference,
            amount=-entry.amount,
            reason=typed["reason"],
            key=typed["key"],
            by=operator,
        )
    except StartAgain:
        return busy()
    except Refused as refusal:
        return refusal.message
    if isinstance(done, Approval):
        same = (Asked.UNDO, entry.account_id, entry.reference)
        if (done.what, done.account_id, done.undoes) != same:
            return _other_number(form)
        tell_asked(request, done, again=asked_before)
        return ""
    return _tell_undone(request, entry, done)


def _tell_undone(request: HttpRequest, entry: Entry, done: Outcome) -> str:
    if done.refusal is not None:
        return done.refusal.message
    if done.status == Status.REPLAYED:
        messages.info(request, _("This adjustment was undone already, and not again."))
    else:
        messages.success(
            request,
            _("Undone: %(amount)s for %(account)s.")
            % {"amount": _signed(entry.account, -entry.amount), "account": entry.account},
        )
    return ""


def _other_number(form: Form) -> str:
    form.renew_key()
    return _("The form had the number of another one. It has a new one now: send it again.")


def _after(key: UUID, company: Account) -> str:
    """Where to go: to the request, if it takes a second operator."""
    asked = Approval.objects.filter(key=key).first()
    if asked is not None:
        return asked.get_absolute_url()
    return f"{reverse('operator-adjustment-list')}?{urlencode({'company': company.code})}"


def _signed(account: Account, amount: Decimal) -> str:
    signed = money.format_amount(amount, account.decimals, sign=True)
    return f"{account.company.currency} {signed}"


def _adjustments(master: Account | None) -> QuerySet[Entry]:
    """Newest first. Of all companies by the index of each, for an index begins with a company."""
    companies = Account.objects.masters() if master is None else [master]
    return (
        Entry.objects.filter(master__in=companies, kind=Kind.ADJUSTMENT)
        .select_related("account__master", "by")
        .order_by("-posted_at", "-master", "-holder", "-seq")
    )


def _older_than(rows: QuerySet[Entry], last: Entry) -> QuerySet[Entry]:
    key = {"posted_at": last.posted_at, "master": last.master_id, "holder": last.holder_id}
    same: dict[str, object] = {}
    older = Q()
    for name, value in (key | {"seq": last.seq}).items():
        older |= Q(**same, **{f"{name}__lt": value})
        same[name] = value
    return rows.filter(older, posted_at__lte=last.posted_at)


def _place(entry: Entry) -> str:
    return f"{entry.master_id}-{entry.holder_id}-{entry.seq}"


def _entry_or_404(place: str) -> Entry:
    match = _PLACE.fullmatch(place)
    if match is None:
        raise Http404
    master, holder, seq = map(int, match.groups())
    rows = Entry.objects.filter(kind=Kind.ADJUSTMENT).select_related("account__master", "by")
    return get_object_or_404(rows, master=master, holder=holder, seq=seq)


def _told(entries: Iterable[Entry]) -> list[Adjustment]:
    """The entries with who agreed and what undid them: two queries."""
    rows = list(entries)
    companies = {row.master_id for row in rows}
    names = {second_operator.reversal_of(row.reference) for row in rows}
    undone = {
        (each.master_id, each.reference): each
        for each in Entry.objects.filter(
            master__in=companies, origin=Origin.REVERSAL, reference__in=names
        ).select_related("by")
    }
    keys = [
        key for row in rows if (key := row.reference.removeprefix("adjustment-")) != row.reference
    ]
    agreed = {
        second_operator.reference_of(each.key): each.decided_by
        for each in Approval.objects.filter(
            key__in=[key for key in map(_uuid, keys) if key],
            what=Asked.ADJUST,
            state=ApprovalState.AGREED,
        ).select_related("decided_by")
    }
    return [
        Adjustment(
            row,
            _place(row),
            agreed.get(row.reference),
            undone.get((row.master_id, second_operator.reversal_of(row.reference)))
            if row.origin == Origin.CONSOLE
            else None,
        )
        for row in rows
    ]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

"""The pages of transfers: history, form with live preview, one transfer."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import Access, access_or_404
from billing import transfers
from billing.forms import TransferForm
from billing.models import Balance, Entry, Kind, Origin, Transfer
from billing.tables import Side, SideTable, TransferTable, made_by
from console import money
from console.htmx import render_page_or_fragment

PAGE_SIZE = 50


# What an address may fill into the form. Never the key, for a link may be opened twice.
FILLED_IN = ("amount", "from", "to", "note")


@require_safe
def transfer_list(request: HttpRequest, company: str) -> HttpResponse:
    """The history, newest first; ``?before=<id>`` continues after that transfer."""
    access = access_or_404(request.user, company)
    found = _visible(access).order_by("-created_at", "-pk")
    before = request.GET.get("before")
    if before:
        found = _older(found, before)
    rows = list(found[: PAGE_SIZE + 1])
    shown = rows[:PAGE_SIZE]
    _hide_other_names(access, shown)
    context = {
        "access": access,
        "company": access.company,
        "table": TransferTable(shown, access=access),
        "news": ngettext(
            "%(count)d transfer on this page", "%(count)d transfers on this page", len(shown)
        )
        % {"count": len(shown)},
        "is_first_page": not before,
        "empty": "" if shown else _why_none(access),
        "older": shown[-1].pk if len(rows) > PAGE_SIZE else None,
    }
    return render_page_or_fragment(
        request, "billing/transfer_list.html", "billing/_transfer_table.html", context
    )


# Kept by the browser, so that Back shows the same key, and what is sent again is known again.
@cache_control(private=True, no_cache=True)
@require_http_methods(["GET", "HEAD", "POST"])
def transfer_new(request: HttpRequest, company: str) -> HttpResponse:
    """The form, and sending it. Without JavaScript, Preview and Swap come here by GET."""
    access = access_or_404(request.user, company)
    access.require_transfer()
    if request.method == "POST":
        form = TransferForm(access.company, _balances(access), request.POST)
        answer = _make(request, access, form)
        if answer is not None:
            return answer
        return _render_form(request, access, form, status=422)
    address = _tidy(request)
    if address is not None:
        return redirect(address)
    typed = {name: request.GET.get(name, "") for name in FILLED_IN}
    typed["key"] = TransferForm.fresh_key()
    form = TransferForm(access.company, _balances(access), typed)
    if "preview" not in request.GET:
        form.forgive()
    return _render_form(request, access, form)


@require_safe
def transfer_preview(request: HttpRequest, company: str) -> HttpResponse:
    """The fragment that tells, while the person types, what would happen."""
    access = access_or_404(request.user, company)
    access.require_transfer()
    form = TransferForm(access.company, _balances(access), request.GET)
    context = {"company": access.company, "outlook": form.outlook()}
    return render(request, "billing/_transfer_preview.html", context)


@require_safe
def transfer_detail(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """One transfer with both entries; each side's balances only for those who may see them."""
    access = access_or_404(request.user, company)
    transfer = get_object_or_404(_visible(access), pk=pk)
    _hide_other_names(access, [transfer])
    entries = Entry.objects.filter(
        master=access.company,
        origin=Origin.CONSOLE,
        reference=transfer.reference,
        kind=Kind.TRANSFER,
        account__in=access.accounts,
    )
    by_account = {entry.account_id: entry for entry in entries}
    sides = [
        Side(account, amount, by_account.get(account.pk))
        for account, amount in (
            (transfer.source, -transfer.amount),
            (transfer.destination, transfer.amount),
        )
    ]
    context = {
        "access": access,
        "company": access.company,
        "transfer": transfer,
        "made_by": made_by(transfer, access.user),
        "sides": SideTable(sides, company=access.company),
        "back": _way_back(transfer) if access.can_transfer else None,
    }
    return render(request, "billing/transfer_detail.html", context)


def _visible(access: Access) -> QuerySet[Transfer]:
    """The company's transfers that the person may see, each with whom it names."""
    return (
        transfers.visible_to(access.user)
        .filter(master=access.company)
        .select_related("master", "source", "destination", "by")
    )


def _hide_other_names(access: Access, shown: list[Transfer]) -> None:
    """To who sees only parts of the company, its other subaccounts have no names: one query."""
    if access.sees_tree:
        return
    visible = set(access.accounts.values_list("pk", flat=True))
    for transfer in shown:
        for account in (transfer.source, transfer.destination):
            if account.pk not in visible and not account.is_master:
                account.name = _("Another subaccount")


def _older(found: QuerySet[Transfer], before: str) -> QuerySet[Transfer]:
    """Those before the transfer with this id, by the index and without counting."""
    if not re.fullmatch(r"[0-9]{1,18}", before, re.ASCII):
        raise Http404
    last = get_object_or_404(found, pk=before)
    # The first condition alone is what the index serves.
    return found.filter(created_at__lte=last.created_at).filter(
        Q(created_at__lt=last.created_at) | Q(pk__lt=last.pk)
    )


def _balances(access: Access) -> list[Balance]:
    """The balances of the company's accounts: the master account's, then the others by name."""
    found = Balance.objects.filter(
        master=access.company, account__in=access.accounts
    ).select_related("account")
    for row in found:
        row.account.master = access.company
    return sorted(found, key=lambda row: (not row.account.is_master, row.account.name.casefold()))


def _why_none(access: Access) -> str:
    """Why a person whose subaccounts all draw on the shared balance sees no transfers, or ""."""
    if access.sees_tree:
        return ""
    accounts = list(access.accounts)
    if not all(account.is_shared for account in accounts):
        return ""
    if len(accounts) == 1:
        return _(
            "%(account)s spends from the shared balance, so there is nothing to transfer."
        ) % {"account": accounts[0]}
    return _("Your subaccounts spend from the shared balance, so there is nothing to transfer.")


def _tidy(request: HttpRequest) -> str | None:
    """The address to go to instead, when this one is what a form without JavaScript has sent.

    Preview and Swap send all that is in the form: what is empty is left out, and so is the key;
    the swapped accounts change places.
    """
    given = [name for name in FILLED_IN if name in request.GET]
    swap = "swap" in request.GET
    if not swap and "key" not in request.GET and all(request.GET[name] for name in given):
        return None
    filled = {name: request.GET[name] for name in given if request.GET[name]}
    if swap:
        names = {"from": "to", "to": "from"}
        filled = {names.get(name, name): value for name, value in filled.items()}
    if "preview" in request.GET:
        filled["preview"] = "1"
    return f"{request.path}?{urlencode(filled)}" if filled else request.path


def _way_back(transfer: Transfer) -> str:
    """The address of the form that moves it back, filled in."""
    filled = {
        "amount": money.round_down(transfer.amount, transfer.master.decimals),
        "from": transfer.destination_id,
        "to": transfer.source_id,
    }
    form = reverse("transfer-new", args=[transfer.master.code])
    return f"{form}?{urlencode(filled)}"


def _make(request: HttpRequest, access: Access, form: TransferForm) -> HttpResponse | None:
    """Move the credit and go to the transfer's page; None when the form says why not."""
    if not form.is_valid():
        return None
    # Only to say the right thing: what happens once is decided under the unique key.
    again = Transfer.objects.filter(master=access.company, key=form.cleaned_data["key"]).exists()
    try:
        transfer = transfers.make(**form.cleaned_data, by=access.user)
    except transfers.Refused as refusal:
        form.add_refusal(refusal)
        return None
    except transfers.StartAgain:
        form.add_error(
            None, _("The balances were changing meanwhile, so nothing was moved. Try again.")
        )
        return None
    if again:
        messages.info(
            request, _("This transfer was made when the form was first sent, and not again.")
        )
    else:
        messages.success(
            request,
            _("Moved %(currency)s %(amount)s from %(source)s to %(destination)s.")
            % {
                "currency": access.company.currency,
                "amount": money.format_amount(transfer.amount, access.company.decimals),
                "source": transfer.source,
                "destination": transfer.destination,
            },
        )
    return redirect("transfer-detail", company=access.company.code, pk=transfer.pk)


def _render_form(
    request: HttpRequest, access: Access, form: TransferForm, status: int = 200
) -> HttpResponse:
    outlook = form.outlook()
    context = {
        "access": access,
        "company": access.company,
        "form": form,
        "outlook": outlook,
        # Above the form and beside the field: twice is enough.
        "is_told": any(outlook.trouble in told for told in form.errors.values()),
    }
    return render(request, "billing/transfer_new.html", context, status=status)

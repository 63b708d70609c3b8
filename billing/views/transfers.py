"""The pages of transfers: history, form with live preview, one transfer."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import Access, access_or_404
from accounts.models import Account
from billing import transfers
from billing.forms import TransferForm
from billing.models import Balance, Entry, Kind, Origin, Transfer
from billing.tables import TransferTable, made_by
from console import money
from console.htmx import render_page_or_fragment

PAGE_SIZE = 50


class Side(NamedTuple):
    """One end of a transfer; ``entry`` is None when its balances are not the person's to see."""

    account: Account
    amount: Decimal
    entry: Entry | None


@require_safe
def transfer_list(request: HttpRequest, company: str) -> HttpResponse:
    """The history, newest first; ``?before=<id>`` continues after that transfer."""
    access = access_or_404(request.user, company)
    found = _visible(access).order_by("-created_at", "-pk")
    before = request.GET.get("before")
    if before is not None:
        found = _older(found, before)
    rows = list(found[: PAGE_SIZE + 1])
    shown = rows[:PAGE_SIZE]
    context = {
        "access": access,
        "company": access.company,
        "table": TransferTable(shown, access=access),
        "news": ngettext(
            "%(count)d transfer on this page", "%(count)d transfers on this page", len(shown)
        )
        % {"count": len(shown)},
        "is_first_page": before is None,
        "older": shown[-1].pk if len(rows) > PAGE_SIZE else None,
    }
    return render_page_or_fragment(
        request, "billing/transfer_list.html", "billing/_transfer_table.html", context
    )


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
    form = TransferForm(access.company, _balances(access), _typed(request))
    if "preview" not in request.GET:
        form.forgive()
    return _render_form(request, access, form)


@require_safe
def transfer_preview(request: HttpRequest, company: str) -> HttpResponse:
    """The fragment that tells, while the person types, what would happen."""
    access = access_or_404(request.user, company)
    access.require_transfer()
    form = TransferForm(access.company, _balances(access), request.GET)
    context = {"company": access.company, "preview": form.preview()}
    return render(request, "billing/_transfer_preview.html", context)


@require_safe
def transfer_detail(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """One transfer with both entries; each side's balances only for those who may see them."""
    access = access_or_404(request.user, company)
    transfer = get_object_or_404(_visible(access), pk=pk)
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
        "sides": sides,
    }
    return render(request, "billing/transfer_detail.html", context)


def _visible(access: Access) -> QuerySet[Transfer]:
    """The company's transfers that the person may see, each with whom it names."""
    return (
        transfers.visible_to(access.user)
        .filter(master=access.company)
        .select_related("master", "source", "destination", "by")
    )


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


def _typed(request: HttpRequest) -> dict[str, str]:
    """What the address fills in; never the key, for a link may be opened twice."""
    typed = {name: request.GET.get(name, "") for name in ("amount", "from", "to", "note")}
    if "swap" in request.GET:
        typed["from"], typed["to"] = typed["to"], typed["from"]
    return typed | {"key": TransferForm.fresh_key()}


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
    context = {
        "access": access,
        "company": access.company,
        "form": form,
        "preview": form.preview(),
    }
    return render(request, "billing/transfer_new.html", context, status=status)

"""The history of transfers."""

from __future__ import annotations

import re

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from accounts.access import Access, access_or_404
from accounts.models import Account
from billing.models import Transfer
from billing.tables import TransferTable
from billing.transfer_filters import TransferFilter, people_of
from billing.views.transfer_reading import hide_other_names, visible_transfers
from console.htmx import render_page_or_fragment, wants_fragment

PAGE_SIZE = 50


@require_safe
def transfer_list(request: HttpRequest, company: str) -> HttpResponse:
    """The history, newest first, filtered; ``?before=<id>`` continues after that transfer.

    To who sees the whole company a batch is one row, unless single lines are filtered.
    """
    access = access_or_404(request.user, company)
    visible = visible_transfers(access)
    accounts = _accounts(access)
    filters = TransferFilter(
        request.GET,
        visible,
        company=access.company,
        accounts=accounts,
        people=people_of(visible, access.user),
    )
    is_whole = access.sees_tree and not filters.shows_lines
    found = filters.qs.select_related("batch").order_by("-created_at", "-pk")
    if is_whole:
        # A batch's first line stands for all of it.
        found = found.filter(line=0)
    before = request.GET.get("before")
    if before and filters.form.is_valid():
        found = _older(found, visible, before)
    rows = list(found[: PAGE_SIZE + 1])
    shown = rows[:PAGE_SIZE]
    hide_other_names(access, shown)
    context = {
        "access": access,
        "company": access.company,
        "filters": filters,
        "form": filters.form,
        "picks_accounts": len(accounts) > 1,
        "is_fragment": wants_fragment(request),
        "table": TransferTable(shown, access=access, is_whole=is_whole),
        "news": ngettext(
            "%(count)d transfer on this page", "%(count)d transfers on this page", len(shown)
        )
        % {"count": len(shown)},
        "is_first_page": not before,
        "empty": "" if shown else _why_none(access, accounts),
        "older": shown[-1].pk if len(rows) > PAGE_SIZE else None,
    }
    return render_page_or_fragment(
        request, "billing/transfer_list.html", "billing/_transfer_table.html", context
    )


def _accounts(access: Access) -> list[Account]:
    """The accounts that may be chosen: the master account, then the others by name."""
    return sorted(
        access.accounts, key=lambda account: (not account.is_master, account.name.casefold())
    )


def _older(
    found: QuerySet[Transfer], visible: QuerySet[Transfer], before: str
) -> QuerySet[Transfer]:
    """Those before the transfer with this id, by the index and without counting."""
    if not re.fullmatch(r"[0-9]{1,18}", before, re.ASCII):
        raise Http404
    last = get_object_or_404(visible, pk=before)
    # The first condition alone is what the index serves.
    return found.filter(created_at__lte=last.created_at).filter(
        Q(created_at__lt=last.created_at) | Q(pk__lt=last.pk)
    )


def _why_none(access: Access, accounts: list[Account]) -> str:
    """Why a person whose subaccounts all draw on the shared balance sees no transfers, or ""."""
    if access.sees_tree or not all(account.is_shared for account in accounts):
        return ""
    if len(accounts) == 1:
        return _(
            "%(account)s spends from the shared balance, so there is nothing to transfer."
        ) % {"account": accounts[0]}
    return _("Your subaccounts spend from the shared balance, so there is nothing to transfer.")

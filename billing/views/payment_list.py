"""The history of payments."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from accounts.access import Access, access_or_404
from accounts.models import Account
from billing import payments
from billing.models import Payment
from billing.payment_filters import PaymentFilter, methods_of
from billing.payment_status import with_status
from billing.payment_tables import PaymentTable
from console.htmx import render_page_or_fragment, wants_fragment

PAGE_SIZE = 50


@require_safe
def payment_list(request: HttpRequest, company: str) -> HttpResponse:
    """The history, newest first, filtered.

    ``?before=<id>`` shows what is older than that payment, ``?after=<id>`` what is newer.
    """
    access = access_or_404(request.user, company)
    visible = payments.visible_to(access.user, access.company)
    accounts = _accounts(access)
    filters = PaymentFilter(
        request.GET,
        with_status(visible),
        company=access.company,
        accounts=accounts,
        methods=methods_of(visible),
    )
    before, after = request.GET.get("before"), request.GET.get("after")
    found = filters.qs.select_related("account", "by")
    shown, has_newer, has_older = _page(found, visible, before, after)
    for payment in shown:
        payment.master = access.company
    context = {
        "access": access,
        "company": access.company,
        "filters": filters,
        "form": filters.form,
        "picks_accounts": len(accounts) > 1,
        "is_fragment": wants_fragment(request),
        "table": PaymentTable(shown, access=access),
        "news": ngettext(
            "%(count)d payment on this page", "%(count)d payments on this page", len(shown)
        )
        % {"count": len(shown)},
        "is_first_page": not before and not after,
        "can_top_up": any(access.can_top_up(account) for account in accounts),
        "newer": shown[0].pk if has_newer else None,
        "older": shown[-1].pk if has_older else None,
    }
    return render_page_or_fragment(
        request, "billing/payment_list.html", "billing/_payment_table.html", context
    )


def _accounts(access: Access) -> list[Account]:
    """The accounts that may be chosen: the master account, then the others by name."""
    return sorted(
        access.accounts, key=lambda account: (not account.is_master, account.name.casefold())
    )


def _page(
    found: QuerySet[Payment], visible: QuerySet[Payment], before: str | None, after: str | None
) -> tuple[list[Payment], bool, bool]:
    """The rows of the page, newest first; whether there are newer, and older ones.

    By the index, without counting and without skipping. Http404 for what is no payment here.
    """
    newest = found.order_by("-created_at", "-pk")
    if after:
        edge = _edge(visible, after)
        # The first condition alone is what the index serves.
        newer = found.filter(created_at__gte=edge.created_at).filter(
            Q(created_at__gt=edge.created_at) | Q(pk__gt=edge.pk)
        )
        rows = list(newer.order_by("created_at", "pk")[: PAGE_SIZE + 1])
        return rows[:PAGE_SIZE][::-1], len(rows) > PAGE_SIZE, bool(rows)
    if before:
        edge = _edge(visible, before)
        newest = newest.filter(created_at__lte=edge.created_at).filter(
            Q(created_at__lt=edge.created_at) | Q(pk__lt=edge.pk)
        )
    rows = list(newest[: PAGE_SIZE + 1])
    return rows[:PAGE_SIZE], bool(before and rows), len(rows) > PAGE_SIZE


def _edge(visible: QuerySet[Payment], text: str) -> Payment:
    """The payment at which the page begins or ends."""
    try:
        return get_object_or_404(visible, pk=UUID(text))
    except ValueError:
        raise Http404 from None

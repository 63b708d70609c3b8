"""The page of transactions, and what they add up to."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import access_or_404
from console.htmx import render_page_or_fragment, wants_fragment
from reports import pages, saved_views, totals
from reports.filters import TransactionFilter
from reports.queries import PATIENCE_SECONDS, Scope, TookTooLong, bounded
from reports.tables import TransactionTable
from reports.totals_shown import TotalsShown


@require_safe
def transaction_list(request: HttpRequest, company: str) -> HttpResponse:
    """Every movement that the person may see, as the address filters, orders and shows them.

    With the totals where they are quick; else they are asked for by the page itself.
    """
    access = access_or_404(request.user, company)
    scope = Scope.of(access)
    is_cut = _cut(request)
    filters = TransactionFilter(request.GET, scope, is_cut=is_cut)
    page, sums = pages.NO_PAGE, None
    cursor, cursor_is_bad, took_too_long = request.GET.get("cursor", ""), False, False
    if filters.is_valid():
        try:
            with bounded():
                page = pages.read_page(filters.qs, access.company, cursor, order=filters.order)
                if page.entries and not cursor and totals.are_quick(scope, filters):
                    sums = totals.read_totals(scope, filters)
        except pages.BadCursorError:
            cursor_is_bad = True
        except TookTooLong:
            took_too_long = not page.entries
    query = saved_views.canonical(request.GET.urlencode())
    views = list(saved_views.of(access.user, access.company))
    context = {
        "access": access,
        "company": access.company,
        "filters": filters,
        "form": filters.form,
        "picks_accounts": len(scope.accounts) > 1 or "account" in filters.form.errors,
        "now": timezone.now(),
        "page": page,
        "cursor_is_bad": cursor_is_bad,
        "took_too_long": took_too_long,
        "patience": PATIENCE_SECONDS,
        "table": TransactionTable(
            page.entries,
            access=access,
            names=scope.names,
            columns=filters.columns_shown,
            order=filters.order,
        ),
        "query": query,
        "views": views,
        "view": next((view for view in views if view.query == query), None),
        "is_fragment": wants_fragment(request),
    }
    if sums is not None:
        context |= {"totals_state": "ready", "totals": TotalsShown(sums, access.company)}
    elif page.entries and not cursor:
        context["totals_state"] = "later"
    return render_page_or_fragment(
        request, "reports/transaction_list.html", "reports/_transaction_table.html", context
    )


@require_safe
def transaction_totals(request: HttpRequest, company: str) -> HttpResponse:
    """What the selection adds up to, for the page of transactions; without HTMX a page."""
    access = access_or_404(request.user, company)
    scope = Scope.of(access)
    filters = TransactionFilter(request.GET, scope)
    context = {
        "access": access,
        "company": access.company,
        "filters": filters,
        "form": filters.form,
        "patience": PATIENCE_SECONDS,
        "query": saved_views.canonical(request.GET.urlencode()),
    }
    if filters.is_valid():
        try:
            with bounded():
                sums = totals.read_totals(scope, filters)
        except TookTooLong:
            context["totals_state"] = "too-long"
        else:
            context |= {"totals_state": "ready", "totals": TotalsShown(sums, access.company)}
    return render_page_or_fragment(
        request, "reports/transaction_totals.html", "reports/_transaction_totals.html", context
    )


def _cut(request: HttpRequest) -> bool:
    """Whether the address has more fields than are read; then only the first are, to be shown.

    The filter refuses it whatever they are: what was left out might have narrowed it.
    """
    try:
        request.GET  # noqa: B018 - read here for the first time
    except TooManyFieldsSent:
        fields = request.META["QUERY_STRING"].split("&")
        request.GET = QueryDict("&".join(fields[: settings.DATA_UPLOAD_MAX_NUMBER_FIELDS - 1]))
        return True
    return False

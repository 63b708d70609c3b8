"""The page of transactions."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import access_or_404
from console.htmx import render_page_or_fragment, wants_fragment
from reports import pages
from reports.filters import TransactionFilter
from reports.queries import Scope
from reports.tables import TransactionTable


@require_safe
def transaction_list(request: HttpRequest, company: str) -> HttpResponse:
    """Every movement that the person may see, newest first, as the address filters them."""
    access = access_or_404(request.user, company)
    scope = Scope.of(access)
    filters = TransactionFilter(request.GET, scope)
    page, cursor_is_bad = pages.NO_PAGE, False
    if filters.is_valid():
        try:
            page = pages.read_page(filters.qs, access.company, request.GET.get("cursor", ""))
        except pages.BadCursorError:
            cursor_is_bad = True
    context = {
        "access": access,
        "company": access.company,
        "filters": filters,
        "form": filters.form,
        "picks_accounts": len(scope.accounts) > 1 or "account" in filters.form.errors,
        "now": timezone.now(),
        "page": page,
        "cursor_is_bad": cursor_is_bad,
        "table": TransactionTable(page.entries, access=access, names=scope.names),
        "is_fragment": wants_fragment(request),
    }
    return render_page_or_fragment(
        request, "reports/transaction_list.html", "reports/_transaction_table.html", context
    )

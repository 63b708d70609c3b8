"""The page of transfers that were made together."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import access_or_404
from billing.tables import BatchTable, made_by
from billing.views.transfer_reading import hide_other_names, visible_transfers


@require_safe
def transfer_batch(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """All lines, or those that the person may see: then neither their number nor the total."""
    access = access_or_404(request.user, company)
    lines = list(
        visible_transfers(access).filter(batch=pk).select_related("batch").order_by("line")
    )
    if not lines:
        raise Http404
    hide_other_names(access, lines)
    batch = lines[0].batch
    context = {
        "access": access,
        "company": access.company,
        "batch": batch,
        "source": lines[0].source,
        "is_whole": access.sees_tree,
        "made_by": made_by(lines[0], access.user),
        "table": BatchTable(lines, company=access.company),
    }
    return render(request, "billing/transfer_batch.html", context)

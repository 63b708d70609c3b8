"""One transfer's page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.access import access_or_404
from billing.models import Entry, Kind, Origin
from billing.tables import Side, SideTable, made_by
from billing.views.transfer_reading import hide_other_names, visible_transfers


@require_safe
def transfer_detail(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """One transfer with both entries; each side's balances only for those who may see them."""
    access = access_or_404(request.user, company)
    found = visible_transfers(access).select_related("reverses", "batch")
    transfer = get_object_or_404(found, pk=pk)
    hide_other_names(access, [transfer])
    entries = Entry.objects.named(
        master=access.company.pk, origin=Origin.CONSOLE, reference=transfer.reference
    ).filter(kind=Kind.TRANSFER, account__in=access.accounts)
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
        # Whoever sees a transfer sees what goes the same way back.
        "reversals": [
            (reversal, made_by(reversal, access.user))
            for reversal in transfer.reversals.select_related("by").order_by("created_at", "pk")
        ]
        if transfer.reversed
        else [],
        "can_reverse": access.can_transfer and transfer.left > 0,
    }
    return render(request, "billing/transfer_detail.html", context)

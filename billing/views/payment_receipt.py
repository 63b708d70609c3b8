"""The receipt of money that was credited, as a document to keep."""

from __future__ import annotations

import re
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from accounts.access import access_or_404
from billing import payment_trail
from billing.models import Entry, Kind, Origin
from billing.payment_words import who
from billing.views.payment_reading import payment_or_404


@require_safe
def payment_receipt(request: HttpRequest, company: str, pk: UUID, number: str) -> HttpResponse:
    """The receipt with this number, ``2026-000017``, of one of the payment's moneys."""
    # A second to import, and libraries of the system: only who wants a document needs them.
    from console.pdf import render_pdf  # noqa: PLC0415

    access = access_or_404(request.user, company)
    payment = payment_or_404(access, pk)
    match = re.fullmatch(r"([0-9]{4})-([0-9]{6,9})", number, re.ASCII)
    if match is None:
        raise Http404
    arrival = get_object_or_404(
        payment.arrivals, receipt_year=int(match[1]), receipt_number=int(match[2])
    )
    if arrival.receipt != number:
        raise Http404  # 2026-0000017 is no other way to write it.
    found = Entry.objects.filter(
        master=access.company,
        origin=Origin.PAYMENT,
        kind=Kind.PAYMENT,
        reference=payment_trail.credited_as(payment, arrival),
        account=payment.account_id,
    )
    entry = found.select_related("holder").first()
    # The balance of whom the money went to is not everybody's who sees the payment.
    shows_balance = entry is not None and (entry.is_own or access.sees_tree)
    document = render_pdf(
        "billing/pdf/receipt.html",
        {
            "company": access.company,
            "payment": payment,
            "arrival": arrival,
            "fee": arrival.amount - arrival.credited,
            "entry": entry if shows_balance else None,
            "made_by": who(payment.by, access.user),
        },
    )
    name = f"receipt-{access.company.code}-{arrival.receipt}.pdf"
    return HttpResponse(
        document,
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )

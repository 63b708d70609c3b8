"""One payment as operators see it: everything that happened, and what can be done."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.access import operator_or_404
from billing.models import RefundState
from billing.payment_figures import holder_of, left_of
from billing.views.operator_reading import GATEWAY, payments

# Of each kind; no honest payment has more.
MOST = 100


@require_safe
def payment(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What was asked for, what came, what went back, and the trail."""
    operator_or_404(request.user)
    found = get_object_or_404(payments(), pk=pk)
    by_hand = found.gateway == GATEWAY
    refunds = list(found.refunds.select_related("by").order_by("-created_at")[:MOST])
    context = {
        "payment": found,
        "company": found.account.company,
        "balance": holder_of(found.account),
        "arrivals": found.arrivals.select_related("ended_by", "same_as").order_by("-id")[:MOST],
        "refunds": [(each, by_hand and each.state != RefundState.FAILED) for each in refunds],
        "disputes": found.disputes.order_by("-id")[:MOST],
        "lines": found.bank_lines.select_related("statement").order_by("-id")[:MOST],
        "trail": found.events.select_related("by").order_by("-id")[:MOST],
        "left": left_of(found),
        "by_hand": by_hand,
    }
    return render(request, "operator/payment.html", context)

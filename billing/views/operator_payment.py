"""One payment as operators see it: everything that happened, and what can be done."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import operator_or_404
from billing.models import Approval, ApprovalState, RefundState
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
    asked = list(
        Approval.objects.filter(
            payment=found, state__in=[ApprovalState.WAITING, ApprovalState.AGREED]
        )
        .select_related("account__master", "asked_by", "decided_by")
        .order_by("-id")[:MOST]
    )
    agreed = {each.key: each.decided_by for each in asked}
    context = {
        "asked": [each for each in asked if each.is_open(timezone.now())],
        "payment": found,
        "company": found.account.company,
        "balance": holder_of(found.account),
        "arrivals": found.arrivals.select_related("ended_by", "same_as").order_by("-id")[:MOST],
        "refunds": [
            (each, agreed.get(each.pk), by_hand and each.state != RefundState.FAILED)
            for each in refunds
        ],
        "disputes": found.disputes.order_by("-id")[:MOST],
        "lines": found.bank_lines.select_related("statement").order_by("-id")[:MOST],
        "trail": found.events.select_related("by").order_by("-id")[:MOST],
        "left": left_of(found),
        "by_hand": by_hand,
    }
    return render(request, "operator/payment.html", context)

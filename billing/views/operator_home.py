"""The operators' front page: what waits for somebody."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import operator_or_404
from billing import approvals
from billing.models import (
    Arrival,
    ArrivalState,
    BankLine,
    LineOutcome,
    Payment,
    PaymentState,
    Refund,
    RefundState,
)
from billing.views.operator_reading import GATEWAY

# More are not counted: it is a sign, not a statistic.
MANY = 1_000


@require_safe
def operator_home(request: HttpRequest) -> HttpResponse:
    """How much of each kind waits; each figure leads to its list."""
    operator_or_404(request.user)
    waiting: dict[str, QuerySet[Any]] = {
        "review": Arrival.objects.filter(state=ArrivalState.IN_REVIEW),
        "transfers": Payment.objects.filter(
            gateway=GATEWAY, state__in=[PaymentState.CREATED, PaymentState.PENDING]
        ),
        "lines": BankLine.objects.filter(outcome__in=[LineOutcome.UNMATCHED, LineOutcome.WAITING]),
        "approvals": approvals.waiting(),
        "refunds": Refund.objects.filter(state=RefundState.REQUESTED, payment__gateway=GATEWAY),
    }
    counts = {name: rows.order_by()[: MANY + 1].count() for name, rows in waiting.items()}
    return render(request, "operator/home.html", {"counts": counts, "many": MANY})

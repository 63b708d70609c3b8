"""A payment's own page: where one returns to, waits, finds the code to pay with, or gives up."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Access, access_or_404
from billing import payment_trail, payments, reconciliation
from billing.ledger import StartAgain
from billing.models import Entry, Origin, Payment, PaymentState
from billing.payment_instructions import instructions_of
from billing.payment_status import Status, status_of
from billing.payment_words import news_of, trail_of, who
from billing.views.payment_reading import (
    go_and_pay,
    leads_to_gateway,
    payment_or_404,
    require_payer,
)

# htmx stops asking when it is answered with this.
STOP_POLLING = 286
# Every two seconds for the first minute, then slower and slower: (questions until, seconds).
PACES = ((30, 2), (60, 5), (120, 15))
SLOWEST = 60
# A page that has asked so often in vain has waited for about five seconds.
PATIENT_POLLS = 2


@leads_to_gateway
@require_safe
def payment_detail(request: HttpRequest, company: str, pk: UUID) -> HttpResponse:
    """All that is known of one payment. ``?back=1``: the gateway sent the customer back.

    Coming back proves nothing: what is shown is what a gateway has told us.
    """
    access = access_or_404(request.user, company)
    payment = payment_or_404(access, pk)
    context = _context(access, payment)
    context["is_back"] = "back" in request.GET and context["status"].is_unpaid
    return render(request, "billing/payment_detail.html", context)


@require_safe
def payment_state(request: HttpRequest, company: str, pk: UUID) -> HttpResponse:
    """What the page asks again and again: its changed parts, and when to ask next.

    ``tag`` is what the page shows, ``n`` how often it has asked. When the payment is over it is
    told to stop. One that has waited for a while has a worker ask the gateway: messages may be
    late, and do not reach every machine.
    """
    access = access_or_404(request.user, company)
    payment = payment_or_404(access, pk)
    context = _context(access, payment)
    context["polls"] = _asked(request) + 1
    context["every"] = _pace(context["polls"])
    context["has_changed"] = request.GET.get("tag") != context["tag"]
    context["is_fragment"] = True
    is_over = not context["status"].is_unpaid
    if not is_over and _asked(request) >= PATIENT_POLLS and not access.read_only:
        reconciliation.ask_soon(payment)
    return render(
        request,
        "billing/_payment_news.html",
        context,
        status=STOP_POLLING if is_over else 200,
    )


@require_POST
def payment_continue(request: HttpRequest, company: str, pk: UUID) -> HttpResponse:
    """On to where it is paid; what is over is not opened again, its page says so."""
    access = access_or_404(request.user, company)
    payment = payment_or_404(access, pk)
    require_payer(access, payment)
    return go_and_pay(request, access, payment)


@require_POST
def payment_cancel(request: HttpRequest, company: str, pk: UUID) -> HttpResponse:
    """Give it up. What is over stays as it is, and so does one whose gateway cannot be asked."""
    access = access_or_404(request.user, company)
    payment = payment_or_404(access, pk)
    require_payer(access, payment)
    was_open = payment.is_open
    try:
        payments.cancel(payment, by=access.user)
    except (payments.GatewayError, StartAgain):
        messages.error(
            request,
            _(
                "The payment service could not be reached, so the payment is not cancelled."
                " Try again in a minute, or let it expire: nothing is taken by itself."
            ),
        )
    else:
        if was_open and payment.state == PaymentState.PAID:
            messages.info(request, _("The payment was paid meanwhile, so it is not cancelled."))
        elif was_open and not payment.is_open:
            messages.success(request, _("The payment is cancelled."))
        else:
            messages.info(request, _("The payment was over already."))
    return redirect("payment-detail", company=company, pk=pk)


def _context(access: Access, payment: Payment) -> dict[str, Any]:
    """What both the page and its changed parts show; a fixed number of queries."""
    status = status_of(payment)
    now = timezone.now()
    is_late = status.is_unpaid and payment.expires_at <= now
    arrivals = list(payment.arrivals.order_by("arrived_at", "pk"))
    events = list(payment.events.select_related("by").order_by("pk"))
    # Not while money is in review: it would be paid twice.
    can_pay = access.pays_for(payment.account) and payment.is_open and status.is_unpaid
    instructions = instructions_of(payment) if status.is_unpaid and not is_late else None
    return {
        "access": access,
        "company": access.company,
        "payment": payment,
        "status": status,
        "made_by": who(payment.by, access.user),
        "news": news_of(payment, status, arrivals, is_late=is_late),
        "trail": trail_of(events, access.user),
        "arrivals": arrivals,
        "receipts": [arrival for arrival in arrivals if arrival.receipt],
        "refunds": list(payment.refunds.order_by("created_at")),
        "disputes": list(payment.disputes.order_by("opened_at")),
        "entries": _entries(access, payment),
        "instructions": instructions,
        "can_continue": can_pay and not is_late and instructions is None,
        "can_cancel": can_pay,
        "can_retry": access.can_top_up(payment.account)
        and (is_late or status in {Status.FAILED, Status.EXPIRED, Status.CANCELLED}),
        "tag": _tag(payment, status, len(events), is_late=is_late),
        "polls": 0,
        "every": PACES[0][1],
        "is_fragment": False,
    }


def _entries(access: Access, payment: Payment) -> list[Entry]:
    """What was posted for it, oldest first, where the person may see the balance; one query.

    An account that was shared meanwhile passed the money on to the master account, whose balance
    is only for those who see the whole company.
    """
    if not payment.credited:
        return []
    found = Entry.objects.filter(
        master=access.company,
        origin=Origin.PAYMENT,
        reference__in=payment_trail.posted_as(payment),
        account=payment.account_id,
    ).select_related("holder")
    shown = [entry for entry in found if entry.is_own or access.sees_tree]
    for entry in shown:
        # The books are filtered by days of the company's time zone.
        entry.day = timezone.localdate(entry.posted_at, access.company.zone)  # type: ignore[attr-defined]
    return sorted(shown, key=lambda entry: (entry.posted_at, entry.seq))


def _tag(payment: Payment, status: Status, events: int, *, is_late: bool) -> str:
    """Another one whenever the page would show something else."""
    told = sorted(payment.instructions.items())
    shown = (status, payment.state, events, is_late, payment.failure, told)
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:12]


def _asked(request: HttpRequest) -> int:
    """How often the page has asked before; what is no number counts as never."""
    text = request.GET.get("n", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def _pace(polls: int) -> int:
    """How many seconds to wait for the next question."""
    return next((seconds for until, seconds in PACES if polls < until), SLOWEST)

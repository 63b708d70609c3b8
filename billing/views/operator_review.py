"""Money that was not what was asked for: an operator credits it, or notes that it went back."""

from __future__ import annotations

from decimal import Decimal

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import operator_or_404
from accounts.models import User
from billing import settlement
from billing.ledger import StartAgain
from billing.models import Arrival, ArrivalState
from billing.views.operator_reading import (
    Change,
    busy,
    changed,
    cut,
    figures,
    holder_of,
    number_or_404,
    written,
)


@require_safe
def review_list(request: HttpRequest) -> HttpResponse:
    """Arrivals in review, oldest first; ``after`` shows those after that one."""
    operator_or_404(request.user)
    rows = _arrivals().filter(state=ArrivalState.IN_REVIEW).order_by("id")
    after = request.GET.get("after")
    if after is not None:
        rows = rows.filter(id__gt=number_or_404(after))
    page = cut(rows)
    context = {"arrivals": page.rows, "next": page.last, "is_later": after is not None}
    return render(request, "operator/review_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def review(request: HttpRequest, pk: int) -> HttpResponse:
    """What crediting and returning would mean, and doing one of them. Once: twice says so."""
    operator = operator_or_404(request.user)
    arrival = get_object_or_404(_arrivals(), pk=pk)
    trouble = ""
    if arrival.state != ArrivalState.IN_REVIEW:
        messages.info(request, _settled(arrival))
        return redirect("operator-payment", pk=arrival.payment_id)
    if request.method == "POST":
        trouble = _decide(request, operator, arrival)
        if not trouble:
            return redirect("operator-payment", pk=arrival.payment_id)
    return _render(request, arrival, trouble)


def _arrivals() -> QuerySet[Arrival]:
    return Arrival.objects.select_related("payment__account__master", "master")


def _credits(arrival: Arrival) -> Decimal:
    """What crediting it would add: nothing where it cannot be credited."""
    payment = arrival.payment
    if arrival.currency != payment.currency:
        return Decimal(0)
    return max(arrival.amount - payment.fee, Decimal(0))


def _decide(  # noqa: PLR0911 - each why it was not done
    request: HttpRequest, operator: User, arrival: Arrival
) -> str:
    """Do what was chosen; the sentence why it was not done, or nothing."""
    wanted = request.POST.get("do")
    if wanted not in {"credit", "return"}:
        return _("Choose whether to credit the money or to note it as returned.")
    if wanted == "credit":
        if not _credits(arrival):
            return _("This money cannot be credited: send it back, and note it as returned.")
        if request.POST.get("shown") != figures(holder_of(arrival.payment.account)):
            return changed()
    try:
        if wanted == "credit":
            done = settlement.credit_arrival(arrival, by=operator)
        else:
            done = settlement.return_arrival(arrival, by=operator)
    except settlement.NotInReview:
        arrival.refresh_from_db()
        messages.info(request, _settled(arrival))
        return ""
    except StartAgain:
        return busy()
    if done.state == ArrivalState.IN_REVIEW:
        return _("The balance would be larger than the books can hold: nothing was credited.")
    messages.success(request, _done(done))
    return ""


def _done(arrival: Arrival) -> str:
    if arrival.state == ArrivalState.CREDITED:
        return _("Credited %(amount)s to %(account)s.") % {
            "amount": written(arrival.credited, arrival.payment.currency),
            "account": arrival.payment.account,
        }
    return _("Noted that %(amount)s went back.") % {
        "amount": written(arrival.amount, arrival.currency)
    }


def _settled(arrival: Arrival) -> str:
    if arrival.state == ArrivalState.CREDITED:
        return _("This money was credited already, and not again.")
    return _("This money was noted as returned already.")


def _render(request: HttpRequest, arrival: Arrival, trouble: str) -> HttpResponse:
    payment = arrival.payment
    balance = holder_of(payment.account)
    context = {
        "arrival": arrival,
        "payment": payment,
        "company": payment.account.company,
        "change": Change(balance, _credits(arrival)),
        "can_credit": bool(_credits(arrival)),
        "shown": figures(balance),
        "trouble": trouble,
    }
    return render(request, "operator/review.html", context, status=422 if trouble else 200)

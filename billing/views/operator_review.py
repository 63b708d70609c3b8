"""Money that was not what was asked for: an operator credits it, or notes what became of it.

That is: it went back, or it is money that was told of before, by hand or by a statement.
"""

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
from accounts.reauthentication import fresh_proof_required
from billing import payment_figures, same_money, settlement
from billing.ledger import StartAgain
from billing.models import Arrival, ArrivalState
from billing.payment_figures import PaymentFiguresChanged, holder_of
from billing.views.operator_reading import (
    Change,
    busy,
    cut,
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
@fresh_proof_required(of=operator_or_404)
def review(request: HttpRequest, pk: int) -> HttpResponse:
    """What each ending would mean, and choosing one of them. Once: twice says so."""
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
    wanted, shown = request.POST.get("do"), request.POST.get("shown", "")
    try:
        if wanted == "credit":
            if not _credits(arrival):
                return _("This money cannot be credited: send it back, and note it as returned.")
            done = settlement.credit_arrival(arrival, by=operator, shown=shown)
        elif wanted == "return":
            done = settlement.return_arrival(arrival, by=operator, shown=shown)
        elif wanted == "same":
            other = _chosen(arrival, request.POST.get("same_as", ""))
            if other is None:
                return _("This is not money that was told of before: look at what is offered now.")
            done = settlement.note_as_same(arrival, same_as=other, by=operator, shown=shown)
        else:
            return _(
                "Choose whether to credit the money, to note it as returned, or to note that it"
                " was told of before."
            )
    except settlement.NotInReview:
        arrival.refresh_from_db()
        messages.info(request, _settled(arrival))
        return ""
    except PaymentFiguresChanged as refusal:
        arrival.payment.refresh_from_db(fields=["state", "credited", "refunded", "charged_back"])
        return str(refusal.message)
    except StartAgain:
        return busy()
    if done.state == ArrivalState.IN_REVIEW:
        return _("The balance would be larger than the books can hold: nothing was credited.")
    messages.success(request, _done(done))
    return ""


def _chosen(arrival: Arrival, number: str) -> Arrival | None:
    """Which of those that are offered was chosen."""
    offered = {str(told.arrival.pk): told.arrival for told in same_money.told_before(arrival)}
    return offered.get(number)


def _done(arrival: Arrival) -> str:
    if arrival.state == ArrivalState.CREDITED:
        return _("Credited %(amount)s to %(account)s.") % {
            "amount": written(arrival.credited, arrival.payment.currency),
            "account": arrival.payment.account,
        }
    amount = {"amount": written(arrival.amount, arrival.currency)}
    if arrival.state == ArrivalState.SAME:
        return _("Noted that %(amount)s is money told of before. Nothing was credited.") % amount
    return _("Noted that %(amount)s went back.") % amount


def _settled(arrival: Arrival) -> str:
    if arrival.state == ArrivalState.CREDITED:
        return _("This money was credited already, and not again.")
    if arrival.state == ArrivalState.SAME:
        return _("This money was noted as told of before already.")
    return _("This money was noted as returned already.")


def _render(request: HttpRequest, arrival: Arrival, trouble: str) -> HttpResponse:
    payment = arrival.payment
    balance = holder_of(payment.account)
    told = same_money.told_before(arrival)
    context = {
        "arrival": arrival,
        "payment": payment,
        "company": payment.account.company,
        "change": Change(balance, _credits(arrival)),
        "can_credit": bool(_credits(arrival)),
        "told": told,
        # Offered first where there can hardly be a doubt.
        "told_first": [each.is_exact for each in told].count(True) == 1,
        "shown": payment_figures.write(payment, balance),
        "trouble": trouble,
    }
    return render(request, "operator/review.html", context, status=422 if trouble else 200)

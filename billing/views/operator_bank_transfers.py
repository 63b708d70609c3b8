"""Bank transfers that are waited for: finding one, and confirming by hand that its money is there.

Statements do this by themselves (``operator_statements``); by hand is for what they do not tell.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import operator_or_404
from accounts.audit_actions import AuditAction
from accounts.models import User
from accounts.reauthentication import fresh_proof_required
from billing import payment_figures, settlement
from billing.gateways.protocol import Fact, What
from billing.ledger import StartAgain
from billing.models import Arrival, ArrivalState, Payment, PaymentState
from billing.models.arrivals import BY_HAND
from billing.operator_forms import ConfirmForm
from billing.payment_figures import PaymentFiguresChanged, holder_of
from billing.payment_trail import note
from billing.views.operator_reading import (
    GATEWAY,
    Change,
    busy,
    cut,
    payments,
    uuid_or_404,
    written,
)
from console import money

# What is typed to find one.
LONGEST = 100


@require_safe
def bank_transfer_list(request: HttpRequest) -> HttpResponse:
    """Bank transfers without their money, newest first.

    ``q`` finds them by reference, amount or company, those that are over, too, for money also
    comes late. ``before`` shows those older than that one.
    """
    operator_or_404(request.user)
    query = request.GET.get("q", "").strip()
    trouble = ""
    rows = payments().filter(gateway=GATEWAY).exclude(state=PaymentState.PAID)
    if len(query) > LONGEST or "\0" in query:
        trouble = _("Search for at most %(most)d characters.") % {"most": LONGEST}
        rows = rows.none()
    elif query:
        rows = _search(rows, query)
    else:
        rows = rows.filter(state__in=[PaymentState.CREATED, PaymentState.PENDING])
    before = request.GET.get("before")
    if before is not None:
        last = get_object_or_404(Payment, pk=uuid_or_404(before))
        rows = rows.filter(
            Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, pk__lt=last.pk)
        )
    page = cut(rows.order_by("-created_at", "-pk"))
    context = {
        "payments": page.rows,
        "next": page.last,
        "query": query[:LONGEST],
        "trouble": trouble,
        "is_later": before is not None,
    }
    return render(
        request, "operator/bank_transfer_list.html", context, status=422 if trouble else 200
    )


# Kept by the browser, so that Back shows the same key, and what is sent again is known again.
@cache_control(private=True, no_cache=True)
@require_http_methods(["GET", "HEAD", "POST"])
@fresh_proof_required(of=operator_or_404)
def bank_transfer_confirm(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Say how much money arrived, and when: the whole sum is credited, else it is reviewed."""
    operator = operator_or_404(request.user)
    payment = get_object_or_404(payments().filter(gateway=GATEWAY), pk=pk)
    trouble = ""
    form = ConfirmForm(payment)
    if request.method == "POST":
        form = ConfirmForm(payment, request.POST)
        if form.is_valid():
            trouble = _confirm(request, operator, payment, form)
            if not trouble:
                return redirect("operator-payment", pk=payment.pk)
        elif "key" in form.errors:
            form.renew_key()
    balance = holder_of(payment.account)
    context = {
        "payment": payment,
        "company": payment.account.company,
        "form": form,
        "change": Change(balance, payment.amount),
        "shown": payment_figures.write(payment, balance),
        "trouble": trouble,
    }
    status = 422 if trouble or form.errors else 200
    return render(request, "operator/bank_transfer_confirm.html", context, status=status)


def _search(rows: QuerySet[Payment], query: str) -> QuerySet[Payment]:
    """By reference as people copy it, amount as they write it, or the company's name or code."""
    found = Q(account__name__icontains=query) | Q(master__name__icontains=query)
    found |= Q(master__code=query.lower())
    found |= Q(reference="".join(query.split()).upper()[:30])
    try:
        amount = money.read_amount(query.replace(",", "").split(" ")[-1])
    except money.AmountError:
        return rows.filter(found)
    return rows.filter(found | Q(amount=amount))


def _confirm(request: HttpRequest, operator: User, payment: Payment, form: ConfirmForm) -> str:
    """Tell settlement; the sentence why not, or nothing."""
    typed = form.cleaned_data
    # The same form is the same money, however often it is sent.
    name = f"{BY_HAND}{payment.pk}/{typed['key']}"
    there = Arrival.objects.filter(gateway=GATEWAY, gateway_reference=name)
    first = there.first()
    if first is None:
        about = _("Confirmed by hand, arrived on %(day)s") % {
            "day": typed["arrived_on"].isoformat()
        }
        fact = Fact(
            What.PAID,
            reference=name,
            amount=typed["amount"],
            currency=payment.currency,
            about=f"{about}: {typed['note']}" if typed["note"] else about,
        )

        def first_of_all(locked: Payment) -> None:
            """In the transaction that credits it."""
            payment_figures.check(request.POST.get("shown", ""), locked)
            what = AuditAction.BANK_TRANSFER_CONFIRMED
            note(locked, what, typed["amount"], about=fact.about, by=operator)

        try:
            settlement.learn_about(payment, [fact], by=operator, first=first_of_all)
        except PaymentFiguresChanged as refusal:
            # By this form itself, when it was sent twice at once.
            first = there.first()
            if first is None:
                payment.refresh_from_db(fields=["state", "credited", "refunded", "charged_back"])
                return str(refusal.message)
        except StartAgain:
            return busy()
    arrival = there.get()
    _tell(request, payment, arrival, again=first is not None)
    return ""


def _tell(request: HttpRequest, payment: Payment, arrival: Arrival, *, again: bool) -> None:
    told = {
        "amount": written(arrival.amount, arrival.currency),
        "account": payment.account,
    }
    if again:
        messages.info(
            request,
            _("This was confirmed when the form was first sent, with %(amount)s, and not again.")
            % told,
        )
    elif arrival.state == ArrivalState.CREDITED:
        messages.success(request, _("Credited: %(amount)s arrived for %(account)s.") % told)
    else:
        messages.warning(
            request,
            _("%(amount)s arrived for %(account)s and is held in review: %(why)s.")
            % {**told, "why": arrival.get_reason_display()},
        )

"""Refunds: an operator asks for one; those by bank are paid by hand and confirmed here."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import operator_or_404
from accounts.models import User
from accounts.reauthentication import fresh_proof_required
from billing import approvals, payment_figures, refunds, second_operator, settlement
from billing.gateways.protocol import Fact, GatewayError, What
from billing.ledger import StartAgain
from billing.models import Approval, Asked, Payment, Refund, RefundState
from billing.operator_forms import RefundForm
from billing.payment_figures import PaymentFiguresChanged, holder_of, left_of
from billing.refusals import Refused
from billing.views.operator_reading import (
    GATEWAY,
    Change,
    busy,
    cut,
    payments,
    tell_asked,
    uuid_or_404,
    written,
)

# Why the bank would not take it.
LONGEST = 200


# Kept by the browser, so that Back shows the same key, and what is sent again is known again.
@cache_control(private=True, no_cache=True)
@require_http_methods(["GET", "HEAD", "POST"])
@fresh_proof_required(of=operator_or_404)
def refund_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Give money of a payment back. The credit is on hold until it is gone."""
    operator = operator_or_404(request.user)
    payment = get_object_or_404(payments(), pk=pk)
    form = RefundForm(payment, left_of(payment))
    trouble = ""
    if request.method == "POST":
        form = RefundForm(payment, left_of(payment), request.POST)
        if form.is_valid():
            trouble = _request(request, operator, payment, form)
            if not trouble and not form.errors:
                asked = Approval.objects.filter(key=form.cleaned_data["key"]).first()
                return redirect(asked or _page_of(payment))
        elif "key" in form.errors:
            form.renew_key()
        payment.refresh_from_db(fields=["credited", "refunded", "charged_back"])
    balance, left = holder_of(payment.account), left_of(payment)
    context = {
        "payment": payment,
        "company": payment.account.company,
        "form": form,
        "left": left,
        "alone": second_operator.alone(company=payment.account.company, by=operator),
        "change": Change(balance, -left),
        "shown": payment_figures.write(payment, balance),
        "trouble": trouble,
    }
    status = 422 if trouble or form.errors else 200
    return render(request, "operator/refund_new.html", context, status=status)


@require_safe
def refund_list(request: HttpRequest) -> HttpResponse:
    """Refunds by bank that somebody has to pay by hand, oldest first; ``after`` goes on."""
    operator_or_404(request.user)
    rows = _refunds().filter(state=RefundState.REQUESTED, payment__gateway=GATEWAY)
    after = request.GET.get("after")
    if after is not None:
        last = get_object_or_404(Refund, pk=uuid_or_404(after))
        rows = rows.filter(created_at__gte=last.created_at).exclude(
            created_at=last.created_at, pk__lte=last.pk
        )
    page = cut(rows.order_by("created_at", "pk"))
    context = {"refunds": page.rows, "next": page.last, "is_later": after is not None}
    return render(request, "operator/refund_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@fresh_proof_required(of=operator_or_404)
def refund_end(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Say that a refund by bank was paid, or that it failed; also that it came back later."""
    operator = operator_or_404(request.user)
    refund = get_object_or_404(_refunds().filter(payment__gateway=GATEWAY), pk=pk)
    trouble = ""
    if refund.state == RefundState.FAILED:
        messages.info(request, _("This refund failed already: nothing is left to do."))
        return redirect("operator-payment", pk=refund.payment_id)
    if request.method == "POST":
        trouble = _end(request, operator, refund)
        if not trouble:
            return redirect("operator-payment", pk=refund.payment_id)
        refund.refresh_from_db(fields=["state"])
    is_done = refund.state == RefundState.DONE
    balance = holder_of(refund.payment.account)
    # What is on hold for it can be spent by nobody now: when it is paid, only the credit moves.
    held = refund.amount if refund.hold_id and not is_done else Decimal(0)
    context = {
        "refund": refund,
        "payment": refund.payment,
        "company": refund.payment.account.company,
        "is_done": is_done,
        "balance": balance,
        "credit_done": balance.credit - refund.amount,
        "available_done": balance.available - refund.amount + held,
        "credit_failed": balance.credit + (refund.amount if is_done else 0),
        "available_failed": balance.available + (refund.amount if is_done else held),
        "shown": payment_figures.write(refund.payment, balance),
        "why": request.POST.get("why", "")[:LONGEST],
        "trouble": trouble,
    }
    return render(request, "operator/refund_end.html", context, status=422 if trouble else 200)


def _page_of(payment: Payment) -> str:
    return reverse("operator-payment", kwargs={"pk": payment.pk})


def _refunds() -> QuerySet[Refund]:
    return Refund.objects.select_related("payment__account__master", "master", "by")


def _request(  # noqa: PLR0911 - each why it was not done
    request: HttpRequest, operator: User, payment: Payment, form: RefundForm
) -> str:
    """Ask for the refund and send it; the sentence why not, or nothing. Errors go to the form."""
    typed = form.cleaned_data
    there = Refund.objects.filter(pk=typed["key"]).first()
    if there is not None and there.payment_id == payment.pk:
        messages.info(
            request,
            _(
                "This refund of %(amount)s was asked for when the form was first sent,"
                " and not again."
            )
            % {"amount": written(there.amount, payment.currency)},
        )
        return ""
    if there is not None:
        form.renew_key()
        return _("The form had the number of another one. It has a new one now: send it again.")
    shown = request.POST.get("shown", "")
    asked_before = Approval.objects.filter(key=typed["key"]).exists()
    try:
        refund = approvals.refund(payment=payment, **typed, by=operator, shown=shown)
    except PaymentFiguresChanged as refusal:
        payment.refresh_from_db(fields=["state", "credited", "refunded", "charged_back"])
        return str(refusal.message)
    except Refused as refusal:
        form.add_error("amount", refusal.message)
        return ""
    except (StartAgain, IntegrityError):
        return busy()
    if isinstance(refund, Approval):
        same = (Asked.REFUND, payment.pk, -typed["amount"])
        if (refund.what, refund.payment_id, refund.amount) != same:
            form.renew_key()
            return _(
                "The form had the number of another one. It has a new one now: send it again."
            )
        tell_asked(request, refund, again=asked_before)
        return ""
    send_and_tell(request, refund, payment)
    return ""


def send_and_tell(request: HttpRequest, refund: Refund, payment: Payment) -> None:
    """Ask the gateway for what is set apart, and say what it answers. Raises nothing."""
    told = {"amount": written(refund.amount, payment.currency)}
    try:
        refund = refunds.send(refund)
    except (GatewayError, StartAgain):
        messages.warning(
            request,
            _("The refund of %(amount)s is asked for. The gateway gave no answer yet.") % told,
        )
        return
    if refund.state == RefundState.DONE:
        messages.success(request, _("Refunded %(amount)s.") % told)
    elif refund.state == RefundState.FAILED:
        messages.error(
            request,
            _("The gateway refused the refund of %(amount)s: %(why)s")
            % {**told, "why": refund.failure},
        )
    elif payment.gateway == GATEWAY:
        messages.success(
            request,
            _("%(amount)s is set apart. Pay it back at the bank, then confirm it here.") % told,
        )
    else:
        messages.success(request, _("The refund of %(amount)s is under way.") % told)


def _end(  # noqa: PLR0911 - each why it was not done
    request: HttpRequest, operator: User, refund: Refund
) -> str:
    """Tell settlement how it ended; the sentence why not, or nothing."""
    wanted, why = request.POST.get("do"), request.POST.get("why", "").strip()
    if wanted not in {"done", "failed"}:
        return _("Choose whether it was paid back or failed.")
    if wanted == "done" and refund.state == RefundState.DONE:
        messages.info(request, _("This refund was confirmed already, and not again."))
        return ""
    if wanted == "failed" and not why:
        return _("Write why it failed, as the bank says it.")
    if len(why) > LONGEST or not (why.isprintable() or not why):
        return _("Write the reason in at most %(most)d characters, on one line.") % {
            "most": LONGEST
        }
    looked = partial(payment_figures.check, request.POST.get("shown", ""))
    what = What.REFUNDED if wanted == "done" else What.REFUND_FAILED
    try:
        settlement.learn_about(
            refund.payment,
            [Fact(what, refund=str(refund.pk), about=why)],
            by=operator,
            first=looked,
        )
    except PaymentFiguresChanged as refusal:
        refund.refresh_from_db(fields=["state"])
        if refund.state == RefundState.FAILED or (wanted, refund.state) == ("done", "done"):
            messages.info(request, _("This refund was ended meanwhile, and not again."))
            return ""
        fields = ["state", "credited", "refunded", "charged_back"]
        refund.payment.refresh_from_db(fields=fields)
        return str(refusal.message)
    except StartAgain:
        return busy()
    amount = {"amount": written(refund.amount, refund.payment.currency)}
    if wanted == "done":
        messages.success(request, _("Confirmed: %(amount)s was paid back.") % amount)
    else:
        messages.success(request, _("Noted: %(amount)s did not go back.") % amount)
    return ""

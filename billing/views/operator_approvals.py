"""What waits for a second operator, and deciding it."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import operator_or_404
from accounts.models import User
from accounts.reauthentication import fresh_proof_required
from billing import approvals, references
from billing.approvals import AskerGone, NotOpen, NotYours
from billing.ledger import StartAgain
from billing.models import Approval, Refund
from billing.payment_figures import holder_of
from billing.refusals import Refused
from billing.views.operator_reading import Change, busy, cut, number_or_404, written
from billing.views.operator_refunds import send_and_tell

# Why something is refused.
LONGEST = 300


@require_safe
def approval_list(request: HttpRequest) -> HttpResponse:
    """What waits, oldest first, ``after`` goes on; below what was decided or has lapsed, newest
    first, ``before`` goes on.
    """
    operator_or_404(request.user)
    waiting = _approvals().filter(pk__in=approvals.waiting().values("pk")).order_by("pk")
    decided = _approvals().exclude(pk__in=approvals.waiting().values("pk")).order_by("-pk")
    after, before = request.GET.get("after"), request.GET.get("before")
    if after is not None:
        waiting = waiting.filter(pk__gt=number_or_404(after))
    if before is not None:
        decided = decided.filter(pk__lt=number_or_404(before))
    first, second = cut(waiting), cut(decided)
    context = {
        "waiting": first.rows,
        "next_waiting": first.last,
        "is_later": after is not None,
        "decided": second.rows,
        "next_decided": second.last,
        "is_older": before is not None,
    }
    return render(request, "operator/approval_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@fresh_proof_required(of=operator_or_404)
def approval(request: HttpRequest, pk: int) -> HttpResponse:
    """What is asked, with the figures of then and of now; agree, refuse or withdraw. Once."""
    operator = operator_or_404(request.user)
    asked = get_object_or_404(_approvals(), pk=pk)
    trouble = ""
    if request.method == "POST":
        trouble = _decide(request, operator, asked)
        if not trouble:
            return redirect(asked)
        asked = get_object_or_404(_approvals(), pk=pk)
    balance = holder_of(asked.account)
    context = {
        "approval": asked,
        "company": asked.account.company,
        "is_open": asked.is_open(timezone.now()),
        "is_own": asked.asked_by_id == operator.pk,
        "asker_is_gone": not (asked.asked_by.is_staff and asked.asked_by.is_active),
        "change": Change(balance, asked.amount),
        "words": request.POST.get("words", "")[:LONGEST],
        "trouble": trouble,
    }
    return render(request, "operator/approval.html", context, status=422 if trouble else 200)


def _approvals() -> QuerySet[Approval]:
    return Approval.objects.select_related(
        "account__master", "holder", "payment", "asked_by", "decided_by"
    )


def _decide(request: HttpRequest, operator: User, asked: Approval) -> str:
    """Do what was chosen; the sentence why it was not done, or nothing."""
    wanted, words = request.POST.get("do"), request.POST.get("words", "").strip()
    try:
        if wanted == "agree":
            _agree(request, operator, asked)
        elif wanted == "refuse":
            trouble = _trouble_of(words)
            if trouble:
                return trouble
            approvals.refuse(asked, by=operator, words=words)
            messages.success(request, _("Refused. Whoever asked is told why."))
        elif wanted == "withdraw":
            approvals.withdraw(asked, by=operator)
            messages.success(request, _("Withdrawn: nothing was moved."))
        else:
            return _("Choose whether to agree or to refuse.")
    except NotYours as refusal:
        raise PermissionDenied(refusal.message) from refusal
    except NotOpen as refusal:
        messages.info(request, refusal.message)
    except Refused as refusal:
        if isinstance(refusal, AskerGone):
            return refusal.message
        return _("Nothing was done, and it still waits. %(why)s") % {"why": refusal.message}
    except StartAgain:
        return busy()
    return ""


def _agree(request: HttpRequest, operator: User, asked: Approval) -> None:
    """Agree, and ask the gateway where it is a refund. Raises what ``approvals.agree`` raises."""
    done = approvals.agree(asked, by=operator)
    amount = {"amount": written(abs(asked.amount), asked.currency), "account": asked.account}
    if isinstance(done, Refund):
        send_and_tell(request, done, done.payment)
    else:
        messages.success(request, _("Agreed: %(amount)s moved for %(account)s.") % amount)


def _trouble_of(words: str) -> str:
    if not words:
        return _("Write why you refuse: whoever asked is told.")
    try:
        references.check_description(words)
    except ValueError:
        pass
    else:
        if len(words) <= LONGEST:
            return ""
    return _("Write the reason in at most %(most)d characters, in text only.") % {"most": LONGEST}

"""Bank statements: uploading one, what became of its lines, and whose the unmatched ones are."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from django.contrib import messages
from django.db.models import Count, F, Model, Q, Value
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import operator_or_404
from accounts.models import User
from accounts.reauthentication import ask, fresh_proof_required
from billing import bank_statements, camt053, payment_figures, same_money
from billing.bank_statements import CannotAssign, NotAStatement, Taken
from billing.ledger import StartAgain
from billing.models import (
    BankLine,
    BankStatement,
    LineOutcome,
    Payment,
    PaymentState,
    ReviewReason,
)
from billing.payment_figures import PaymentFiguresChanged, holder_of
from billing.views.operator_reading import (
    GATEWAY,
    Change,
    busy,
    cut,
    number_or_404,
    payments,
    written,
)
from console.requests import KeepSmallFile

SUGGESTIONS = 5
# How long whoever uploads a statement waits for its lines to be matched; a job does the rest.
SECONDS = 3.0
# Between two questions of a page how far that is.
POLLED_EVERY = 3


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def statement_list(request: HttpRequest) -> HttpResponse:
    """The statements that were taken, newest first; sent a file, take it.

    Who may is asked before anything is read, and the token before anything is done: Django reads
    the body to find it, so where the file goes must be said before.
    """
    operator = operator_or_404(request.user)
    request.upload_handlers = [KeepSmallFile(request, camt053.MAX_BYTES)]
    return _statement_list(request, operator)


@csrf_protect
def _statement_list(request: HttpRequest, operator: User) -> HttpResponse:
    trouble = ""
    if request.method == "POST":
        asked = ask(request)
        if asked is not None:
            return asked
        answer = _upload(request, operator)
        if isinstance(answer, HttpResponse):
            return answer
        trouble = answer
    rows = BankStatement.objects.select_related("uploaded_by")
    before = request.GET.get("before")
    if before is not None:
        rows = rows.filter(pk__lt=number_or_404(before))
    page = cut(rows.order_by("-pk"))
    context = {
        "statements": _with_counts(page.rows),
        "next": page.last,
        "is_later": before is not None,
        "trouble": trouble,
    }
    return render(request, "operator/statement_list.html", context, status=422 if trouble else 200)


_COUNTED = {
    "credited_count": LineOutcome.CREDITED,
    "review_count": LineOutcome.IN_REVIEW,
    "same_count": LineOutcome.SAME,
    "unmatched_count": LineOutcome.UNMATCHED,
    "ignored_count": LineOutcome.IGNORED,
    "waiting_count": LineOutcome.WAITING,
}


def _with_counts(rows: Sequence[Model]) -> list[tuple[Model, dict[str, int]]]:
    """Each statement with how many lines of each outcome it has; one query."""
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    lines = BankLine.objects.filter(statement__in=[each.pk for each in rows])
    counted = lines.values_list("statement_id", "outcome").annotate(count=Count("pk"))
    for pk, outcome, count in counted:
        counts[pk][outcome] = count
    return [(each, counts[each.pk]) for each in rows]


@require_safe
def statement(request: HttpRequest, pk: int) -> HttpResponse:
    """One statement with its lines, in the bank's order.

    ``outcome`` shows those of one kind; ``after`` those after that one.
    """
    operator_or_404(request.user)
    found = get_object_or_404(BankStatement.objects.select_related("uploaded_by"), pk=pk)
    counts = found.lines.aggregate(
        **{name: Count("pk", filter=Q(outcome=value)) for name, value in _COUNTED.items()}
    )
    wanted = request.GET.get("outcome", "")
    lines = found.lines.select_related("payment__account", "master", "arrival").order_by("id")
    if wanted:
        if wanted not in LineOutcome.values:
            raise Http404
        lines = lines.filter(outcome=wanted)
    after = request.GET.get("after")
    if after is not None:
        lines = lines.filter(pk__gt=number_or_404(after))
    page = cut(lines)
    context = {
        "statement": found,
        "tabs": [
            (value, LineOutcome(value).label, counts[name]) for name, value in _COUNTED.items()
        ],
        "total": sum(counts.values()),
        "waiting": counts["waiting_count"],
        "every": POLLED_EVERY,
        "wanted": wanted,
        "lines": page.rows,
        "next": page.last,
        "is_later": after is not None,
    }
    return render(request, "operator/statement.html", context)


@require_safe
def statement_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """How many lines still wait, for the page that asks; when none does, it is to load itself."""
    operator_or_404(request.user)
    found = get_object_or_404(BankStatement, pk=pk)
    waiting = found.lines.filter(outcome=LineOutcome.WAITING).count()
    context = {
        "statement": found,
        "waiting": waiting,
        "total": found.lines.count(),
        "every": POLLED_EVERY,
    }
    response = render(request, "operator/_statement_progress.html", context)
    if not waiting:
        response["HX-Refresh"] = "true"
    return response


@require_POST
@fresh_proof_required(of=operator_or_404)
def statement_go_on(request: HttpRequest, pk: int) -> HttpResponse:
    """Match the lines that still wait. Safe to repeat."""
    operator = operator_or_404(request.user)
    found = get_object_or_404(BankStatement, pk=pk)
    left = bank_statements.go_on(found, by=operator)
    if left:
        messages.warning(request, _still_waiting(left))
    else:
        messages.success(request, _("No line of this statement waits any more."))
    return redirect("operator-statement", pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
@fresh_proof_required(of=operator_or_404)
def line_assign(request: HttpRequest, pk: int) -> HttpResponse:
    """Say whose money an unmatched line is: first find the payment, look at it, then confirm."""
    operator = operator_or_404(request.user)
    line = get_object_or_404(BankLine.objects.select_related("statement"), pk=pk)
    if not line.is_credit or line.outcome == LineOutcome.IGNORED:
        raise Http404
    typed = (request.POST if request.method == "POST" else request.GET).get("reference", "")
    payment = _payment(typed)
    trouble = ""
    if typed and payment is None:
        trouble = _(
            "No payment by bank transfer has the reference “%(reference)s”. It begins with RF"
            " and has 14 letters and digits."
        ) % {"reference": typed.strip()[:40]}
    elif request.method == "POST":
        trouble = _assign(request, operator, line, payment)
        if not trouble:
            return redirect(line.statement)
    if line.payment_id is not None and line.outcome != LineOutcome.WAITING:
        messages.info(request, _("This line was settled already."))
        return redirect(line.statement)
    context: dict[str, object] = {
        "line": line,
        "statement": line.statement,
        "payment": payment,
        "typed": typed[:40],
        "trouble": trouble,
        "suggestions": _suggestions(line) if payment is None else [],
    }
    if payment is not None:
        balance = holder_of(payment.account)
        confirmed = same_money.confirmed_by_hand(payment, bank_statements.arrival_of(line))
        doubt = _doubt(line, payment) if confirmed is None else ""
        is_new = confirmed is None and not doubt
        context |= {
            "company": payment.account.company,
            "doubt": doubt,
            "confirmed": confirmed,
            "change": Change(balance, payment.amount if is_new else Decimal(0)),
            "shown": payment_figures.write(payment, balance),
        }
    return render(request, "operator/line_assign.html", context, status=422 if trouble else 200)


def _upload(request: HttpRequest, operator: User) -> HttpResponse | str:
    """Take the file and match what can be; the sentence why not."""
    # Reading the form is what makes the handler look at the file.
    file = request.FILES.get("file")
    [handler] = request.upload_handlers
    if isinstance(handler, KeepSmallFile) and handler.is_too_large:
        return _("The file is larger than 10 MB: ask the bank for a shorter period.")
    if file is None:
        return _("Choose the bank's file first.")
    try:
        taken = bank_statements.take(content=file.read(), name=file.name or "", by=operator)
    except NotAStatement as error:
        return error.message
    until = time.monotonic() + SECONDS
    left = sum(
        bank_statements.go_on(each.statement, by=operator, seconds=until - time.monotonic())
        for each in taken
    )
    _tell(request, taken, left)
    if len(taken) == 1:
        return redirect(taken[0].statement)
    return redirect("operator-statement-list")


def _tell(request: HttpRequest, taken: list[Taken], left: int) -> None:
    new = sum(each.is_new for each in taken)
    known = len(taken) - new
    if new:
        messages.success(
            request,
            ngettext("Took %(count)d statement.", "Took %(count)d statements.", new)
            % {"count": new},
        )
    if known:
        messages.info(
            request,
            ngettext(
                "%(count)d statement was taken before: nothing of it is new.",
                "%(count)d statements were taken before: nothing of them is new.",
                known,
            )
            % {"count": known},
        )
    if left and len(taken) > 1:
        # The page of a single one says so, and follows it.
        messages.info(request, _still_waiting(left))


def _still_waiting(left: int) -> str:
    return ngettext(
        "%(count)d line still waits: it is matched in the background.",
        "%(count)d lines still wait: they are matched in the background.",
        left,
    ) % {"count": left}


def _payment(reference: str) -> Payment | None:
    """The payment by bank transfer with the reference, written with spaces and in any case."""
    compact = "".join(reference.split()).upper()
    if not compact or len(compact) > 30 or not compact.isascii() or not compact.isalnum():
        return None
    return payments().filter(gateway=GATEWAY, reference=compact).first()


def _suggestions(line: BankLine) -> list[Payment]:
    """Payments that wait for just this sum."""
    waiting = payments().filter(
        gateway=GATEWAY,
        state__in=[PaymentState.CREATED, PaymentState.PENDING],
        currency=line.currency,
        amount=Value(line.amount) - F("fee"),
    )
    return list(waiting.order_by("-created_at")[:SUGGESTIONS])


def _doubt(line: BankLine, payment: Payment) -> str:
    """Why the money would be held in review; nothing when it would be credited."""
    if line.currency != payment.currency:
        return str(ReviewReason.CURRENCY.label)
    if payment.state == PaymentState.PAID:
        return str(ReviewReason.TWICE.label)
    return str(ReviewReason.AMOUNT.label) if line.amount != payment.total else ""


def _assign(request: HttpRequest, operator: User, line: BankLine, payment: Payment | None) -> str:
    if payment is None:
        return _("Write the payment's reference.")
    was, shown = line.outcome, request.POST.get("shown", "")
    try:
        done = bank_statements.assign(line, payment, by=operator, shown=shown)
    except (CannotAssign, PaymentFiguresChanged) as error:
        payment.refresh_from_db(fields=["state", "credited", "refunded", "charged_back"])
        return str(error.message)
    except StartAgain:
        return busy()
    told = {
        "amount": written(line.amount, line.currency),
        "account": payment.account,
    }
    if was in {LineOutcome.CREDITED, LineOutcome.IN_REVIEW, LineOutcome.SAME}:
        messages.info(request, _("This line was settled already, and not again."))
    elif done.outcome == LineOutcome.CREDITED:
        messages.success(request, _("Credited: %(amount)s for %(account)s.") % told)
    elif done.outcome == LineOutcome.SAME:
        messages.success(
            request,
            _("%(amount)s for %(account)s was confirmed by hand before: nothing more is credited.")
            % told,
        )
    else:
        messages.warning(request, _("%(amount)s for %(account)s is held in review.") % told)
    return ""

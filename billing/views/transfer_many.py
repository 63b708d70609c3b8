"""Transfers to many: the form, the preview of every balance, and sending it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from accounts.access import Access, access_or_404
from accounts.reauthentication import ask
from accounts.sign_in_rules import asks_again
from billing import shown, transfer_batches
from billing.batch_forms import BatchForm, SendForm, Way
from billing.models import TransferBatch
from billing.pasted_lines import write_table
from billing.tables import BatchPreviewTable
from billing.views.transfer_reading import balances_of
from console import money

FILLED_IN = ("from", "way", "amount", "target", "note")


# Kept by the browser, so that Back shows the same key, and what is sent again is known again.
@cache_control(private=True, no_cache=True)
@require_http_methods(["GET", "HEAD", "POST"])
def transfer_many(request: HttpRequest, company: str) -> HttpResponse:
    """The form; sent, it shows all balances before and after, and nothing has moved yet.

    A thousand lines do not fit into an address, so the preview comes by POST.
    """
    access = access_or_404(request.user, company)
    access.require_transfer()
    if request.method != "POST":
        typed = {name: request.GET.get(name, "") for name in FILLED_IN}
        typed["way"] = typed["way"] or Way.EVEN
        typed["key"] = BatchForm.fresh_key()
        return _render_form(request, access, typed, is_checked=False)
    if "change" in request.POST:
        return _render_form(request, access, request.POST.dict(), is_checked=False)
    form = BatchForm(access.company, balances_of(access), request.POST)
    if form.is_valid():
        told = transfer_batches.preview_many(
            source=form.cleaned_data["source"], lines=form.plan.lines
        )
        if told.is_possible:
            return _render_preview(request, access, form, told, notes=form.plan.notes)
        _add_refusals(form, told)
    return _answer_form(request, access, form, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
def transfer_many_send(request: HttpRequest, company: str) -> HttpResponse:
    """Move what the preview has shown, and go to the batch's page."""
    access = access_or_404(request.user, company)
    access.require_transfer()
    if request.method != "POST":
        # Whoever signs in again in between comes back by GET.
        return redirect("transfer-many", company=access.company.code)
    form = SendForm(access.company, balances_of(access), request.POST)
    if not form.is_valid() and not {"source", "lines"} <= form.cleaned_data.keys():
        return _back_to_table(request, access)
    lines, source = form.cleaned_data["lines"], form.cleaned_data["source"]
    if form.is_valid():
        answer = _send(request, access, form)
        if answer is not None:
            return answer
    told = transfer_batches.preview_many(source=source, lines=lines)
    return _render_preview(request, access, form, told, status=422)


def _send(request: HttpRequest, access: Access, form: SendForm) -> HttpResponse | None:
    """Move the credit; None when the form says why not."""
    again = TransferBatch.objects.filter(
        master=access.company, key=form.cleaned_data["key"]
    ).exists()
    total = sum((line.amount for line in form.cleaned_data["lines"]), start=Decimal(0))
    if not again and asks_again(company=access.company, amount=total):
        asked = ask(request)
        if asked is not None:
            return asked
    try:
        batch = transfer_batches.make_many(**form.cleaned_data, by=access.user)
    except transfer_batches.Refused as refusal:
        form.add_refusal(refusal)
        return None
    except transfer_batches.StartAgain:
        form.add_hurry()
        return None
    if again:
        messages.info(
            request, _("These transfers were made when the form was first sent, and not again.")
        )
    else:
        messages.success(
            request,
            ngettext(
                "Moved %(currency)s %(total)s from %(source)s to %(count)d account.",
                "Moved %(currency)s %(total)s from %(source)s to %(count)d accounts.",
                batch.count,
            )
            % {
                "currency": access.company.currency,
                "total": money.format_amount(batch.total, access.company.decimals),
                "source": batch.source,
                "count": batch.count,
            },
        )
    return redirect("transfer-batch", company=access.company.code, pk=batch.pk)


def _add_refusals(form: BatchForm, told: transfer_batches.BatchPreview) -> None:
    """Say in the form why the plan cannot be carried out."""
    if told.refusal is not None:
        form.add_refusal(told.refusal)
    for line in told.lines:
        if line.refusal is not None:
            form.add_error(None, line.refusal.message)


def _back_to_table(request: HttpRequest, access: Access) -> HttpResponse:
    """The form with what came as lines in its table: it says what is wrong with which."""
    typed = request.POST.dict() | {
        "way": Way.TABLE,
        "table": request.POST.get("lines", ""),
    }
    return _render_form(request, access, typed, status=422)


def _render_form(
    request: HttpRequest,
    access: Access,
    typed: dict[str, str],
    *,
    is_checked: bool = True,
    status: int = 200,
) -> HttpResponse:
    form = BatchForm(access.company, balances_of(access), typed)
    if not is_checked:
        form.forgive()
        form.bad_lines = []
    return _answer_form(request, access, form, status)


def _answer_form(
    request: HttpRequest, access: Access, form: BatchForm, status: int
) -> HttpResponse:
    context = {"access": access, "company": access.company, "form": form}
    return render(request, "billing/transfer_many.html", context, status=status)


def _render_preview(
    request: HttpRequest,
    access: Access,
    form: BatchForm | SendForm,
    told: transfer_batches.BatchPreview,
    *,
    notes: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    posted: QueryDict = request.POST
    context = {
        "access": access,
        "company": access.company,
        "form": form,
        "told": told,
        "notes": notes,
        "table": BatchPreviewTable(told, company=access.company),
        "lines": write_table((line.balance.account, line.amount) for line in told.lines),
        "shown": shown.write([told.source, *(line.balance for line in told.lines)]),
        "note": posted.get("note", ""),
        # What the form before asked for, so that one can go back to it and change it.
        "typed": [(name, posted.get(name, "")) for name in ("from", "way", "amount", "target")],
        "texts": [(name, posted.get(name, "")) for name in ("accounts", "table")],
    }
    return render(request, "billing/transfer_many_preview.html", context, status=status)

"""Moving back what a transfer has moved."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import Access, access_or_404
from accounts.reauthentication import ask
from accounts.sign_in_rules import asks_again
from billing import transfers
from billing.forms import ReversalForm
from billing.models import Transfer
from billing.views.transfer_reading import visible_transfers
from console import money


# Kept by the browser, so that Back shows the same key, and what is sent again is known again.
@cache_control(private=True, no_cache=True)
@require_http_methods(["GET", "HEAD", "POST"])
def transfer_reverse(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """The form, filled in with what can be moved back now, and sending it."""
    access, transfer = _transfer_or_404(request, company, pk)
    if request.method == "POST":
        form = ReversalForm(transfer, request.POST)
        answer = _reverse(request, access, form)
        if answer is not None:
            return answer
        transfer.refresh_from_db(fields=["reversed"])
        return _render_form(request, access, form, _offered(transfer), status=422)
    offered = _offered(transfer)
    typed = {
        "amount": request.GET.get("amount", offered),
        "note": request.GET.get("note", ""),
        "key": ReversalForm.fresh_key(),
    }
    form = ReversalForm(transfer, typed)
    if "preview" not in request.GET:
        form.forgive()
    return _render_form(request, access, form, offered)


@require_safe
def transfer_reverse_preview(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """The fragment that tells, while the person types, what would happen."""
    access, transfer = _transfer_or_404(request, company, pk)
    outlook = ReversalForm(transfer, request.GET).outlook()
    context = {"company": access.company, "outlook": outlook}
    return render(request, "billing/_transfer_preview.html", context)


def _transfer_or_404(request: HttpRequest, company: str, pk: int) -> tuple[Access, Transfer]:
    """The transfer, for who may move credit."""
    access = access_or_404(request.user, company)
    transfer = get_object_or_404(visible_transfers(access), pk=pk)
    access.require_transfer()
    for account in (transfer.source, transfer.destination):
        account.master = access.company
    return access, transfer


def _reverse(request: HttpRequest, access: Access, form: ReversalForm) -> HttpResponse | None:
    """Move the credit back and go to the new transfer's page; None when the form says why not."""
    if not form.is_valid():
        return None
    again = Transfer.objects.filter(master=access.company, key=form.cleaned_data["key"]).exists()
    amount = form.cleaned_data["amount"]
    if not again and asks_again(company=access.company, amount=amount):
        asked = ask(request)
        if asked is not None:
            return asked
    try:
        made = transfers.reverse(transfer=form.transfer, **form.cleaned_data, by=access.user)
    except transfers.Refused as refusal:
        form.add_refusal(refusal)
        return None
    except transfers.StartAgain:
        form.add_hurry()
        return None
    if again:
        messages.info(
            request, _("This was moved back when the form was first sent, and not again.")
        )
    else:
        messages.success(
            request,
            _("Moved %(currency)s %(amount)s back from %(source)s to %(destination)s.")
            % {
                "currency": access.company.currency,
                "amount": money.format_amount(made.amount, access.company.decimals),
                "source": made.source,
                "destination": made.destination,
            },
        )
    return redirect("transfer-detail", company=access.company.code, pk=made.pk)


def _offered(transfer: Transfer) -> str:
    """How much can be moved back now, as a form takes it; "" when nothing can be."""
    amount = transfers.reversible(transfer)
    return str(money.round_down(amount, transfer.master.decimals)) if amount else ""


def _render_form(
    request: HttpRequest, access: Access, form: ReversalForm, offered: str, status: int = 200
) -> HttpResponse:
    transfer = form.transfer
    outlook = form.outlook()
    # What would be said of all that is left: why only a part of it can be moved back, or nothing.
    whole = transfers.preview_reversal(transfer=transfer, amount=transfer.left or transfer.amount)
    context = {
        "access": access,
        "company": access.company,
        "transfer": transfer,
        "form": form,
        "outlook": outlook,
        "is_told": any(outlook.trouble in told for told in form.errors.values()),
        "refusal": whole.refusal,
        "offered": offered,
        "offers_part": bool(offered) and form["amount"].value() != offered,
    }
    return render(request, "billing/transfer_reverse.html", context, status=status)

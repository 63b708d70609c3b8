"""The form of one transfer, with its live preview."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import Access, access_or_404
from accounts.reauthentication import ask
from accounts.sign_in_rules import asks_again
from billing import transfers
from billing.forms import TransferForm
from billing.models import Transfer
from billing.views.transfer_reading import balances_of
from console import money

# What an address may fill into the form. Never the key, for a link may be opened twice.
FILLED_IN = ("amount", "from", "to", "note")


# Kept by the browser, so that Back shows the same key, and what is sent again is known again.
@cache_control(private=True, no_cache=True)
@require_http_methods(["GET", "HEAD", "POST"])
def transfer_new(request: HttpRequest, company: str) -> HttpResponse:
    """The form, and sending it. Without JavaScript, Preview and Swap come here by GET."""
    access = access_or_404(request.user, company)
    access.require_transfer()
    if request.method == "POST":
        form = TransferForm(access.company, balances_of(access), request.POST)
        answer = _make(request, access, form)
        if answer is not None:
            return answer
        return _render_form(request, access, form, status=422)
    address = _tidy(request)
    if address is not None:
        return redirect(address)
    typed = {name: request.GET.get(name, "") for name in FILLED_IN}
    typed["key"] = TransferForm.fresh_key()
    form = TransferForm(access.company, balances_of(access), typed)
    if "preview" not in request.GET:
        form.forgive()
    return _render_form(request, access, form)


@require_safe
def transfer_preview(request: HttpRequest, company: str) -> HttpResponse:
    """The fragment that tells, while the person types, what would happen."""
    access = access_or_404(request.user, company)
    access.require_transfer()
    form = TransferForm(access.company, balances_of(access), request.GET)
    context = {"company": access.company, "outlook": form.outlook()}
    return render(request, "billing/_transfer_preview.html", context)


def _tidy(request: HttpRequest) -> str | None:
    """The address to go to instead, when this one is what a form without JavaScript has sent.

    Preview and Swap send all that is in the form: what is empty is left out, and so is the key;
    the swapped accounts change places.
    """
    given = [name for name in FILLED_IN if name in request.GET]
    swap = "swap" in request.GET
    if not swap and "key" not in request.GET and all(request.GET[name] for name in given):
        return None
    filled = {name: request.GET[name] for name in given if request.GET[name]}
    if swap:
        names = {"from": "to", "to": "from"}
        filled = {names.get(name, name): value for name, value in filled.items()}
    if "preview" in request.GET:
        filled["preview"] = "1"
    return f"{request.path}?{urlencode(filled)}" if filled else request.path


def _make(request: HttpRequest, access: Access, form: TransferForm) -> HttpResponse | None:
    """Move the credit and go to the transfer's page; None when the form says why not."""
    if not form.is_valid():
        return None
    # Only to say the right thing: what happens once is decided under the unique key.
    again = Transfer.objects.filter(master=access.company, key=form.cleaned_data["key"]).exists()
    amount = form.cleaned_data["amount"]
    if not again and asks_again(company=access.company, amount=amount):
        asked = ask(request)
        if asked is not None:
            return asked
    try:
        transfer = transfers.make(**form.cleaned_data, by=access.user)
    except transfers.Refused as refusal:
        form.add_refusal(refusal)
        return None
    except transfers.StartAgain:
        form.add_hurry()
        return None
    if again:
        messages.info(
            request, _("This transfer was made when the form was first sent, and not again.")
        )
    else:
        messages.success(
            request,
            _("Moved %(currency)s %(amount)s from %(source)s to %(destination)s.")
            % {
                "currency": access.company.currency,
                "amount": money.format_amount(transfer.amount, access.company.decimals),
                "source": transfer.source,
                "destination": transfer.destination,
            },
        )
    return redirect("transfer-detail", company=access.company.code, pk=transfer.pk)


def _render_form(
    request: HttpRequest, access: Access, form: TransferForm, status: int = 200
) -> HttpResponse:
    outlook = form.outlook()
    context = {
        "access": access,
        "company": access.company,
        "form": form,
        "outlook": outlook,
        # Above the form and beside the field: twice is enough.
        "is_told": any(outlook.trouble in told for told in form.errors.values()),
    }
    return render(request, "billing/transfer_new.html", context, status=status)

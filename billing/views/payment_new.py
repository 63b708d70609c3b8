"""Topping up: the form, the review of what was chosen, and the start."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import Access, access_or_404
from billing import payment_methods, payments
from billing.models import Payment
from billing.payment_forms import PaymentForm, read_key
from billing.views.payment_reading import balances_in_reach, go_and_pay, leads_to_gateway
from console import money

# What an address may fill into the form.
FILLED_IN = ("account", "amount", "method")


@require_safe
def payment_new(request: HttpRequest, company: str) -> HttpResponse:
    """The form. Its buttons with amounts, and Preview without JavaScript, come back here."""
    access = access_or_404(request.user, company)
    form = _form(access, request.GET.dict())
    preset = request.GET.get("preset")
    if preset is not None:
        typed = {name: request.GET.get(name, "") for name in FILLED_IN} | {"amount": preset}
        filled = {name: value for name, value in typed.items() if value}
        return redirect(f"{request.path}?{urlencode(filled)}")
    if "preview" not in request.GET:
        form.forgive()
    return _render_form(request, access, form)


@require_safe
def payment_preview(request: HttpRequest, company: str) -> HttpResponse:
    """The fragment that tells, while the person types, what would be paid and credited."""
    access = access_or_404(request.user, company)
    form = _form(access, request.GET.dict())
    context = {
        "company": access.company,
        "outlook": form.outlook(),
        "choices": form.choices(),
        "is_fragment": True,
    }
    return render(request, "billing/_payment_preview.html", context)


# Kept by the browser, so that Back shows the same key, and what is sent again is known again.
@cache_control(private=True, no_cache=True)
@leads_to_gateway
@require_safe
def payment_review(request: HttpRequest, company: str) -> HttpResponse:
    """What was chosen, once more, before anything is asked of anybody."""
    access = access_or_404(request.user, company)
    form = _form(access, request.GET.dict())
    if not form.is_valid() or form.quoted is None:
        return _render_form(request, access, form, status=422)
    chosen = {name: form[name].data for name in FILLED_IN}
    context = {
        "access": access,
        "company": access.company,
        "account": form.cleaned_data["account"],
        "method": next(choice for choice in form.choices() if choice.is_chosen),
        "outlook": form.outlook(),
        "chosen": chosen,
        "change": f"{reverse('payment-new', args=[company])}?{urlencode(chosen)}",
        "key": uuid4(),
    }
    return render(request, "billing/payment_review.html", context)


@leads_to_gateway
@require_http_methods(["GET", "HEAD", "POST"])
def payment_start(request: HttpRequest, company: str) -> HttpResponse:
    """Start the payment and go where it is paid; sent twice, the same payment."""
    access = access_or_404(request.user, company)
    if request.method != "POST":
        # Signing in again, or a link that was copied, comes here without what was sent.
        return redirect("payment-new", company=company)
    form = _form(access, request.POST.dict())
    key = read_key(request.POST.get("key", ""))
    if key is None:
        form.add_error(
            None,
            _(
                "The form came without its number, so nothing was started."
                " Check what you wrote and review it again."
            ),
        )
        return _render_form(request, access, form, status=422)
    # What was started is gone on with, even if it could not be started any more.
    payment = _started(access, key) or _start(access, form, key)
    if payment is None:
        return _render_form(request, access, form, status=422)
    if not _is_what_was_sent(payment, request):
        form.add_error(None, _sent_before(access, payment))
        return _render_form(request, access, form, status=422)
    return go_and_pay(request, access, payment)


def _form(access: Access, typed: dict[str, str]) -> PaymentForm:
    """The form with what is typed; where an account or a method goes without saying, with it."""
    reach = balances_in_reach(access)
    methods = payment_methods.offered(access.company)
    data = {name: typed.get(name, "") for name in FILLED_IN}
    if "account" not in typed:
        first = next(row for row in reach if access.can_top_up(row.account))
        data["account"] = str(first.account_id)
    if "method" not in typed and methods:
        data["method"] = str(methods[0].pk)
    return PaymentForm(access.company, reach, methods, data)


def _started(access: Access, key: UUID) -> Payment | None:
    visible = payments.visible_to(access.user, access.company)
    payment = visible.filter(key=key).select_related("account").first()
    return payment if payment and access.pays_for(payment.account) else None


def _start(access: Access, form: PaymentForm, key: UUID) -> Payment | None:
    """The payment; None when the form says why not."""
    if not form.is_valid():
        return None
    try:
        return payments.start(**form.cleaned_data, key=key, by=access.user)
    except payments.AmountRefused as refusal:
        form.add_error("amount", refusal.message)
    except (payments.CannotTopUp, payments.TooManyOpen) as refusal:
        form.add_error("account", refusal.message)
    except payments.MethodGone as refusal:
        form.add_error("method", refusal.message)
    return None


def _is_what_was_sent(payment: Payment, request: HttpRequest) -> bool:
    """Whether the payment with this key is the one that the form describes."""
    try:
        amount = money.read_amount(request.POST.get("amount", "").strip())
    except money.AmountError:
        return False
    named = (str(payment.account_id), str(payment.method_id))
    sent = (request.POST.get("account"), request.POST.get("method"))
    return named == sent and payment.amount == amount


def _sent_before(access: Access, payment: Payment) -> str:
    """That the form was sent before, as another payment, with a link to it where it is seen."""
    payment.master = access.company
    link = ""
    if payments.visible_to(access.user, access.company).filter(pk=payment.pk).exists():
        link = format_html(
            ' <a href="{}">{}</a>', payment.get_absolute_url(), _("See that payment")
        )
    return format_html(
        "{}{}",
        _(
            "This form was sent before, as another payment. Nothing was started now."
            " If you want this one too, review it again."
        ),
        link,
    )


def _instead_at(access: Access, form: PaymentForm) -> str:
    """The form for the master account, with what else is typed."""
    typed = {name: form[name].data or "" for name in FILLED_IN}
    typed["account"] = str(access.company.pk)
    filled = {name: value for name, value in typed.items() if value}
    return f"{reverse('payment-new', args=[access.company.code])}?{urlencode(filled)}"


def _render_form(
    request: HttpRequest, access: Access, form: PaymentForm, status: int = 200
) -> HttpResponse:
    outlook = form.outlook()
    context = {
        "access": access,
        "company": access.company,
        "form": form,
        "choices": form.choices(),
        "outlook": outlook,
        "is_told": any(outlook.trouble in told for told in form.errors.values()),
        # Who chose an account on the shared balance means the balance it draws on.
        "instead": access.company
        if "account" in form.errors and access.can_top_up(access.company)
        else None,
        "instead_at": _instead_at(access, form),
    }
    return render(request, "billing/payment_new.html", context, status=status)

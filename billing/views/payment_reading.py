"""What the pages of payments share: whom one pays for, where one is sent, and comes back to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit
from uuid import UUID

from csp.decorators import csp_update
from django.conf import settings
from django.contrib import messages
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.access import Access
from billing import payments
from billing.models import Balance, Payment
from billing.payment_status import with_status
from billing.views.transfer_reading import balances_of

logger = logging.getLogger(__name__)

V = TypeVar("V", bound=Callable[..., HttpResponseBase])


class SeeOther(HttpResponseRedirect):
    """On to another page, by GET."""

    status_code = 303


def leads_to_gateway(view: V) -> V:
    """For pages with a form that ends on a gateway's hosted page: browsers must be let go there.

    They hold a redirect after a form to the page's own policy. No other page names these origins.
    """

    @wraps(view)
    def allowed(*args: Any, **kwargs: Any) -> HttpResponseBase:
        # Read when asked: a decorator's argument would be what the settings said at import.
        widened = csp_update({"form-action": list(settings.CHECKOUT_ORIGINS)})(view)
        return widened(*args, **kwargs)

    return cast(V, allowed)


def balances_in_reach(access: Access) -> list[Balance]:
    """The balances of the accounts that the person pays for, also of those that take nothing.

    The master account's first. Raises PermissionDenied, with a sentence, where there is none that
    can be topped up. One query.
    """
    rows = balances_of(access) if access.pays_for_any else []
    reach = [row for row in rows if access.pays_for(row.account)]
    if not any(access.can_top_up(row.account) for row in reach):
        access.require_top_up(reach[0].account if reach else access.company)
    return reach


def payment_or_404(access: Access, pk: UUID) -> Payment:
    """The company's payment with its status; Http404 when the person may not see it."""
    visible = payments.visible_to(access.user, access.company)
    payment = with_status(visible).filter(pk=pk).select_related("account", "method", "by").first()
    if payment is None:
        raise Http404
    # What they inherit is read from the company, without a query.
    payment.master = payment.account.master = access.company
    return payment


def require_payer(access: Access, payment: Payment) -> None:
    """Raise PermissionDenied, with a sentence, unless continuing or cancelling is the person's."""
    if not access.pays_for(payment.account):
        access.require_top_up(payment.account)


def go_and_pay(request: HttpRequest, access: Access, payment: Payment) -> HttpResponse:
    """To the gateway's hosted page, or to the payment's own where there is none, or trouble."""
    payment.master = access.company
    page = redirect(payment)
    at = request.build_absolute_uri(payment.get_absolute_url())
    addresses = payments.Addresses(success=f"{at}?back=1", cancel=f"{at}?back=cancelled")
    try:
        opened = payments.open_checkout(payment, addresses=addresses)
    except payments.GatewayRefused as refusal:
        logger.warning("%s refuses %s: %s.", payment.gateway, payment, refusal.message)
        messages.error(
            request,
            _(
                "The payment service does not take this payment, so you cannot pay it. No money"
                " was taken. Cancel it, and choose another amount or another method."
            ),
        )
        return page
    except payments.GatewayError as trouble:
        logger.warning("%s opens no page for %s: %s.", payment.gateway, payment, trouble.message)
        messages.error(
            request,
            _(
                "The payment service could not be reached, so you cannot pay at the moment."
                " No money was taken. Try again in a minute."
            ),
        )
        return page
    if not opened.is_open or not opened.checkout_url:
        return page
    if not is_known_page(opened.checkout_url):
        messages.error(
            request,
            _(
                "The payment service answered with a page that we do not know, so you were not"
                " sent there. No money was taken."
            ),
        )
        return page
    return SeeOther(opened.checkout_url)


def is_known_page(url: str) -> bool:
    """Whether the address is on an origin that the settings name."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return f"{parts.scheme}://{parts.netloc}" in settings.CHECKOUT_ORIGINS

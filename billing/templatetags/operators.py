"""How amounts of several currencies stand on one page."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django import template
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing import approvals
from billing.models import Approval, ApprovalState, Payment
from billing.payment_methods import ANYWHERE
from billing.payment_status import Status, status_of
from billing.payment_trail import Trail
from console import money as writing
from console import places

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

    from accounts.models import Account

register = template.Library()


@register.filter
def money(value: Decimal, currency: str) -> str:
    """``EGP 1,240.50``: exact, with its currency."""
    return f"{currency} {writing.format_amount(value, writing.currency_decimals(currency))}"


@register.filter
def money_down(value: Decimal, currency: str) -> str:
    """``EGP 1,240.50``, rounded down: for what may be spent."""
    return f"{currency} {writing.format_down(value, writing.currency_decimals(currency))}"


@register.filter
def of_company(account: Account, company: Account) -> str:
    """``Marketing of Nile Retail Group``; a master account is the company itself."""
    if account.is_master:
        return account.name
    words = {"account": account.name, "company": company.name}
    return gettext("%(account)s of %(company)s") % words


@register.filter
def place(country: str) -> str:
    """Where a payment method is offered: the country's name."""
    return gettext("All other countries") if country == ANYWHERE else places.country_name(country)


_WORDS: dict[str, StrPromise] = {
    Trail.STARTED: _("Started"),
    Trail.OPENED: _("Checkout opened"),
    Trail.MAILED: _("Mailed how to pay"),
    Trail.PENDING: _("Money is on its way"),
    Trail.ARRIVED: _("Money arrived"),
    Trail.CREDITED: _("Credited"),
    Trail.IN_REVIEW: _("Held in review"),
    Trail.RETURNED: _("Went back"),
    Trail.SAME: _("The same money, told twice"),
    Trail.FAILED: _("Failed"),
    Trail.EXPIRED: _("Expired"),
    Trail.CANCELLED: _("Cancelled"),
    Trail.REFUND_REQUESTED: _("Refund asked for"),
    Trail.REFUNDED: _("Refunded"),
    Trail.REFUND_FAILED: _("Refund failed"),
    Trail.DISPUTED: _("Disputed"),
    Trail.DISPUTE_WON: _("Dispute won"),
    Trail.DISPUTE_LOST: _("Dispute lost"),
}


@register.filter
def status(payment: Payment) -> Status:
    """What is to be known of the payment first, as its customer reads it; see ``with_status``."""
    return status_of(payment)


@register.filter
def trail_word(what: str) -> str:
    """What happened, as pages say it."""
    return str(_WORDS.get(what, what))


@register.simple_tag
def approvals_waiting() -> int:
    """How much waits for a second operator, for the menu; one query, and at most 100."""
    return approvals.waiting().order_by()[:100].count()


@register.filter
def has_lapsed(approval: Approval) -> bool:
    """Whether nobody decided the request in time."""
    return approval.state == ApprovalState.WAITING and not approval.is_open(timezone.now())

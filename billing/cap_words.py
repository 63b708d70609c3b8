"""How an account stands with its spending cap, in a sentence for people."""

from __future__ import annotations

from decimal import Decimal

from django.utils import formats
from django.utils.translation import gettext as _

from accounts.models import Account
from billing import caps
from billing.caps import CapUse
from console import money


def stands(use: CapUse, company: Account) -> str:
    """What the cap in force does now."""
    if use.is_hard and not use.cap:
        text = _("It may spend nothing: all its messages are refused until the cap is raised.")
    elif use.is_hard and use.is_reached:
        text = _("Used up: its messages are refused until %(day)s, or until the cap is raised.")
    elif use.is_hard:
        text = _("%(currency)s %(left)s left this month. What would pass the cap is refused.")
    elif use.is_over:
        text = _("Passed by %(currency)s %(over)s this month. The cap only warns.")
    elif use.is_reached:
        text = _("Used up this month. The cap only warns: nothing is refused.")
    else:
        text = _("%(currency)s %(left)s left this month. The cap only warns.")
    return text % _figures(use, company)


def would(use: CapUse, company: Account) -> str:
    """What a cap that is not in force yet would mean now."""
    if use.is_hard and not use.cap:
        text = _("It could spend nothing: all its messages would be refused from now on.")
    elif use.is_hard and use.is_reached:
        text = _("Already used up: its messages would be refused until %(day)s.")
    elif use.is_hard:
        text = _("%(currency)s %(left)s left this month. What would pass the cap is refused.")
    elif use.is_over:
        text = _("Already passed by %(currency)s %(over)s. Nothing would be refused.")
    elif use.is_reached:
        text = _("Already used up. Nothing would be refused.")
    else:
        text = _("%(currency)s %(left)s left this month. Nothing is refused past it.")
    return text % _figures(use, company)


def amount_a_month(cap: Decimal, company: Account) -> str:
    """``EGP 500.00 a month``."""
    return _("%(currency)s %(amount)s a month") % {
        "currency": company.currency,
        "amount": money.format_amount(cap, company.decimals),
    }


def _figures(use: CapUse, company: Account) -> dict[str, str]:
    return {
        "currency": company.currency,
        "left": money.format_amount(use.left, company.decimals),
        "over": money.format_amount(max(use.used - use.cap, Decimal(0)), company.decimals),
        "day": formats.date_format(caps.months(company).next, "j F"),
    }

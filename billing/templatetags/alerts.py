"""What pages and mails say about alerts and notices."""

from __future__ import annotations

from typing import NamedTuple

from django import template
from django.utils.translation import gettext as _

from accounts.access import Access
from accounts.models import Account
from billing import notices
from billing.models import Notice
from console.money import format_amount
from console.templatetags.balance import formula_of

register = template.Library()


class Line(NamedTuple):
    """One figure of the formula, with the sign before it."""

    label: str
    sign: str
    amount: str


@register.simple_tag
def unseen_notices(access: Access | None) -> str:
    """How many notices wait for the person: ``""``, ``3`` or ``9+``. One query."""
    if access is None:
        return ""
    count = notices.count_unseen(access)
    if count >= notices.COUNTED:
        return f"{notices.COUNTED - 1}+"
    return str(count or "")


@register.filter
def headline(notice: Notice, company: Account) -> str:
    """What has happened, in a line."""
    return notices.headline(notice, company)


@register.filter
def consequence(notice: Notice, company: Account) -> str:
    """What follows from it."""
    return notices.consequence(notice, company)


@register.simple_tag
def formula_of_notice(notice: Notice, company: Account) -> list[Line]:
    """The figures that made the available balance then, as far as they say more than it does."""
    formula = formula_of(notice.figures, company.decimals)
    lines = []
    if formula.limit or formula.on_hold:
        lines.append(Line(_("Credit"), "", format_amount(formula.credit, company.decimals)))
    if formula.limit:
        lines.append(Line(_("Credit limit"), "+ ", format_amount(formula.limit, company.decimals)))
    if formula.on_hold:
        lines.append(
            Line(_("On hold"), "\N{MINUS SIGN} ", format_amount(formula.on_hold, company.decimals))
        )
    sign = "= " if lines else ""
    lines.append(Line(_("Available"), sign, format_amount(formula.available, company.decimals)))
    return lines

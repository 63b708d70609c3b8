"""Figures of reports that lead to what they count."""

from __future__ import annotations

from decimal import Decimal

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from console import money
from console.figures import Figures
from reports.summary import Spend

register = template.Library()


@register.filter
def signed_figure(value: Decimal, figures: Figures) -> SafeString:
    """A movement with its sign, its point in line with those of its column."""
    return figures.cell(value, sign=True)


@register.simple_tag
def spend_link(
    spend: Spend, transactions: str, decimals: int, figures: Figures | None = None
) -> SafeString:
    """What was spent, as a link to just these transactions; with a star where none shows them."""
    if spend.is_nothing:
        return format_html('<span class="quiet">{}</span>', "\N{EN DASH}")
    text = figures.cell(spend.amount) if figures else money.format_amount(spend.amount, decimals)
    if spend.is_exact:
        return format_html('<a href="{}?{}">{}</a>', transactions, spend.query, text)
    return format_html(
        '{}<span aria-hidden="true">*</span><span class="unseen"> {}</span>',
        text,
        _("explained below"),
    )

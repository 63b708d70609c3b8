"""How amounts and moments are written on pages; all of it ends in ``console.money``."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console import money

register = template.Library()


@register.filter
def amount(value: Decimal, decimals: int) -> str:
    """``1,240.50``: exact, with a real minus sign."""
    return money.format_amount(value, decimals)


@register.filter
def amount_down(value: Decimal, decimals: int) -> str:
    """``1,240.50``, rounded down: for what may be spent."""
    return money.format_down(value, decimals)


@register.filter
def signed(value: Decimal, decimals: int) -> str:
    """``+1,240.50`` or ``-1,240.50``: a movement."""
    return money.format_amount(value, decimals, sign=True)


@register.simple_tag
def big_amount(value: Decimal, decimals: int) -> SafeString:
    """The page's largest figure, rounded down, its decimals in an element of their own."""
    text = money.format_down(value, decimals)
    point = formats.get_format("DECIMAL_SEPARATOR")
    whole, found, fraction = text.rpartition(point) if decimals else (text, "", "")
    return format_html(
        '<span class="int">{}</span><span class="dec">{}{}</span>', whole, found, fraction
    )


class Zoned(Protocol):
    """An account: it knows its company's time zone."""

    @property
    def zone(self) -> ZoneInfo: ...


@register.filter
def local(moment: datetime, company: Zoned) -> str:
    """``22 Nov 2026, 14:06`` in the company's time zone, which the page names."""
    there = timezone.localtime(moment, company.zone)
    return formats.date_format(there, "j M Y, H:i")

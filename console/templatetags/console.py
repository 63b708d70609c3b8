"""How amounts and moments are written on pages; all of it ends in ``console.money``."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_location
from django import template
from django.conf import settings
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from console import money
from console.figures import Figures
from console.issuer import Issuer, issuer

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
def amount_plain(value: Decimal, decimals: int) -> str:
    """``1240.50``, as ``money.read_amount`` reads it: for addresses and values of buttons."""
    return money.plain_amount(value, decimals)


@register.filter
def signed(value: Decimal, decimals: int) -> str:
    """``+1,240.50`` or ``-1,240.50``: a movement."""
    return money.format_amount(value, decimals, sign=True)


@register.simple_tag
def big_amount(value: Decimal, decimals: int, *, exact: bool = False) -> SafeString:
    """The page's largest figure, its decimals in an element of their own.

    Rounded down, as what may be spent; ``exact`` for what is in the books.
    """
    write = money.format_amount if exact else money.format_down
    text = write(value, decimals)
    point = formats.get_format("DECIMAL_SEPARATOR")
    whole, found, fraction = text.partition(point)
    return format_html(
        '<span class="int">{}</span><span class="dec">{}{}</span>', whole, found, fraction
    )


class Zoned(Protocol):
    """An account: it knows its company's time zone."""

    @property
    def time_zone(self) -> str: ...

    @property
    def zone(self) -> ZoneInfo: ...


@register.filter
def figure(value: Decimal, figures: Figures) -> SafeString:
    """The amount, exact, its point in line with those of its column."""
    return figures.cell(value)


@register.filter
def local(moment: datetime, company: Zoned) -> str:
    """``22 Nov 2026, 14:06`` in the company's time zone, which the page names."""
    there = timezone.localtime(moment, company.zone)
    return formats.date_format(there, "j M Y, H:i")


@register.filter
def local_exact(moment: datetime, company: Zoned) -> str:
    """``22 Nov 2026, 14:06:59 (UTC+02:00)``: to the second, and by how much the zone is ahead."""
    there = timezone.localtime(moment, company.zone)
    offset = there.isoformat()[-6:].replace("-", "\N{MINUS SIGN}")
    return f"{formats.date_format(there, 'j M Y, H:i:s')} (UTC{offset})"


@register.simple_tag
def as_of(company: Zoned) -> str:
    """``22 Nov 2026, 14:06`` in the company's time zone: when the page was made."""
    return local(timezone.now(), company)


@register.filter
def zone_name(company: Zoned) -> str:
    """``Cairo``: the city by which people know the company's time zone."""
    if "/" not in company.time_zone:
        return company.time_zone
    language = (get_language() or "en").replace("-", "_")
    return get_timezone_location(company.time_zone, locale=language, return_city=True)


@register.simple_tag
def demo_mailbox() -> str:
    """The address of the demo's mailbox; empty where this is no demo."""
    return reverse("mailbox-list") if settings.DEMO_MAILBOX is not None else ""


@register.simple_tag
def document_issuer() -> Issuer | None:
    """Who issues the document, for its letterhead; None where the settings do not say."""
    return issuer()

"""How a balance is drawn: the formula in figures that tie out, and its bar."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from django import template

from console.money import round_down

register = template.Library()


class Holding(Protocol):
    """A balance: credit + credit limit - on hold = available."""

    credit: Decimal
    credit_limit: Decimal
    on_hold: Decimal

    @property
    def available(self) -> Decimal: ...


class Segment(NamedTuple):
    """A part of the bar, from ``start`` on, ``width`` wide; both as SVG writes them."""

    name: str
    start: str
    width: str


@register.inclusion_tag("_partials/formula_bar.html")
def formula_bar(balance: Holding, company: Any) -> dict[str, Any]:
    """The formula of ``balance`` with its figures, and its bar, in the company's currency.

    All figures are rounded down; the hold is what makes the sum right, so that nobody who adds
    them up finds a cent missing.
    """
    decimals = company.decimals
    credit = round_down(balance.credit, decimals)
    limit = round_down(balance.credit_limit, decimals)
    available = round_down(balance.available, decimals)
    return {
        "credit": credit,
        "limit": limit,
        "on_hold": credit + limit - available if balance.on_hold else Decimal(0),
        "available": available,
        "decimals": decimals,
        "segments": bar_segments(balance),
    }


def bar_segments(balance: Holding) -> list[Segment]:
    """The parts of the bar: debt, credit, on hold (out of the credit first), limit.

    The whole bar is what the account could have in use: its credit and its limit, or its debt
    where that is more. Parts of nothing are left out; an account without anything has one: none.
    """
    credit = max(balance.credit, Decimal(0))
    debt = max(-balance.credit, Decimal(0))
    whole = max(credit + balance.credit_limit, debt)
    if whole <= 0:
        return [Segment("none", "0%", "100%")]
    on_hold = min(balance.on_hold, whole - debt)
    free_credit = max(credit - on_hold, Decimal(0))
    parts = {
        "debt": debt,
        "credit": free_credit,
        "hold": on_hold,
        "limit": whole - debt - free_credit - on_hold,
    }
    segments, start = [], Decimal(0)
    for name, part in parts.items():
        if part > 0:
            width = part / whole * 100
            segments.append(Segment(name, f"{start:.2f}%", f"{width:.2f}%"))
            start += width
    return segments


@register.filter
def percent_of(part: Decimal, whole: Decimal) -> int:
    """``part`` as whole percent of ``whole``, from 0 to 100."""
    if whole <= 0:
        return 0
    return min(100, max(0, round(part / whole * 100)))

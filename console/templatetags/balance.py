"""How a balance is drawn: the formula in figures that tie out, and its bar."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from django import template
from django.utils.translation import gettext as _

from console.money import format_amount, round_down

register = template.Library()


class Holding(Protocol):
    """A balance: credit + credit limit - on hold = available."""

    @property
    def credit(self) -> Decimal: ...

    @property
    def credit_limit(self) -> Decimal: ...

    @property
    def on_hold(self) -> Decimal: ...

    @property
    def available(self) -> Decimal: ...


class Segment(NamedTuple):
    """A part of the bar, from ``start`` on, ``width`` wide; both as SVG writes them."""

    name: str
    start: str
    width: str


class Formula(NamedTuple):
    """The figures of a balance as they are shown: credit + limit - on_hold = available."""

    credit: Decimal
    limit: Decimal
    on_hold: Decimal
    available: Decimal


def formula_of(balance: Holding, decimals: int) -> Formula:
    """The figures, all rounded down.

    The hold is what makes the sum right, so that nobody who adds them up finds a cent missing.
    """
    credit = round_down(balance.credit, decimals)
    limit = round_down(balance.credit_limit, decimals)
    available = round_down(balance.available, decimals)
    on_hold = credit + limit - available if balance.on_hold else Decimal(0)
    return Formula(credit, limit, on_hold, available)


@register.inclusion_tag("_partials/formula_bar.html")
def formula_bar(balance: Holding, company: Any) -> dict[str, Any]:
    """The formula of ``balance`` with its figures, and its bar, in the company's currency."""
    formula = formula_of(balance, company.decimals)
    return formula._asdict() | {
        "decimals": company.decimals,
        "spoken": _spoken(formula, company.decimals),
        "segments": bar_segments(balance),
    }


def _spoken(formula: Formula, decimals: int) -> str:
    """The bar in words."""
    if formula.limit and formula.on_hold:
        text = _(
            "Credit %(credit)s and credit limit %(limit)s, of which %(on_hold)s is on hold:"
            " %(available)s available"
        )
    elif formula.limit:
        text = _("Credit %(credit)s and credit limit %(limit)s: %(available)s available")
    elif formula.on_hold:
        text = _("Credit %(credit)s, of which %(on_hold)s is on hold: %(available)s available")
    else:
        text = _("Credit: %(available)s available")
    return text % _written(formula, decimals)


class Capped(Protocol):
    """How an account stands with its cap of the month: cap - spent - on hold = left."""

    cap: Decimal
    is_hard: bool
    spent: Decimal
    held: Decimal

    @property
    def used(self) -> Decimal: ...

    @property
    def left(self) -> Decimal: ...


@register.inclusion_tag("_partials/cap_bar.html")
def cap_bar(use: Any, company: Any) -> dict[str, Any]:
    """What is used of a spending cap and what is left of it, in figures and as a bar.

    All exact: usage may be priced finer than the currency, and the figures must add up.
    """
    written = {
        "spent": format_amount(use.spent, company.decimals),
        "held": format_amount(use.held, company.decimals),
        "left": format_amount(use.left, company.decimals),
        "cap": format_amount(use.cap, company.decimals),
    }
    if use.held:
        text = _("Of a cap of %(cap)s: %(spent)s spent, %(held)s on hold, %(left)s left")
    else:
        text = _("Of a cap of %(cap)s: %(spent)s spent, %(left)s left")
    return {
        "use": use,
        "decimals": company.decimals,
        # Less than zero where it was passed, or the sum would not be one.
        "left": use.cap - use.used,
        "spoken": text % written,
        "segments": cap_segments(use),
    }


def cap_segments(use: Capped) -> list[Segment]:
    """The parts of the bar: spent, passed, on hold, left; all of the cap, or of what is used."""
    spent = max(use.spent, Decimal(0))
    whole = max(use.cap, spent + use.held)
    if whole <= 0:
        return [Segment("none", "0%", "100%")]
    held = min(use.held, whole - spent)
    within = min(spent, use.cap)
    parts = {"spent": within, "over": spent - within, "hold": held, "none": whole - spent - held}
    return _in_line(parts, whole)


@register.simple_tag
def formula_line(balance: Holding, company: Any) -> str:
    """The formula in one line, as far as it says more than what is available; else nothing."""
    formula = formula_of(balance, company.decimals)
    if formula.limit and formula.on_hold:
        text = _("%(credit)s + %(limit)s limit − %(on_hold)s on hold")  # noqa: RUF001
    elif formula.limit:
        text = _("%(credit)s + %(limit)s limit")
    elif formula.on_hold:
        text = _("%(credit)s − %(on_hold)s on hold")  # noqa: RUF001
    else:
        return ""
    return text % _written(formula, company.decimals)


def _written(formula: Formula, decimals: int) -> dict[str, str]:
    return {name: format_amount(value, decimals) for name, value in formula._asdict().items()}


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
    return _in_line(parts, whole)


def _in_line(parts: Mapping[str, Decimal], whole: Decimal) -> list[Segment]:
    """One part after the other, as wide as its share of the whole."""
    segments, start = [], Decimal(0)
    for name, part in parts.items():
        if part > 0:
            width = part / whole * 100
            segments.append(Segment(name, f"{start:.2f}%", f"{width:.2f}%"))
            start += width
    return segments

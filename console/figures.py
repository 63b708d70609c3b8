"""Amounts under each other: a column whose decimal points stand in one line."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from django.utils.formats import get_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console import money


class Figures:
    """A column of amounts whose points stand in one line, however many decimals each has.

    Figures are set flush right, so shorter ones are filled up with zeros that nobody sees.
    """

    def __init__(self, values: Iterable[Decimal], decimals: int) -> None:
        self.decimals = decimals
        self.point = get_format("DECIMAL_SEPARATOR")
        tails = (self._tail(money.format_amount(value, decimals)) for value in values)
        self.width = max(map(len, tails), default=0)

    def cell(self, value: Decimal, *, sign: bool = False) -> SafeString:
        """The amount, green where it is money in and shown with its sign, red where it is debt."""
        text = money.format_amount(value, self.decimals, sign=sign)
        fill = (self.point + "0" * self.width)[len(self._tail(text)) : self.width]
        if fill:
            text = format_html('{}<span class="num-fill" aria-hidden="true">{}</span>', text, fill)
        tone = "in" if sign and value > 0 else "debt" if not sign and value < 0 else ""
        return format_html('<span class="{}">{}</span>', tone, text) if tone else SafeString(text)

    def _tail(self, text: str) -> str:
        """The point and what follows it."""
        return text[text.index(self.point) :] if self.point in text else ""

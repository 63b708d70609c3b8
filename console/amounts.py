"""Amounts by currency, as the environment writes them: ``EUR=500,EGP=25000,KWD=150``."""

from __future__ import annotations

import re
from decimal import Decimal

from babel.core import get_global
from babel.numbers import get_currency_precision

_ONE = re.compile(r"([A-Z]{3})=([0-9]{1,12}(?:\.[0-9]+)?)", re.ASCII)


def read_amounts(text: str) -> dict[str, Decimal]:
    """The amounts; none for an empty text. Raises ValueError with a sentence that names what is
    wrong: for the settings, before anything that speaks the reader's language is there.
    """
    amounts: dict[str, Decimal] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        match = _ONE.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} must be like EUR=500 or KWD=150.500")
        currency, amount = match[1], Decimal(match[2])
        if currency not in get_global("all_currencies"):
            raise ValueError(f"{currency} is no currency that is known")
        if currency in amounts:
            raise ValueError(f"{currency} is named twice")
        if -int(amount.as_tuple().exponent) > get_currency_precision(currency):
            raise ValueError(f"{part!r} has more decimals than the currency")
        amounts[currency] = amount
    return amounts

"""Amounts as Stripe writes them: whole numbers, by an exponent that is Stripe's and not ours."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billing.gateways.protocol import GatewayRefused

# docs.stripe.com/currencies
WITHOUT_DECIMALS = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
THREE_DECIMALS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
# "Special cases": these have no decimals either (any more), and are still written with two, so
# that 5 UGX is 500. HUF and TWD have two but in payouts, which we do not make.
WRITTEN_WITH_TWO_ZEROS = frozenset(["ISK", "UGX"])
# Stripe itself stops at twelve digits.
_TOO_MUCH = 10**15


def exponent(currency: str) -> int:
    """How many digits of Stripe's whole number are decimals."""
    if currency in WITHOUT_DECIMALS:
        return 0
    return 3 if currency in THREE_DECIMALS else 2


def to_wire(amount: Decimal, currency: str) -> int:
    """``1.250`` KWD is 1250, 500 JPY is 500. Raises GatewayRefused for what Stripe cannot take.

    It takes thousandths, but only whole hundredths of them: 1.255 KWD is refused, never rounded.
    """
    scaled = amount.scaleb(exponent(currency))
    grain = 100 if currency in WRITTEN_WITH_TWO_ZEROS else 10 if currency in THREE_DECIMALS else 1
    if scaled % grain:
        places = 0 if currency in WRITTEN_WITH_TWO_ZEROS else min(exponent(currency), 2)
        raise GatewayRefused(
            f"{currency} {amount} cannot be paid this way: at most {places} decimals"
        )
    return int(scaled)


def from_wire(number: Any, currency: str) -> Decimal:
    """What the whole number is worth. Raises ValueError for what is no amount above zero."""
    if type(number) is not int or not 0 < number < _TOO_MUCH:
        raise ValueError("no amount")
    return Decimal(number).scaleb(-exponent(currency))

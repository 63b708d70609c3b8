"""Reading and writing amounts: one strict reader, one place that formats.

Amounts are ``Decimal``. The ledger keeps six decimals; what people type has no more decimals than
the currency. What does not fit is refused, never rounded in silence.
"""

import re
from decimal import ROUND_FLOOR, Decimal
from functools import cache

from babel.core import get_global
from babel.numbers import get_currency_precision
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

LEDGER_DECIMALS = 6
# Twelve digits before the point for one amount; a balance column holds fourteen.
MAX_WHOLE_DIGITS = 12
MINUS = "\N{MINUS SIGN}"

# ASCII digits only, one point, a digit on both sides of it. No "+", "_", "e", "NaN" or spaces.
_AMOUNT = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?", re.ASCII)


class AmountError(ValueError):
    """A text that is not an amount; ``str(error)`` says why in the reader's words."""


def read_amount(text: str, *, decimals: int = LEDGER_DECIMALS) -> Decimal:
    """The amount that ``text`` writes, for forms, files and the API alike.

    ``decimals`` is how many the amount may have: ``currency_decimals(...)`` for what people type,
    six for usage. Trailing zeros beyond that are refused too: they are not what was agreed.
    Raises AmountError, whose text can be shown beside the field.
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise AmountError(
            _(
                "Write the amount in digits with a point for decimals, without commas or spaces:"
                " for example 1500.00."
            )
        )
    _sign, whole, fraction = match.groups()
    if len(whole.lstrip("0")) > MAX_WHOLE_DIGITS:
        raise AmountError(
            _("The amount is too large: at most %(digits)d digits before the point.")
            % {"digits": MAX_WHOLE_DIGITS}
        )
    if fraction and len(fraction) > decimals:
        raise AmountError(too_many_decimals(decimals))
    return Decimal(text)


def too_many_decimals(decimals: int) -> str:
    """The sentence for an amount with more than ``decimals`` decimals."""
    if decimals == 0:
        return _("This currency has no decimals: write a whole amount.")
    return ngettext(
        "The amount has too many decimals: at most %(decimals)d.",
        "The amount has too many decimals: at most %(decimals)d.",
        decimals,
    ) % {"decimals": decimals}


@cache
def currency_decimals(currency: str) -> int:
    """How many decimals the currency has: KWD 3, EGP 2, JPY 0."""
    return get_currency_precision(currency)


@cache
def currencies() -> frozenset[str]:
    """The codes of the currencies that are known to be in use."""
    return frozenset(get_global("all_currencies"))


def format_amount(value: Decimal, decimals: int, *, sign: bool = False) -> str:
    """``1,240.50``, with a real minus sign; more decimals where the amount has them.

    Books are exact: an amount of 0.0075 shows as such whatever the currency. ``sign`` puts a plus
    sign before money in.
    """
    exact = max(decimals, -_exponent(value))
    text = number_format(abs(value), decimal_pos=exact, use_l10n=True, force_grouping=True)
    if value < 0:
        return MINUS + text
    return "+" + text if sign and value > 0 else text


def plain_amount(value: Decimal, decimals: int) -> str:
    """``1240.50``: as ``read_amount`` reads it, with more decimals where the amount has them."""
    return f"{value:.{max(decimals, -_exponent(value))}f}"


def format_down(value: Decimal, decimals: int) -> str:
    """The amount rounded down to the currency: what may be spent is never overstated."""
    return format_amount(round_down(value, decimals), decimals)


def round_down(value: Decimal, decimals: int) -> Decimal:
    """``value`` with ``decimals`` decimals, towards minus infinity."""
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_FLOOR)


def _exponent(value: Decimal) -> int:
    """The exponent of the value without trailing zeros: -4 for 0.0075, 0 or more for 20."""
    exponent = value.normalize().as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0

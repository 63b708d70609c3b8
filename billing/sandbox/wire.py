"""Stripe's way to write a request: nested forms, errors with a type and a code."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import parse_qsl

Form = dict[str, Any]

HALF_HOUR, DAY = 30 * 60, 24 * 60 * 60
# A clock that is a little off, and the time that a request is under way.
SLACK = 60
THREE_DECIMALS = {"bhd", "jod", "kwd", "omr", "tnd"}
WITHOUT_DECIMALS = set(
    "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()  # noqa: SIM905
)
# No decimals, and written with two all the same.
TWO_ZEROS = {"isk", "ugx"}


class WireError(Exception):
    """An answer that is an error, as Stripe words it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str = "",
        param: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        facts = {"type": kind, "message": message, "code": code, "param": param}
        self.body = {"error": {name: value for name, value in facts.items() if value}}


def decode(text: str) -> Form:
    """``a[b][0]=c`` is ``{"a": {"b": {"0": "c"}}}``."""
    form: Form = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        *path, last = re.findall(r"[^\[\]]+", name) or [name]
        place = form
        for step in path:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise WireError(400, f"Invalid parameter: {name}", param=name)
        place[last] = value
    return form


def check_session(form: Form) -> tuple[int, str, str, list[str], int]:
    """Amount, currency, what it is for, the methods, and when it ends. Raises WireError."""
    if form.get("mode") != "payment":
        raise WireError(400, "Only mode=payment is known here.", param="mode")
    for name in ("success_url", "client_reference_id"):
        if not form.get(name):
            raise WireError(400, f"Missing required param: {name}.", param=name)
    try:
        [item] = form["line_items"].values()
        price = item["price_data"]
        amount = int(price["unit_amount"]) * int(item["quantity"])
        currency = str(price["currency"])
        title = str(price["product_data"]["name"])
        methods = list(form["payment_method_types"].values())
    except (KeyError, ValueError, AttributeError, TypeError):
        raise WireError(400, "Invalid line item.", param="line_items") from None
    check_amount(amount, currency)
    ends = int(form.get("expires_at") or time.time() + DAY)
    if not HALF_HOUR - SLACK <= ends - time.time() <= DAY + SLACK:
        raise WireError(
            400,
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours"
            " from Checkout Session creation.",
            param="expires_at",
        )
    return amount, currency, title, methods, ends


def voucher_days(form: Form) -> int:
    """How long a voucher of the session can be paid. Raises WireError."""
    options = form.get("payment_method_options", {})
    try:
        days = [int(each["expires_after_days"]) for each in options.values()] or [3]
    except (KeyError, ValueError, AttributeError, TypeError):
        raise WireError(400, "Invalid option.", param="payment_method_options") from None
    if not 1 <= days[0] <= 60:
        raise WireError(400, "expires_after_days must be 1 to 60.", param="payment_method_options")
    return days[0]


def check_amount(amount: int, currency: str) -> None:
    """Raises WireError for one that Stripe does not take."""
    if not re.fullmatch("[a-z]{3}", currency):
        raise WireError(400, f"Invalid currency: {currency}", param="currency")
    if not 0 < amount < 10**12:
        raise WireError(400, "Invalid positive integer", param="amount")
    if currency in THREE_DECIMALS and amount % 10:
        raise WireError(400, "The last digit must be 0.", param="amount")
    if currency in TWO_ZEROS and amount % 100:
        raise WireError(400, "Charged amounts must be evenly divisible by 100.", param="amount")


def written(amount: int, currency: str) -> str:
    """For people: ``KWD 1.250``."""
    digits = 3 if currency in THREE_DECIMALS else 0 if currency in WITHOUT_DECIMALS else 2
    whole, rest = divmod(amount, 10**digits)
    return f"{currency.upper()} {whole:,}" + (f".{rest:0{digits}}" if digits else "")

"""One reader per field: each gives the value, or raises ValueError with a sentence.

Strict on purpose: a number where a string belongs is refused, and so is null. What was meant to
move money must not be guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.http import HttpRequest

from billing import holds, references
from billing.api.problems import FieldError, invalid
from billing.usage_files import EARLIEST
from console import money

IDEMPOTENCY_KEY = "Idempotency-Key"
# No amount is longer, but for zeros in front.
_LONGEST_AMOUNT = 20
_LONGEST_HOLD = int(holds.LONGEST.total_seconds())
_DAY = timedelta(days=1)
# RFC 3339.
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def amount(value: Any) -> Decimal:
    """An amount of usage: a string, more than zero, at most six decimals."""
    if type(value) is not str:
        raise ValueError('The amount is a string in digits, such as "0.0075", and not a number.')
    # Messages have few prices. What is longer could fill the memory.
    return _amount(value) if len(value) <= _LONGEST_AMOUNT else _read_amount(value)


def reference(value: Any) -> str:
    """What the caller names a posting: the key that makes it happen once."""
    if type(value) is not str:
        raise ValueError("The reference is a string.")
    return references.check(value)


def code(value: Any) -> str:
    """An account's code."""
    if type(value) is not str:
        raise ValueError("The account is named by its code, a string.")
    return value


def description(value: Any) -> str:
    """What people read beside the entry."""
    if type(value) is not str:
        raise ValueError("The description is a string.")
    return references.check_description(value)


def occurred_at(value: Any) -> datetime:
    """When the caller says it happened: RFC 3339, with an offset."""
    try:
        # fromisoformat() alone takes more than is agreed on: weeks, no separators, no offset.
        if type(value) is not str or _MOMENT.fullmatch(value) is None:
            raise ValueError  # noqa: TRY301
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            "The time is a string in RFC 3339 with an offset: 2026-11-03T14:05:00+02:00."
        ) from None
    if not EARLIEST <= moment <= datetime.now(UTC) + _DAY:
        raise ValueError("The time lies before the year 2000 or in the future.")
    return moment


def boolean(value: Any) -> bool:
    """true or false."""
    if type(value) is not bool:
        raise ValueError("This is true or false.")
    return value


def expires_in(value: Any) -> timedelta:
    """How long a hold holds: whole seconds, up to 31 days."""
    # JSON knows one kind of number: 60.0 is a whole one.
    whole = type(value) is int or (type(value) is float and value.is_integer())
    if not whole or not 1 <= value <= _LONGEST_HOLD:
        raise ValueError(f"The hold expires after 1 to {_LONGEST_HOLD} seconds: a whole number.")
    return timedelta(seconds=value)


def idempotency_key(request: HttpRequest) -> str:
    """The reference in the header ``Idempotency-Key``. Raises Problem (422)."""
    text = request.headers.get(IDEMPOTENCY_KEY, "").strip(" \t")
    try:
        # Servers read a header as Latin-1; who wrote UTF-8 would be given another reference.
        if not text.isascii():
            raise ValueError(  # noqa: TRY301
                "In a header the reference is ASCII; a batch takes all of Unicode."
            )
        # And they join two headers of one name: "a" and "b" would be a new reference, "a,b".
        if "," in text:
            raise ValueError(  # noqa: TRY301
                "In a header the reference has no comma, for two such headers arrive as one with"
                " a comma; a batch takes it."
            )
        return references.check(text)
    except ValueError as error:
        raise invalid(FieldError(IDEMPOTENCY_KEY, str(error))) from None


def query_number(request: HttpRequest, name: str, *, default: int, least: int, most: int) -> int:
    """A whole number in the query string. Raises Problem (422)."""
    text = request.GET.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= 19 and least <= int(text) <= most:
        return int(text)
    raise invalid(FieldError(name, f"This is a whole number from {least} to {most}."))


def check_query(request: HttpRequest, *known: str) -> None:
    """Raise Problem (422) for a parameter that is not known, or stands twice.

    A misspelt ``after`` must not begin the entries anew.
    """
    if not request.META.get("QUERY_STRING"):
        return
    errors = [
        FieldError(name[:60], "There is no such parameter here.")
        for name in request.GET
        if name not in known
    ]
    errors += [
        FieldError(name, "This parameter stands twice.")
        for name in known
        if len(request.GET.getlist(name)) > 1
    ]
    if errors:
        raise invalid(*errors)


def _read_amount(text: str) -> Decimal:
    value = money.read_amount(text)
    if value <= 0:
        raise ValueError("The amount is not more than zero.")
    return value


_amount = lru_cache(maxsize=4096)(_read_amount)

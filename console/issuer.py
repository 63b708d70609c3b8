"""Who writes statements, reports and receipts: the platform as a legal person.

``ISSUER_NAME``, ``ISSUER_ADDRESS`` and ``ISSUER_TAX_NUMBER`` of the environment, as they are to
stand on paper. Where they are unset, documents bear the console's name and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

# Lines of one value, which an environment file can hardly break: "12 Nile Street | Cairo".
SEPARATOR = "|"
# A letterhead, not a letter.
MOST_LINES = 6
LONGEST_LINE = 80


@dataclass(frozen=True, slots=True)
class Issuer:
    """The name, and beneath it line by line the address and the tax number."""

    name: str
    lines: tuple[str, ...]


def lines_of(text: str) -> list[str]:
    """The lines of one value of the environment, without empty ones.

    Raises ValueError for more of them, or longer ones, than a letterhead has room for, and for
    signs that cannot be printed.
    """
    lines = [each for part in re.split(r"[|\n]", text) if (each := " ".join(part.split()))]
    if len(lines) > MOST_LINES:
        raise ValueError(f"It must have at most {MOST_LINES} lines, parted by {SEPARATOR}.")
    for line in lines:
        if len(line) > LONGEST_LINE or not line.isprintable():
            raise ValueError(f"Each line must have at most {LONGEST_LINE} printable letters.")
    return lines


def issuer() -> Issuer | None:
    """The platform as the settings name it; None where they do not."""
    if not settings.ISSUER_NAME:
        return None
    address, tax = lines_of(settings.ISSUER_ADDRESS), lines_of(settings.ISSUER_TAX_NUMBER)
    return Issuer(" ".join(lines_of(settings.ISSUER_NAME)), (*address, *tax))


@register(Tags.compatibility, deploy=True)
def check_issuer(**kwargs: Any) -> list[CheckMessage]:
    """A customer's auditor asks who wrote the statement: warn where nobody did."""
    missing = [
        name
        for name in ("ISSUER_NAME", "ISSUER_ADDRESS", "ISSUER_TAX_NUMBER")
        if not getattr(settings, name)
    ]
    if not missing:
        return []
    return [
        Warning(
            f"{' and '.join(missing)} not set: statements, reports and receipts do not say who"
            " issues them.",
            hint="Set them in the environment: docs/operations.md. Lines are parted by |.",
            id="console.W001",
        )
    ]

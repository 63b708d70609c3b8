"""How a voucher or a bank transfer is paid, as its page shows it.

A gateway's instructions are a small mapping of texts: ``kind`` (voucher or bank_transfer), and
what the payer needs. What has no name below is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import segno
from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from billing.models import Payment

# In the order in which a bank's form asks for them.
_FACTS: Mapping[str, str | Promise] = {
    "account_holder": _("Account holder"),
    "holder": _("Account holder"),
    "beneficiary": _("Account holder"),
    "iban": _("IBAN"),
    "account_number": _("Account number"),
    "bic": _("BIC (SWIFT code)"),
    "swift": _("BIC (SWIFT code)"),
    "bank": _("Bank"),
    "bank_name": _("Bank"),
    "branch": _("Branch"),
    "country": _("Country"),
    "biller": _("Biller"),
    "biller_code": _("Biller code"),
    "phone": _("Phone number"),
    "note": _("Note"),
}
# A voucher that each chain of stores has its own code for: "at_<store>" and what people call it.
_STORES = {
    "familymart": "FamilyMart",
    "lawson": "Lawson",
    "ministop": "Ministop",
    "seicomart": "Seicomart",
}
_AT_STORE = "at_"
# Where a gateway's own page of a voucher may be; the sandbox is on this machine.
_PAGES = ("https://", "http://127.0.0.1:", "http://localhost:")
BLOCK = 4


@dataclass(frozen=True, slots=True)
class Instructions:
    """``code`` is what is copied: a voucher's code, or a transfer's reference; "" for none.

    ``spaced`` is the code in blocks, to be read; ``qr`` an SVG of it, "" where there is none;
    ``page`` the voucher as the gateway shows it, "" where it does not.
    """

    is_transfer: bool
    code: str
    spaced: str
    qr: SafeString
    facts: list[tuple[str | Promise, str]]
    page: str


def instructions_of(payment: Payment) -> Instructions | None:
    """How the payment is paid; None where it is paid on a gateway's own page."""
    told = payment.instructions
    if not told:
        return None
    is_transfer = told.get("kind") == "bank_transfer"
    code = _text(told, "reference") if is_transfer else _text(told, "code")
    if is_transfer and not code:
        code = payment.reference  # Never for a voucher: no counter knows it.
    page = _text(told, "url")
    facts = [(label, _text(told, name)) for name, label in _FACTS.items() if _text(told, name)]
    return Instructions(
        is_transfer=is_transfer,
        code=code,
        spaced=_in_blocks(code),
        qr=SafeString("") if is_transfer else qr_of(_text(told, "qr") or code),
        facts=[*_stores(told), *facts],
        page=page if page.startswith(_PAGES) else "",
    )


def qr_of(text: str) -> SafeString:
    """A QR code as an SVG that can stand in a page: classes, and no style of its own.

    Empty for no text, and for one that no QR code can hold.
    """
    if not text:
        return SafeString("")
    try:
        code = segno.make(text, micro=False, error="m")
    except (segno.DataOverflowError, ValueError):
        return SafeString("")
    # Only squares: what was written in it cannot be read as markup.
    drawn = code.svg_inline(
        border=4, dark="#000", light="#fff", svgclass="qr", omitsize=True, lineclass=None
    )
    return mark_safe(drawn)  # noqa: S308


def _stores(told: Mapping[str, Any]) -> list[tuple[str | Promise, str]]:
    """The codes of each chain, in the order of their names."""
    names = sorted(name for name in told if name.startswith(_AT_STORE))
    found = [(name.removeprefix(_AT_STORE), _text(told, name)) for name in names]
    return [
        (
            _("%(store)s: code / confirmation number") % {"store": name} if "/" in text else name,
            text,
        )
        for store, text in found
        if text and (name := _STORES.get(store, store.title()))
    ]


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name, "")
    return str(value).strip() if isinstance(value, str | int) else ""


def _in_blocks(code: str) -> str:
    """In blocks of four where it is long: people read it aloud and copy it by hand."""
    if len(code) < 2 * BLOCK or not code.isalnum():
        return code
    return " ".join(code[at : at + BLOCK] for at in range(0, len(code), BLOCK))

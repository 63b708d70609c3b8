"""What Stripe's objects and messages say, as facts. Nothing here asks anybody.

The money is named by its payment intent, a refund and a dispute by themselves, so that a message
and an answer to our question say the same. What cannot be read raises ValueError, TypeError,
KeyError or AttributeError: whoever calls takes them all for "malformed".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from billing.gateways.protocol import Fact, What
from billing.gateways.stripe_amounts import from_wire

Thing = Mapping[str, Any]
# What payment intents and instructions call a voucher: "konbini_display_details" and the like.
DETAILS = "_display_details"
_REFUNDS = {
    "succeeded": What.REFUNDED,
    "failed": What.REFUND_FAILED,
    "canceled": What.REFUND_FAILED,
}
_DISPUTES = {"won": What.DISPUTE_WON, "lost": What.DISPUTE_LOST}


def of_event(kind: str, thing: Thing) -> list[Fact]:
    """The facts of a message about ``thing``; none for a kind that means nothing to us."""
    read = _KINDS.get(kind)
    return read(thing) if read else []


def of_session(session: Thing) -> list[Fact]:
    """How a checkout stands that we have asked for, its payment intent expanded."""
    status = session["status"]
    if status == "expired":
        return [_about_session(What.EXPIRED, session)]
    if session["payment_status"] == "paid":
        return [_paid(session)]
    intent = session.get("payment_intent")
    if not isinstance(intent, Mapping):
        return []
    voucher = of_voucher(intent)
    if status != "complete" and not voucher:
        return []  # Nobody has paid, and somebody still may.
    if intent["status"] in {"requires_payment_method", "canceled"}:
        return [_about_session(What.FAILED, session, about=_why(intent))]
    return [_about_session(What.PENDING, session, instructions=voucher)]


def of_refund(refund: Thing) -> list[Fact]:
    """Nothing while it is pending."""
    what = _REFUNDS.get(_text(refund["status"]))
    if what is None:
        return []
    currency = _currency(refund)
    return [
        Fact(
            what,
            payment=_meta(refund, "payment"),
            money=_name(refund.get("payment_intent")),
            reference=_name(refund["id"]),
            amount=from_wire(refund["amount"], currency),
            currency=currency,
            refund=_meta(refund, "refund"),
            about=_text(refund.get("failure_reason") or ""),
        )
    ]


def of_dispute(dispute: Thing) -> list[Fact]:
    """Opened, then won or lost. A mere inquiry ("warning") takes no money, so it is none."""
    status = _text(dispute["status"])
    if status.startswith("warning"):
        return []
    opened = _about_dispute(What.DISPUTED, dispute)
    over = _DISPUTES.get(status)
    return [opened, _about_dispute(over, dispute)] if over else [opened]


def of_voucher(intent: Thing) -> dict[str, Any]:
    """What the payer needs: ``kind``, ``code``, ``expires_at`` (ISO 8601), ``url``; or nothing.

    Konbini has no one code, but one for each chain of stores: ``at_<store>``.
    """
    action = intent.get("next_action") or {}
    kind = _text(action.get("type") or "")
    if not kind.endswith(DETAILS):
        return {}
    details = action[kind]
    code = details.get("number") or details.get("code") or ""
    until = details.get("expires_at")
    told = {
        "kind": "voucher",
        "code": _text(code),
        "expires_at": _moment(until).isoformat() if until else "",
        "url": _text(details.get("hosted_voucher_url") or ""),
        "how": _text(details.get("instructions") or ""),
    }
    for store, codes in (details.get("stores") or {}).items():
        if codes:
            told[f"at_{_text(store)}"] = _at_store(codes)
    return {name: value for name, value in told.items() if value}


def _at_store(codes: Thing) -> str:
    """A store's code, and the number that some of them ask for besides it."""
    code = _text(codes.get("payment_code") or "")
    number = _text(codes.get("confirmation_number") or "")
    return f"{code} / {number}" if number else code


def _completed(session: Thing) -> list[Fact]:
    if session["payment_status"] == "paid":
        return [_paid(session)]
    return [_about_session(What.PENDING, session)]


def _paid(session: Thing) -> Fact:
    currency = _currency(session)
    return _about_session(
        What.PAID,
        session,
        reference=_name(session["payment_intent"]),
        amount=from_wire(session["amount_total"], currency),
        currency=currency,
        account=_meta(session, "account"),
    )


def _about_session(what: What, session: Thing, **more: Any) -> Fact:
    payment = session.get("client_reference_id") or _meta(session, "payment")
    return Fact(what, checkout=_name(session["id"]), payment=_text(payment), **more)


def _declined(intent: Thing) -> list[Fact]:
    return [Fact(What.DECLINED, payment=_meta(intent, "payment"), about=_why(intent))]


def _voucher(intent: Thing) -> list[Fact]:
    voucher = of_voucher(intent)
    if not voucher:
        return []  # A challenge of the payer's bank: they are still at it.
    return [Fact(What.PENDING, payment=_meta(intent, "payment"), instructions=voucher)]


def _refunded_charge(charge: Thing) -> list[Fact]:
    """Newer versions of the API leave the refunds out, and tell of each by itself."""
    refunds = (charge.get("refunds") or {}).get("data") or []
    return [fact for refund in refunds for fact in of_refund(refund)]


def _dispute_opened(dispute: Thing) -> list[Fact]:
    if _text(dispute["status"]).startswith("warning"):
        return []
    return [_about_dispute(What.DISPUTED, dispute)]


def _dispute_closed(dispute: Thing) -> list[Fact]:
    over = _DISPUTES.get(_text(dispute["status"]))
    return [_about_dispute(over, dispute)] if over else []


def _about_dispute(what: What, dispute: Thing) -> Fact:
    currency = _currency(dispute)
    return Fact(
        what,
        payment=_meta(dispute, "payment"),
        money=_name(dispute.get("payment_intent")),
        reference=_name(dispute["id"]),
        amount=from_wire(dispute["amount"], currency),
        currency=currency,
        about=_text(dispute.get("reason") or ""),
    )


def _why(intent: Thing) -> str:
    error = intent.get("last_payment_error") or {}
    return _text(error.get("message") or error.get("code") or "")


def _currency(thing: Thing) -> str:
    currency = _text(thing["currency"]).upper()
    if len(currency) != 3:
        raise ValueError("no currency")
    return currency


def _meta(thing: Thing, name: str) -> str:
    return _text((thing.get("metadata") or {}).get(name) or "")


def _name(thing: Any) -> str:
    """The id of an object, which may have been expanded."""
    name = _text(thing["id"] if isinstance(thing, Mapping) else thing or "")
    if len(name) > 255:
        raise ValueError("too long a name")
    return name


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


_KINDS: dict[str, Callable[[Thing], list[Fact]]] = {
    "checkout.session.completed": _completed,
    "checkout.session.async_payment_succeeded": lambda session: [_paid(session)],
    "checkout.session.async_payment_failed": lambda session: [
        _about_session(What.FAILED, session)
    ],
    "checkout.session.expired": lambda session: [_about_session(What.EXPIRED, session)],
    "payment_intent.payment_failed": _declined,
    "payment_intent.requires_action": _voucher,
    "charge.refunded": _refunded_charge,
    "refund.created": of_refund,
    "refund.updated": of_refund,
    "refund.failed": of_refund,
    "charge.refund.updated": of_refund,
    "charge.dispute.created": _dispute_opened,
    "charge.dispute.funds_withdrawn": _dispute_opened,
    "charge.dispute.closed": _dispute_closed,
}

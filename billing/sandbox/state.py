"""What the sandbox knows, and what happens to it. In memory, under one lock.

Objects are dictionaries in Stripe's own shape. What happens is told to the console (``Post``).
"""

from __future__ import annotations

import copy
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from billing.sandbox.delivery import Post
from billing.sandbox.wire import DAY, Form, WireError, check_amount, check_session, voucher_days

Thing = dict[str, Any]

VOUCHERS = {"fawry", "sadad", "wafacash", "boleto", "konbini"}
# Money comes later, without a code: the payer's bank or telephone has the last word.
DELAYED = {
    "sepa_debit",
    "us_bank_account",
    "mobile_wallet",
    "mpesa",
    "upi",
    "pix",
    "virtual_account",
}
# Where a konbini voucher is paid; each chain has a code of its own.
STORES = ("familymart", "lawson", "ministop", "seicomart")
DECLINED = "Your card was declined."


@dataclass
class Faults:
    """What goes wrong on purpose. Numbers are of requests to the API that are still to suffer."""

    fail: int = 0  # answer 500
    garbage: int = 0  # answer what is no JSON
    lose: int = 0  # do it, and hang up without an answer
    slow: float = 0  # seconds before any answer
    refunds: str = "succeeded"  # or "pending", "failed": what the next refunds become
    amount: int = 0  # this instead of what was asked for, for the next that pays
    currency: str = ""  # and this; as the wire writes it, "usd"
    quiet: bool = False  # tell the console nothing
    late: float = 0  # seconds before the console is told


@dataclass
class Once:
    """The first answer to an idempotency key."""

    asked: str
    answer: Thing


@dataclass
class Sandbox:
    """Everything, and the verbs. Each returns a copy of what it made or changed."""

    post: Post
    address: str = ""
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.sessions: dict[str, Thing] = {}
        self.intents: dict[str, Thing] = {}
        self.charges: dict[str, Thing] = {}
        self.refunds: dict[str, Thing] = {}
        self.disputes: dict[str, Thing] = {}
        self._once: dict[str, Once] = {}
        # What the sessions' intents will be told, and what their pages say.
        self._of_intent: dict[str, Thing] = {}
        self._titles: dict[str, str] = {}
        self._voucher_days: dict[str, int] = {}

    # --- What the SDK asks for ----------------------------------------------------------

    def once(self, key: str, path: str, form: Form) -> Thing | None:
        """The first answer to this key, if there was one. Raises WireError for another request."""
        there = self._once.get(key) if key else None
        if there is None:
            return None
        if there.asked != _fingerprint(path, form):
            raise WireError(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were"
                " first used with.",
                kind="idempotency_error",
            )
        return copy.deepcopy(there.answer)

    def keep(self, key: str, path: str, form: Form, answer: Thing) -> None:
        """Remember the first answer to a key."""
        if key:
            self._once[key] = Once(_fingerprint(path, form), copy.deepcopy(answer))

    def create_session(self, form: Form) -> Thing:
        """POST /v1/checkout/sessions."""
        amount, currency, title, methods, ends = check_session(form)
        name = _new("cs_sandbox")
        session = {
            "id": name,
            "object": "checkout.session",
            "amount_total": amount,
            "currency": currency,
            "mode": "payment",
            "client_reference_id": form["client_reference_id"],
            "metadata": form.get("metadata", {}),
            "payment_method_types": methods,
            "payment_intent": None,
            "payment_status": "unpaid",
            "status": "open",
            "success_url": form["success_url"],
            "cancel_url": form.get("cancel_url"),
            "created": int(time.time()),
            "expires_at": ends,
            "url": f"{self.address}/pay/{name}",
            "livemode": False,
        }
        self.sessions[name] = session
        self._titles[name] = title
        self._voucher_days[name] = voucher_days(form)
        self._of_intent[name] = form.get("payment_intent_data", {}).get("metadata", {})
        return copy.deepcopy(session)

    def session(self, name: str) -> Thing:
        """The session itself, expired if its time is over. Raises WireError."""
        session = self.sessions.get(name)
        if session is None:
            raise _missing("checkout.session", name)
        if session["status"] == "open" and session["expires_at"] <= time.time():
            self._end(session)
        return session

    def title(self, name: str) -> str:
        """What the session is for, for its page."""
        return self._titles[name]

    def expire(self, name: str) -> Thing:
        """POST /v1/checkout/sessions/<name>/expire."""
        session = self.session(name)
        if session["status"] != "open":
            raise WireError(400, "Only Checkout Sessions with a status of `open` can be expired.")
        self._end(session)
        return copy.deepcopy(session)

    def create_refund(self, form: Form) -> Thing:
        """POST /v1/refunds."""
        intent = self.intents.get(str(form.get("payment_intent")))
        if intent is None:
            raise _missing("payment_intent", str(form.get("payment_intent")))
        charge = self.charges.get(str(intent["latest_charge"]))
        if charge is None or not charge["paid"]:
            raise WireError(400, "This PaymentIntent has no successful charge to refund.")
        left = charge["amount"] - charge["amount_refunded"]
        try:
            amount = int(form.get("amount") or left)
        except ValueError:
            raise WireError(400, "Invalid integer", param="amount") from None
        check_amount(amount, charge["currency"])
        if amount > left:
            raise WireError(
                400,
                "Refund amount is greater than unrefunded amount on charge.",
                code="charge_already_refunded" if not left else "amount_too_large",
                param="amount",
            )
        refund = {
            "id": _new("re"),
            "object": "refund",
            "amount": amount,
            "currency": charge["currency"],
            "charge": charge["id"],
            "payment_intent": intent["id"],
            "metadata": form.get("metadata", {}),
            "status": "pending",
            "created": int(time.time()),
        }
        self.refunds[refund["id"]] = refund
        charge["amount_refunded"] += amount
        if self.faults.refunds != "pending":
            self.settle_refund(refund["id"], self.faults.refunds)
        return copy.deepcopy(refund)

    def of_money(self, things: dict[str, Thing], intent: str) -> Thing:
        """A list of refunds or disputes, the newest first."""
        found = [thing for thing in things.values() if thing["payment_intent"] == intent]
        return {"object": "list", "has_more": False, "data": copy.deepcopy(found[::-1])}

    # --- What the payer does ------------------------------------------------------------

    def pay(self, name: str) -> Thing:
        """The money comes at once."""
        session = self._open(name)
        self._start(session)
        self._arrive(session)
        session["status"] = "complete"
        self._tell(session, "checkout.session.completed", session)
        return copy.deepcopy(session)

    def decline(self, name: str, message: str = DECLINED) -> Thing:
        """An attempt fails, and the page stays open."""
        session = self._open(name)
        intent = self._start(session)
        intent["status"] = "requires_payment_method"
        intent["last_payment_error"] = {"code": "card_declined", "message": message}
        self._tell(session, "payment_intent.payment_failed", intent)
        return copy.deepcopy(session)

    def challenge(self, name: str) -> Thing:
        """The payer's bank wants to see them first (3-D Secure)."""
        session = self._open(name)
        intent = self._start(session)
        intent["status"] = "requires_action"
        intent["next_action"] = {"type": "use_stripe_sdk"}
        self._tell(session, "payment_intent.requires_action", intent)
        return copy.deepcopy(session)

    def promise(self, name: str) -> Thing:
        """The payer gets a voucher, or lets their bank work: money comes later."""
        session = self._open(name)
        [method] = session["payment_method_types"][:1]
        intent = self._start(session)
        intent["status"] = "processing"
        if method in VOUCHERS:
            kind = f"{method}_display_details"
            days = self._voucher_days[name]
            details: Thing = {
                "expires_at": int(time.time()) + days * DAY,
                "hosted_voucher_url": f"{self.address}/pay/{name}",
            }
            if method == "konbini":
                details["stores"] = {store: _store_codes() for store in STORES}
            else:
                details["number"] = " ".join(_digits(3) for _n in range(4))
            intent["status"] = "requires_action"
            intent["next_action"] = {"type": kind, kind: details}
            self._tell(session, "payment_intent.requires_action", intent)
        session["status"] = "complete"
        self._tell(session, "checkout.session.completed", session)
        return copy.deepcopy(session)

    def keep_promise(self, name: str) -> Thing:
        """The money that was promised comes. Raises WireError where there was no promise."""
        session = self._promised(name)
        self._arrive(session)
        self._tell(session, "checkout.session.async_payment_succeeded", session)
        return copy.deepcopy(session)

    def break_promise(self, name: str) -> Thing:
        """It does not come. Raises WireError where there was no promise."""
        session = self._promised(name)
        intent = self.intents[session["payment_intent"]]
        intent["status"] = "requires_payment_method"
        intent["next_action"] = None
        intent["last_payment_error"] = {"code": "expired", "message": "It was not paid in time."}
        self._tell(session, "checkout.session.async_payment_failed", session)
        return copy.deepcopy(session)

    # --- What banks do ------------------------------------------------------------------

    def settle_refund(self, name: str, status: str) -> Thing:
        """A pending refund, or one that had succeeded and comes back, ends so."""
        refund = self.refunds.get(name)
        if refund is None:
            raise _missing("refund", name)
        refund["status"] = status
        charge = self.charges[refund["charge"]]
        session = self._session_of(refund["payment_intent"])
        if status == "failed":
            refund["failure_reason"] = "lost_or_stolen_card"
            charge["amount_refunded"] -= refund["amount"]
            self._tell(session, "refund.failed", refund)
        self._tell(session, "refund.updated", refund)
        if status == "succeeded":
            self._tell(session, "charge.refunded", charge)
        return copy.deepcopy(refund)

    def dispute(self, name: str) -> Thing:
        """The payer of a session that was paid says to their bank that it was not them."""
        session = self.session(name)
        if session["payment_status"] != "paid":
            raise WireError(400, "Only what was paid can be disputed.")
        dispute = {
            "id": _new("dp"),
            "object": "dispute",
            "amount": session["amount_total"],
            "currency": session["currency"],
            "payment_intent": session["payment_intent"],
            "charge": self.intents[session["payment_intent"]]["latest_charge"],
            "status": "needs_response",
            "reason": "fraudulent",
            "metadata": {},
            "created": int(time.time()),
        }
        self.disputes[dispute["id"]] = dispute
        self._tell(session, "charge.dispute.created", dispute)
        return copy.deepcopy(dispute)

    def close_dispute(self, name: str, status: str) -> Thing:
        """The bank decides: ``won`` is ours, ``lost`` the payer's."""
        dispute = self.disputes.get(name)
        if dispute is None:
            raise _missing("dispute", name)
        dispute["status"] = status
        session = self._session_of(dispute["payment_intent"])
        self._tell(session, "charge.dispute.closed", dispute)
        return copy.deepcopy(dispute)

    # --- Within -------------------------------------------------------------------------

    def _open(self, name: str) -> Thing:
        session = self.session(name)
        if session["status"] != "open":
            raise WireError(400, f"This checkout is over: {session['status']}.")
        return session

    def _promised(self, name: str) -> Thing:
        session = self.session(name)
        intent = self.intents.get(str(session["payment_intent"]))
        waits = intent is not None and intent["status"] in {"processing", "requires_action"}
        if session["status"] != "complete" or not waits:
            raise WireError(400, "Nobody waits for money here.")
        return session

    def _end(self, session: Thing) -> None:
        session["status"], session["url"] = "expired", None
        self._tell(session, "checkout.session.expired", session)

    def _start(self, session: Thing) -> Thing:
        """The session's payment intent, made with the first attempt as Stripe does."""
        name = session["payment_intent"]
        if name is None:
            name = session["payment_intent"] = _new("pi")
            self.intents[name] = {
                "id": name,
                "object": "payment_intent",
                "amount": session["amount_total"],
                "currency": session["currency"],
                "metadata": self._of_intent[session["id"]],
                "payment_method_types": session["payment_method_types"],
                "status": "requires_payment_method",
                "next_action": None,
                "last_payment_error": None,
                "latest_charge": None,
                "created": int(time.time()),
            }
        return self.intents[name]

    def _arrive(self, session: Thing) -> None:
        """Money comes for the session: what was asked for, or what a test wants."""
        intent = self.intents[session["payment_intent"]]
        if self.faults.amount:
            session["amount_total"] = intent["amount"] = self.faults.amount
            self.faults.amount = 0
        if self.faults.currency:
            session["currency"] = intent["currency"] = self.faults.currency
            self.faults.currency = ""
        charge = {
            "id": _new("ch"),
            "object": "charge",
            "amount": session["amount_total"],
            "amount_refunded": 0,
            "currency": session["currency"],
            "paid": True,
            "payment_intent": intent["id"],
            "metadata": intent["metadata"],
        }
        self.charges[charge["id"]] = charge
        intent.update(
            status="succeeded",
            latest_charge=charge["id"],
            next_action=None,
            last_payment_error=None,
        )
        session["payment_status"] = "paid"
        session["url"] = None
        self._tell(session, "charge.succeeded", charge)
        self._tell(session, "payment_intent.succeeded", intent)

    def _session_of(self, intent: str) -> Thing:
        return next(each for each in self.sessions.values() if each["payment_intent"] == intent)

    def _tell(self, session: Thing, kind: str, thing: Thing) -> None:
        if self.faults.quiet:
            return
        event = {
            "id": _new("evt"),
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": int(time.time()),
            "type": kind,
            "livemode": False,
            "data": {"object": copy.deepcopy(thing)},
        }
        self.post.send(event, session["metadata"].get("gateway", "stripe"), wait=self.faults.late)


def _new(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(12)}"


def _digits(number: int) -> str:
    return "".join(secrets.choice("0123456789") for _n in range(number))


def _store_codes() -> Thing:
    return {"payment_code": _digits(6), "confirmation_number": _digits(10)}


def _missing(kind: str, name: str) -> WireError:
    return WireError(404, f"No such {kind}: '{name}'", code="resource_missing", param="id")


def _fingerprint(path: str, form: Form) -> str:
    return json.dumps([path, form], sort_keys=True)

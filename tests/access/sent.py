"""What stands in addresses, and what is sent: enough for whoever may to succeed.

``PLACES`` and ``SENT`` are by the route's name, or by ``name@variant``; ``SENT`` also by method.
A value that needs the world is a function of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from billing import companies, history, payment_figures, payment_methods, tree
from billing.account_forms import write_told
from billing.adjustment_forms import ADD
from billing.models import Arrival, Balance, PaymentMethod, Refund
from tests.access.world import World

KEY = str(UUID(int=7, version=4))
WEBHOOK_SECRET = "whsec_tests"
# Variants: asked from another machine, where it is a demo, with a gateway's signature.
AFAR, DEMO, SIGNED = "@afar", "@demo", "@signed"
MESSAGE = b'{"id": "evt_1", "type": "unknown", "data": {"object": {}}}'


def _pk(name: str, parameter: str = "pk") -> Callable[[World], dict[str, Any]]:
    return lambda world: {parameter: world.at[name]}


def STANDARD(world: World) -> dict[str, Any]:  # noqa: N802 - a table, as the others
    """What a parameter means wherever nothing else is said."""
    return {
        "company": "nile",
        "code": "marketing",
        "prefix": world.at["key"],
        "master": "nile",
        "account": "marketing",
    }


PLACES: dict[str, Any] = {
    "/favicon.ico": "/favicon.ico",
    "account_confirm_email": _pk("confirmation", "key"),
    "account_reset_password_from_key": lambda world: world.at["reset"],
    "sign-in-end": _pk("sign-in"),
    "mfa_remove_webauthn": _pk("passkey"),
    "mfa_edit_webauthn": _pk("passkey"),
    "operator-review": _pk("arrival"),
    "operator-bank-transfer-confirm": lambda world: {"pk": world.pending.pk},
    "operator-payment": lambda world: {"pk": world.paid.pk},
    "operator-refund-new": lambda world: {"pk": world.paid.pk},
    "operator-refund-end": _pk("refund"),
    "operator-statement": _pk("bank statement"),
    "operator-statement-progress": _pk("bank statement"),
    "operator-statement-go-on": _pk("bank statement"),
    "operator-line-assign": _pk("bank line"),
    "operator-method-edit": lambda world: {"pk": world.pending.method_id},
    "operator-account-admin": {"company": "omega"},
    "operator-account-admin@again": {"company": "delta"},
    "operator-account-admin@nile": {"company": "nile"},
    "operator-adjustment-undo": _pk("adjustment", "place"),
    "operator-approval": _pk("approval"),
    "operator-approval@own": _pk("own approval"),
    "operator-view-as": lambda world: {"pk": world.cast.member.pk},
    "gateway-webhook": {"name": "stripe"},
    "invitation": lambda world: {"token": world.token},
    "invitation-send-again": _pk("invitation"),
    "invitation-withdraw": _pk("invitation"),
    "person-role": _pk("membership"),
    "person-remove": _pk("membership"),
    "person-role@finance": _pk("membership of finance"),
    "person-remove@finance": _pk("membership of finance"),
    "alert-new": {"?": "?account=marketing"},
    "alert-new@choose": {"?": ""},
    "alert-new@nile": {"?": "?account=nile"},
    "alert-edit": _pk("alert"),
    "alert-delete": _pk("alert"),
    "notice-seen": _pk("notice"),
    "payment-detail": lambda world: {"pk": world.pending.pk},
    "payment-detail@retail": lambda world: {"pk": world.of_retail.pk},
    "payment-state": lambda world: {"pk": world.pending.pk},
    "payment-continue": lambda world: {"pk": world.pending.pk},
    "payment-cancel": lambda world: {"pk": world.pending.pk},
    "payment-receipt": lambda world: {"pk": world.paid.pk, "number": world.at["receipt"]},
    "payment-review": lambda world: {
        "?": f"?account={world.cast.marketing.pk}&amount=1500&method={world.pending.method_id}"
    },
    "transfer-batch": _pk("batch"),
    "transfer-detail": _pk("transfer"),
    "transfer-detail@retail": _pk("transfer of retail"),
    "transfer-reverse": _pk("transfer"),
    "transfer-reverse-preview": _pk("transfer"),
    "view-delete": _pk("view"),
    "transaction-detail": lambda world: {"key": world.at["entry"]["marketing"]},
    "statement-detail": lambda world: {"number": world.at["statement"]["marketing"]},
    "statement-pdf": lambda world: {"number": world.at["statement"]["marketing"]},
    "statement-file": lambda world: {"number": world.at["statement"]["marketing"]},
    "export-file": _pk("export"),
    "export-cancel": _pk("running export"),
    "export-again": _pk("export"),
    "mailbox-mail": _pk("mail", "name"),
    "mailbox-html": _pk("mail", "name"),
    "api-v1:hold": lambda world: {"hold": world.hold},
    "api-v1:capture_hold": lambda world: {"hold": world.hold},
    "api-v1:release_hold": lambda world: {"hold": world.hold},
    "api-v1:explain": {"slug": "not-found"},
    "/api/v1/^": "/api/v1/nowhere",
    "/^api(?:/|\\Z)": "/api/nowhere",
}
for _code in ("nile", "retail", "otp"):
    PLACES[f"subaccount-detail@{_code}"] = {"code": _code}
    PLACES[f"transaction-detail@{_code}"] = lambda world, code=_code: {
        "key": world.at["entry"][code]
    }
for _page in ("subaccount-suspend@nile", "subaccount-restore@nile", "balance-as-of@nile"):
    PLACES[_page] = {"code": "nile"}
for _page in ("statement-detail@nile", "statement-file@nile"):
    PLACES[_page] = lambda world: {"number": world.at["statement"]["nile"]}


def _figures(world: World) -> str:
    payment = world.pending
    return payment_figures.write(payment, payment_figures.holder_of(payment.account))


def _review(world: World) -> dict[str, Any]:
    payment = Arrival.objects.get(pk=world.at["arrival"]).payment
    shown = payment_figures.write(payment, payment_figures.holder_of(payment.account))
    return {"do": "return", "shown": shown}


def _refund(world: World) -> dict[str, Any]:
    payment = world.paid
    shown = payment_figures.write(payment, payment_figures.holder_of(payment.account))
    return {"amount": "4", "reason": "asked", "key": KEY, "shown": shown}


def _refunded(world: World) -> dict[str, Any]:
    payment = Refund.objects.get(pk=world.at["refund"]).payment
    shown = payment_figures.write(payment, payment_figures.holder_of(payment.account))
    return {"do": "done", "why": "", "shown": shown}


def _method(world: World) -> dict[str, Any]:
    method = PaymentMethod.objects.get(pk=world.pending.method_id)
    return {
        "min_amount": "100",
        "max_amount": "200000",
        "step": "1",
        "fee_percent": "0",
        "fee_fixed": "0",
        "is_enabled": "on",
        "shown": payment_methods.figures(method),
    }


def _limit(world: World) -> dict[str, Any]:
    shown = Balance.objects.get(account=world.cast.marketing).credit_limit
    return {"limit": "40", "reason": "Agreed", "shown": f"{shown:f}"}


def _state(world: World) -> dict[str, Any]:
    return {"reason": "Unpaid", "shown": str(history.mark(world.cast.marketing))}


SENT: dict[str, Any] = {
    "invitation POST": {
        "name": "Nadia",
        "password1": "a heron over the river",
        "password2": "a heron over the river",
    },
    "gateway-webhook POST": MESSAGE,
    "api-v1:charge_one POST": {"amount": "1"},
    "api-v1:charge_batch POST": {
        "charges": [{"reference": "r", "account": "marketing", "amount": "1"}]
    },
    "api-v1:place_hold POST": {"amount": "1"},
    "api-v1:capture_hold POST": {"amount": "1"},
    "api-v1:release_hold POST": {},
    "company-security POST": {"confirm_above": "5000"},
    "invitation-new POST": {
        "email": "next@nile.example",
        "account": "marketing",
        "role": "member",
    },
    "person-role POST": {"role": "subaccount_admin"},
    "person-role@finance POST": {"role": "master_admin"},
    "api-key-new POST": {"name": "Gateway", "scopes": ["balance:read"], "form": KEY},
    "alert-new POST": lambda world: {"threshold": "300", "recipients": [world.cast.admin.pk]},
    "alert-edit POST": lambda world: {"threshold": "310", "recipients": [world.cast.admin.pk]},
    "notice-seen-all POST": lambda world: {"upto": str(world.at["notice"])},
    "payment-start POST": lambda world: {
        "account": str(world.cast.marketing.pk),
        "amount": "1500",
        "method": str(world.pending.method_id),
        "key": KEY,
    },
    "subaccount-new POST": {"name": "Brand", "code": "brand", "mode": "allocated"},
    "subaccount-rename POST": {"name": "Marketing and brand"},
    "subaccount-mode POST": lambda world: {
        "to": "shared",
        "told": write_told(tree.preview_sharing(world.cast.marketing)),
    },
    "subaccount-cap POST": {"amount": "900", "kind": "hard"},
    "subaccount-close POST": lambda world: {
        "told": write_told(tree.preview_closing(world.cast.marketing))
    },
    "transfer-new POST": lambda world: {
        "from": str(world.cast.nile.pk),
        "to": str(world.cast.marketing.pk),
        "amount": "20",
        "key": KEY,
    },
    "transfer-many POST": lambda world: {
        "from": str(world.cast.nile.pk),
        "way": "even",
        "amount": "20",
        "key": KEY,
    },
    "transfer-many-send POST": lambda world: {
        "from": str(world.cast.nile.pk),
        "lines": "marketing\t4",
        "key": KEY,
    },
    "transfer-reverse POST": {"amount": "20", "key": KEY},
    "view-save POST": {"name": "Theirs"},
    "statement-issue POST": lambda world: {
        "account": "marketing",
        "date_from": world.at["today"].isoformat(),
        "date_to": world.at["today"].isoformat(),
    },
    "export-new POST": {"format": "csv", "query": "", "key": KEY},
    "operator-review POST": _review,
    "operator-review@same POST": lambda world: _review(world) | {"do": "same"},
    "transfer-many@table POST": lambda world: {
        "from": str(world.cast.nile.pk),
        "way": "table",
        "key": KEY,
    },
    "operator-bank-transfer-confirm POST": lambda world: {
        "amount": "1600",
        "arrived_on": world.at["today"].isoformat(),
        "key": KEY,
        "shown": _figures(world),
    },
    "operator-refund-new POST": _refund,
    "operator-refund-end POST": _refunded,
    "operator-line-assign POST": lambda world: {
        "reference": world.pending.reference,
        "shown": _figures(world),
    },
    "operator-method-edit POST": _method,
    "operator-account-new POST": {
        "name": "Sinai Post",
        "code": "sinai",
        "country": "EG",
        "currency": "EGP",
        "time_zone": "Africa/Cairo",
    },
    "operator-account-edit POST": lambda world: {
        "name": "Nile Group",
        "shown": companies.figures(world.cast.nile),
    },
    "operator-account-admin POST": {"email": "first@omega.example"},
    "operator-account-admin@again POST": lambda world: {
        "do": "again",
        "invitation": str(world.at["first invitation"]),
    },
    "operator-account-limit POST": _limit,
    "operator-account-suspend POST": _state,
    "operator-account-restore POST": _state,
    "operator-adjust POST": lambda world: {
        "account": str(world.cast.marketing.pk),
        "direction": ADD,
        "amount": "5",
        "reason": "A message twice",
        "key": KEY,
    },
    "operator-adjustment-undo POST": {"reason": "Not twice", "key": KEY},
    "operator-approval POST": {"do": "agree"},
    "operator-view-as POST": {"reason": "Ticket 17"},
    "operator-statement-list POST": {},
}

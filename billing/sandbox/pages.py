"""The hosted page: what a payer sees. It says that no money moves, and needs no scripts."""

from __future__ import annotations

from html import escape
from typing import Any

from billing.sandbox.state import DELAYED, VOUCHERS
from billing.sandbox.wire import written

# What the payer types is looked at only for these, which are Stripe's own test cards.
DECLINED_CARD = "4000000000000002"
CHALLENGE_CARD = "4000002500003155"
DISPUTED_CARD = "4000000000000259"

NAMES = {
    "card": "Card",
    "us_bank_account": "Bank account",
    "sepa_debit": "SEPA direct debit",
    "knet": "KNET",
    "mada": "mada",
    "benefit": "BENEFIT",
    "naps": "NAPS",
    "omannet": "OmanNet",
    "stc_pay": "stc pay",
    "mpesa": "M-PESA",
    "opay": "OPay",
    "upi": "UPI",
    "p24": "Przelewy24",
    "blik": "BLIK",
    "ideal": "iDEAL",
    "paypal": "PayPal",
    "sadad": "SADAD",
}

STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --paper: #fff; --back: #eef1f5; --line: #c6ced8;
  --go: #0b5f8a; --quiet: #51606f; --warn: #7a4b00; --warn-back: #fff1d0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf2; --paper: #1b232c; --back: #11161c;
  --line: #3c4855; --go: #7cc4ee; --quiet: #a8b4c0; --warn: #ffd98a; --warn-back: #3a2c0b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 1rem/1.5 system-ui, "DejaVu Sans", sans-serif; }
.banner { background: var(--warn-back); color: var(--warn); padding: .6rem 1rem; margin: 0;
  text-align: center; font-weight: 600; }
main { max-inline-size: 28rem; margin: 2rem auto; padding: 1.5rem; background: var(--paper);
  border: 1px solid var(--line); border-radius: .75rem; }
@media (max-width: 30rem) { main { margin: 0; border: 0; border-radius: 0; } }
h1 { font-size: 1.1rem; margin: 0; } .brand { color: var(--quiet); margin: 0 0 .25rem; }
.amount { font-size: 2rem; font-weight: 700; margin: .25rem 0 1rem; }
.code { font: 700 1.5rem/1.4 ui-monospace, "DejaVu Sans Mono", monospace; letter-spacing: .05em; }
.trouble { border-inline-start: 4px solid var(--warn); padding-inline-start: .75rem;
  color: var(--warn); }
form { display: grid; gap: .6rem; margin: 0 0 .6rem; } label { display: grid; gap: .25rem; }
input { font: inherit; padding: .6rem; border: 1px solid var(--line); border-radius: .4rem;
  background: transparent; color: inherit; inline-size: 100%; }
button { font: inherit; min-block-size: 2.75rem; border-radius: .4rem; cursor: pointer;
  border: 1px solid var(--line); background: transparent; color: inherit; }
button.go { background: var(--go); border-color: var(--go); color: var(--paper);
  font-weight: 600; }
a { color: var(--go); } h2 { font-size: 1rem; margin-block: 1.5rem .6rem; }
:focus-visible { outline: 3px solid var(--go); outline-offset: 2px; }
"""


def checkout(session: dict[str, Any], intent: dict[str, Any] | None, title: str) -> str:
    """The page of a session, whatever has become of it."""
    method = session["payment_method_types"][0]
    label = NAMES.get(method, method.replace("_", " ").title())
    amount = written(session["amount_total"], session["currency"])
    body = [
        f'<p class="brand">{escape(label)}</p><h1>{escape(title)}</h1>',
        f'<p class="amount">{escape(amount)}</p>',
    ]
    status = intent["status"] if intent else ""
    if session["status"] == "expired":
        body.append("<p>This checkout has expired. Nothing was paid.</p>")
    elif session["payment_status"] == "paid":
        body.append("<p>It is paid.</p>")
        body.append(_button(session, "dispute", "Dispute it at the bank"))
    elif session["status"] == "complete":
        body += _promised(session, intent or {})
    elif status == "requires_action":
        body += _challenge(session)
    else:
        body += _open(session, intent, method, amount)
    body.append(_back(session))
    return page(f"{label}: {amount}", "\n".join(part for part in body if part))


def page(title: str, body: str) -> str:
    """A whole page with the banner."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/style.css">'
        '<link rel="icon" href="data:,"></head>'
        '<body><header class="banner">Sandbox: no money moves</header>'
        f"<main>{body}</main></body></html>"
    )


def _open(
    session: dict[str, Any], intent: dict[str, Any] | None, method: str, amount: str
) -> list[str]:
    parts = []
    error = (intent or {}).get("last_payment_error")
    if error:
        parts.append(f'<p class="trouble" role="alert">{escape(error["message"])} Try again.</p>')
    if method in VOUCHERS:
        parts.append(_button(session, "promise", "Get the code", go=True))
    elif method in DELAYED:
        parts.append(_button(session, "promise", f"Confirm {amount}, the money comes later", True))
        parts.append(_button(session, "pay", f"Pay {amount} at once"))
    else:
        field = (
            '<label>Card number<input name="card" inputmode="numeric" autocomplete="off"'
            ' value="4242 4242 4242 4242"></label>'
            if method == "card"
            else ""
        )
        parts.append(_button(session, "pay", f"Pay {amount}", True, field))
    parts.append("<h2>Or see what happens when</h2>")
    parts.append(_button(session, "decline", "it is declined"))
    if method not in VOUCHERS | DELAYED:
        parts.append(_button(session, "challenge", "the bank asks who you are (3-D Secure)"))
        parts.append(_button(session, "later", "the message about it is 15 seconds late"))
    return parts


def _challenge(session: dict[str, Any]) -> list[str]:
    return [
        "<p>Your bank wants to know that it is you (3-D Secure).</p>",
        _button(session, "pass", "It is me", go=True),
        _button(session, "fail", "It is not me"),
    ]


def _promised(session: dict[str, Any], intent: dict[str, Any]) -> list[str]:
    waits = intent.get("status") in {"processing", "requires_action"}
    if not waits:
        return ["<p>It was not paid in time.</p>"]
    action = intent.get("next_action")
    if action:
        details = action[action["type"]]
        codes = [
            f"{store.title()} {code['payment_code']}"
            for store, code in details.get("stores", {}).items()
        ] or [details["number"]]
        parts = ["<p>Show this code where you pay:</p>"]
        parts += [f'<p class="code">{escape(code)}</p>' for code in codes]
        parts.append(_button(session, "arrive", "Pay the voucher now", go=True))
    else:
        parts = ["<p>The money is on its way.</p>"]
        parts.append(_button(session, "arrive", "Let the money arrive now", go=True))
    return [*parts, _button(session, "break", "Let it never come")]


def _back(session: dict[str, Any]) -> str:
    over = session["status"] == "complete"
    address = session["success_url"] if over else session["cancel_url"]
    return f'<p><a href="{escape(address)}">Back to the shop</a></p>' if address else ""


def _button(
    session: dict[str, Any], action: str, label: str, go: bool = False, field: str = ""
) -> str:
    kind = ' class="go"' if go else ""
    return (
        f'<form method="post" action="/pay/{escape(session["id"])}/{action}">{field}'
        f"<button{kind}>{escape(label)}</button></form>"
    )

"""A payer, a sandbox and a console that hear each other over real HTTP."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from uuid import uuid4

from accounts.models import Account
from billing import payments
from billing.models import Payment
from billing.payments import Addresses
from billing.sandbox.server import Server
from tests.billing.payments.cast import method_of

KEY, SECRET = "sk_sandbox_tests", "whsec_tests"
BACK = Addresses("http://127.0.0.1:9/back/", "http://127.0.0.1:9/left/")


def open_sandbox(console: str) -> Server:
    """A sandbox that tells the console at this address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener, key=KEY, secret=SECRET, console=console)
    server.start()
    return server


def start(account: Account, amount: str = "100", code: str = "card") -> Payment:
    """A payment whose checkout nobody has opened."""
    return payments.start(
        account=account,
        method=method_of(account, code),
        amount=Decimal(amount),
        key=uuid4(),
        by=None,
    )


def checkout(account: Account, amount: str = "100", code: str = "card") -> Payment:
    """A payment whose checkout is open."""
    return payments.open_checkout(start(account, amount, code), addresses=BACK)


def turn(sandbox: Server, what: str, **form: Any) -> Any:
    """Turn something of the sandbox by hand; what it says."""
    asked = Request(f"{sandbox.address}/_control/{what}", urlencode(form).encode())
    with urlopen(asked, timeout=20) as answer:
        return json.load(answer)


def click(sandbox: Server, payment: Payment, action: str, **form: Any) -> Any:
    """Press a button of the payment's hosted page; the session as it is then."""
    return turn(sandbox, "session", id=payment.gateway_reference, action=action, **form)


def until(payment: Payment, fact: Callable[[Payment], object]) -> Payment:
    """Wait until this is so of the payment, fresh."""
    wait_until(lambda: payment.refresh_from_db() or fact(payment))
    return payment


def wait_until(fact: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def all_delivered(sandbox: Server) -> list[dict[str, Any]]:
    """Wait until the console has all messages; the deliveries."""
    wait_until(lambda: all(each["is_done"] for each in sandbox.sandbox.post.listed()))
    return sandbox.sandbox.post.listed()

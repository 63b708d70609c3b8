"""Messages of a gateway over HTTP: 100 for 100 payments at once, against a trivial signed view."""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from django.utils import timezone

from billing import payment_methods
from billing.models import Payment, PaymentMethod, PaymentState
from billing.sandbox.delivery import sign
from tests.benchmarks import stage
from tests.benchmarks.companies import open_company
from tests.benchmarks.serving import served

PAYMENTS = 100
CONNECTIONS = 10
ROUNDS = 7
GOAL = 0.2
KEY, SECRET = "sk_test_bench", "whsec_bench"


def run() -> None:
    """Each message credits a payment of an account of its own: verified, kept, posted, receipted.

    The baseline verifies the same signatures and reads one row.
    """
    os.environ["STRIPE_API_KEY"], os.environ["STRIPE_WEBHOOK_SECRET"] = KEY, SECRET
    try:
        with stage.fresh_database():
            payment_methods.load()
            master, accounts = open_company("bench", PAYMENTS)
            with served() as port:
                _measure(port, master, accounts)
    finally:
        del os.environ["STRIPE_API_KEY"], os.environ["STRIPE_WEBHOOK_SECRET"]


def _measure(port: int, master: int, accounts: list[int]) -> None:
    credited, trivial = [], []
    for turn in range(ROUNDS + 1):
        bodies = [_message(master, account) for account in accounts]
        credited.append(_timed(port, "/gateways/stripe/webhook/", bodies))
        posted = Payment.objects.filter(state=PaymentState.PAID).count()
        if posted != PAYMENTS * (turn + 1):
            raise RuntimeError(f"{posted} payments were credited in {turn + 1} rounds")
        trivial.append(_timed(port, f"/bench/signed/{accounts[0]}", bodies))
    # The first turn filled the caches.
    credited, trivial = credited[1:], trivial[1:]
    what = "messages/s"
    stage.report(
        f"{PAYMENTS} webhooks for as many payments over HTTP, {CONNECTIONS} connections,"
        f" {stage.rates(credited, PAYMENTS, what)};"
        f" a trivial signed view {stage.rates(trivial, PAYMENTS, what)}",
        stage.ratio(trivial, credited),
        GOAL,
    )


def _message(master: int, account: int) -> bytes:
    """A payment that waits, and the message that it is paid."""
    method = PaymentMethod.objects.get(country="EG", code="card")
    now = timezone.now()
    name = uuid4().hex
    payment = Payment.objects.create(
        master_id=master,
        account_id=account,
        key=uuid4(),
        method=method,
        method_label=method.label,
        gateway="stripe",
        amount=Decimal(100),
        fee=Decimal(0),
        currency="EGP",
        state=PaymentState.PENDING,
        reference=f"RF{name[:20]}",
        gateway_reference=f"cs_{name}",
        created_at=now,
        expires_at=now + timedelta(minutes=30),
        heard_at=now,
    )
    session = {
        "id": payment.gateway_reference,
        "object": "checkout.session",
        "client_reference_id": str(payment.pk),
        "amount_total": 10_000,
        "currency": "egp",
        "status": "complete",
        "payment_status": "paid",
        "payment_intent": f"pi_{name}",
    }
    event = {"id": f"evt_{name}", "type": "checkout.session.completed"}
    return json.dumps(event | {"data": {"object": session}}).encode()


def _timed(port: int, path: str, bodies: list[bytes]) -> float:
    """The seconds until all are answered, over connections that are open already."""
    now = int(time.time())
    signed = [(body, sign(body, SECRET, now)) for body in bodies]
    lines = threading.local()
    ready = threading.Barrier(CONNECTIONS)

    def connect() -> None:
        lines.line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        lines.line.connect()
        ready.wait(30)

    def send(message: tuple[bytes, str]) -> int:
        body, signature = message
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
        lines.line.request("POST", path, body, headers)
        answer = lines.line.getresponse()
        answer.read()
        return int(answer.status)

    with ThreadPoolExecutor(CONNECTIONS, initializer=connect) as pool:
        # Threads are started one by one: all of them wait for each other.
        list(pool.map(lambda _n: time.sleep(0.01), range(CONNECTIONS)))
        statuses: list[int] = []
        seconds = stage.timed(lambda: statuses.extend(pool.map(send, signed)))
    if set(statuses) != {200}:
        raise RuntimeError(f"{path} answers {sorted(set(statuses))}")
    return seconds

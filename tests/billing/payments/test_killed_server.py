"""A web server that is killed between a message and its posting: the message comes again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from decimal import Decimal

import psycopg
import pytest

from billing import payment_methods
from billing.models import Entry, GatewayEvent, Kind, PaymentState
from billing.verification import verify
from tests.benchmarks import stage
from tests.billing.payments.counter import (
    KEY,
    SECRET,
    all_delivered,
    checkout,
    click,
    open_sandbox,
    until,
    wait_until,
)
from tests.factories import balance_of
from tests.threads import wait_until_someone_waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)


class Console:
    """gunicorn on this test's database, on a socket that outlives it."""

    def __init__(self, listener: socket.socket) -> None:
        environment = {
            "DATABASE_URL": stage.database_url(),
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "STRIPE_API_KEY": KEY,
            "STRIPE_WEBHOOK_SECRET": SECRET,
            "STRIPE_API_BASE": "http://127.0.0.1:9",
            # Longer than the test keeps the payment locked.
            "LOCK_TIMEOUT_SECONDS": "30",
        }
        options = [
            "--threads",
            "4",
            "--workers",
            "1",
            "--worker-class",
            "gthread",
            "--log-level",
            "error",
        ]
        options += ["--bind", f"fd://{listener.fileno()}"]
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "gunicorn", "console.wsgi", *options],
            env=os.environ | environment,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )

    def die(self) -> None:
        """At once, its worker too."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)


def done(sandbox) -> int:
    return sum(each["is_done"] for each in sandbox.sandbox.post.listed())


def test_a_server_that_dies_before_it_posts_is_told_again_and_credits_once(cast, settings):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sandbox = open_sandbox(f"http://127.0.0.1:{listener.getsockname()[1]}")
        settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRET = KEY, SECRET
        settings.STRIPE_API_BASE = sandbox.address
        console = Console(listener)
        try:
            payment_methods.load()
            payment = checkout(cast.retail)
            # Not this test's connection: it has to see who waits.
            with psycopg.connect(stage.database_url()) as holder:
                holder.execute(
                    "SELECT FROM billing_payment WHERE id = %s FOR UPDATE", [payment.pk]
                )
                paying = threading.Thread(target=click, args=(sandbox, payment, "pay"))
                paying.start()
                # The server takes its time to start; two messages mean nothing to us.
                wait_until(lambda: done(sandbox) == 2)
                wait_until_someone_waits_for_a_lock()
                console.die()
            paying.join(timeout=30)
            assert not GatewayEvent.objects.filter(payment=payment).exists()
            assert balance_of(cast.retail).credit == Decimal("20.50")
            console = Console(listener)
            until(payment, lambda it: it.state == PaymentState.PAID)
            told = all_delivered(sandbox)
            assert any(each["answers"][0] == 0 for each in told)
        finally:
            sandbox.stop()
            console.die()
    credits = Entry.objects.filter(kind=Kind.PAYMENT, reference=str(payment.pk))
    assert [entry.amount for entry in credits] == [100]
    assert verify().is_clean

"""``manage.py sandbox``: the stand-in for Stripe, by itself. The demo starts its own."""

from __future__ import annotations

import os
import secrets
import socket
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.sandbox.server import HOST, Server


class Command(BaseCommand):
    """Listens on 127.0.0.1 only."""

    help = "Serve the payment sandbox on this machine until Ctrl-C: no money moves."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where it listens, and whom it tells."""
        parser.add_argument("--port", type=int, default=8001, help="8001; 0 takes any")
        parser.add_argument(
            "--console", default="http://localhost:8000", help="where the console is"
        )

    def handle(self, *args: Any, port: int, console: str, **options: Any) -> None:
        """Serve. The key and the secret are those of the environment, or made on the spot."""
        key = os.environ.get("STRIPE_API_KEY") or f"sk_sandbox_{secrets.token_hex(16)}"
        secret = os.environ.get("STRIPE_WEBHOOK_SECRET") or f"whsec_{secrets.token_hex(16)}"
        try:
            listener = socket.create_server((HOST, port))
        except (OSError, OverflowError) as error:
            raise CommandError(f"Cannot listen on port {port}: {error}.") from error
        server = Server(listener, key=key, secret=secret, console=console.rstrip("/"))
        self.stdout.write(
            f"STRIPE_API_BASE={server.address}\nSTRIPE_API_KEY={key}\n"
            f"STRIPE_WEBHOOK_SECRET={secret}\nCtrl-C ends it."
        )
        self.stdout.flush()
        with suppress(KeyboardInterrupt):
            server.serve_forever()
        server.server_close()
        server.sandbox.post.close()

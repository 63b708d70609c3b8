"""The demo's payments: a sandbox beside the worker, unless there is a key of Stripe's own."""

from __future__ import annotations

import secrets
import socket

from django.conf import settings

from billing.sandbox.server import HOST, Server


def prepare() -> socket.socket | None:
    """Bind a port for the sandbox and tell the settings of it, with a key made on the spot.

    None where a key is set: that one is used.
    """
    if settings.STRIPE_API_KEY:
        return None
    listener = socket.create_server((HOST, 0))
    settings.STRIPE_API_KEY = f"sk_sandbox_{secrets.token_hex(16)}"
    settings.STRIPE_WEBHOOK_SECRET = f"whsec_{secrets.token_hex(16)}"
    settings.STRIPE_API_BASE = f"http://{HOST}:{listener.getsockname()[1]}"
    # Its hosted page is where customers are sent to, and no other.
    settings.CHECKOUT_ORIGINS = [settings.STRIPE_API_BASE]
    return listener


def serve(listener: socket.socket, console: str) -> None:
    """Answer in threads of this process, until it ends."""
    Server(
        listener,
        key=settings.STRIPE_API_KEY,
        secret=settings.STRIPE_WEBHOOK_SECRET,
        console=console,
    ).start()

"""The sandbox, which the settings name and which tells the live server; and who looks at pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from billing import payment_methods
from billing.sandbox.server import Server
from tests.billing.payments.counter import KEY, SECRET, open_sandbox
from tests.factories import Cast


@pytest.fixture
def operator(client: Client, cast: Cast) -> Client:
    """The browser of the platform's operator."""
    client.force_login(cast.operator)
    return client


@pytest.fixture
def sandbox(settings, live_server, transactional_db) -> Iterator[Server]:
    """A sandbox of this test's own."""
    server = open_sandbox(live_server.url)
    settings.STRIPE_API_KEY = KEY
    settings.STRIPE_WEBHOOK_SECRET = SECRET
    settings.STRIPE_API_BASE = server.address
    payment_methods.load()
    yield server
    server.stop()

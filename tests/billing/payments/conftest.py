"""The gateways of tests, one of them on paper behind every method; and who looks at pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from accounts.models import User
from billing import gateways, payment_methods
from billing.sandbox.server import Server
from tests.billing.payments import paper as paper_module
from tests.billing.payments.counter import KEY, SECRET, open_sandbox
from tests.billing.payments.paper import PAGE, Paper
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


@pytest.fixture
def paper(cast: Cast, monkeypatch, settings) -> Iterator[Paper]:
    """The one gateway behind every method."""
    fresh = Paper()
    monkeypatch.setattr(paper_module, "GATEWAY", fresh)
    names = ("stripe", "regional", "bank_transfer")
    monkeypatch.setattr(gateways, "MODULES", dict.fromkeys(names, paper_module.__name__))
    settings.CHECKOUT_ORIGINS = [PAGE]
    gateways.gateway.cache_clear()
    payment_methods.load()
    yield fresh
    gateways.gateway.cache_clear()


@pytest.fixture
def browser(client: Client) -> Callable[[User], Client]:
    """The browser of somebody who has signed in."""

    def browser(user: User) -> Client:
        client.force_login(user)
        return client

    return browser

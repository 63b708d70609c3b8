"""Who sends what on the pages of transfers."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from tests.factories import Cast


@pytest.fixture
def admin(client: Client, cast: Cast) -> Client:
    """The browser of Nile's admin."""
    client.force_login(cast.admin)
    return client


@pytest.fixture
def ten(cast: Cast) -> dict[str, object]:
    """What is typed to move ten pounds from Marketing (500) to Retail (20.50)."""
    return {
        "amount": "10",
        "from": cast.marketing.pk,
        "to": cast.retail.pk,
        "note": "for Ramadan",
        "key": str(uuid4()),
    }

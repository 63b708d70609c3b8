"""Who sends what on the pages of payments."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import Cast


@pytest.fixture
def operator(client: Client, cast: Cast) -> Client:
    """The browser of the platform's operator."""
    client.force_login(cast.operator)
    return client

"""The one world of a file's tests, made once and restored after each request that changed it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.test import override_settings

from tests.access.kept import Kept
from tests.access.sent import WEBHOOK_SECRET
from tests.access.world import World, make_world
from tests.emptying import empty, past_the_triggers
from tests.kept_cast import HASHERS


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[tuple[World, Kept]]:
    """Committed, as it would be: pages open transactions of their own."""
    root = tmp_path_factory.mktemp("exports")
    told = {
        "EXPORTS_ROOT": root,
        "STORAGES": _storages(root),
        "PASSWORD_HASHERS": HASHERS,
        "SECOND_OPERATOR_ABOVE": {"EGP": Decimal(5000), "KWD": Decimal(150)},
    }
    with django_db_blocker.unblock():
        with override_settings(**told):
            world = make_world(root)
        try:
            yield world, Kept()
        finally:
            with past_the_triggers() as tables:
                empty(tables)


@pytest.fixture
def _django_db_helper() -> None:
    """Instead of pytest-django's: no transaction around a test, and nothing emptied after it.

    The tests are marked ``django_db`` so that there is a database; ``made`` opens and empties it.
    """


@pytest.fixture
def world(made: tuple[World, Kept], plain_settings, settings) -> World:
    """One company with one of everything; its files are where they were written."""
    settings.EXPORTS_ROOT = made[0].root
    settings.STORAGES = _storages(made[0].root)
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRET = "sk_sandbox_tests", WEBHOOK_SECRET
    settings.READY_NEEDS_WORKER = False
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    return made[0]


@pytest.fixture
def kept(made: tuple[World, Kept]) -> Iterator[Kept]:
    """What is in the database, to compare with and to come back to."""
    yield made[1]
    made[1].restore()


def _storages(root: object) -> dict[str, object]:
    return {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        "exports": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": root},
        },
    }

"""The stage of all tests: real PostgreSQL, real rows, no mocks of our own code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.contrib.auth.signals import user_logged_in
from django.core.cache import cache
from django.db import connections
from django.http import HttpRequest
from django.test import TransactionTestCase

from accounts.models import User
from tests.emptying import empty, may_pass_keys, past_the_triggers
from tests.factories import Cast, make_cast
from tests.kept_cast import HASHERS, KeptCast

connections["default"].settings_dict["TEST"]["NAME"] = os.environ["TEST_DATABASE"]

_flush = TransactionTestCase._fixture_teardown


def _empty_past_the_triggers(self: TransactionTestCase) -> None:
    """After a transactional test. Patched at import: a fixture would come too late."""
    with past_the_triggers() as tables:
        if may_pass_keys():
            empty(tables)
        else:
            _flush(self)


TransactionTestCase._fixture_teardown = _empty_past_the_triggers


def _prove_at_once(*, request: HttpRequest, user: User, **rest: Any) -> None:
    """``force_login`` is a sign-in with all that one has: password and second factor."""
    if "REMOTE_ADDR" not in request.META:
        record_authentication(request, user, "password")
        record_authentication(request, user, "mfa", type="totp")


user_logged_in.connect(_prove_at_once)


@pytest.fixture(autouse=True)
def plain_settings(settings, tmp_path) -> None:
    """No collected static files, so no manifest; fast passwords; rate limits per process."""
    settings.EXPORTS_ROOT = tmp_path / "exports"
    settings.STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        "exports": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": settings.EXPORTS_ROOT},
        },
    }
    settings.SECOND_OPERATOR_ABOVE = {"EGP": Decimal(5000), "KWD": Decimal(150)}
    settings.PASSWORD_HASHERS = HASHERS
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Ours around pytest-django's: no session is left when the database is dropped in the end.

    A browser keeps its connection to the live server, whose thread then keeps one to PostgreSQL,
    for as long as it likes.
    """
    yield
    with django_db_blocker.unblock(), connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="session")
def kept_cast(django_db_setup, django_db_blocker) -> KeptCast | None:
    """The cast's rows, made before any test's clock is turned."""
    with django_db_blocker.unblock():
        return KeptCast() if may_pass_keys() else None


@pytest.fixture
def cast(kept_cast: KeptCast | None, db: None) -> Cast:
    """Two companies and everyone who might knock: see ``tests.factories``."""
    return kept_cast.put() if kept_cast else make_cast()

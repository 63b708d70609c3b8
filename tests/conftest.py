"""The stage of all tests: real PostgreSQL, real rows, no mocks of our own code."""

from __future__ import annotations

import os
from typing import Any

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.contrib.auth.signals import user_logged_in
from django.core.cache import cache
from django.db import connections
from django.db.backends.utils import CursorWrapper
from django.http import HttpRequest
from django.test import TransactionTestCase

from accounts.models import User
from tests.factories import Cast, make_cast

connections["default"].settings_dict["TEST"]["NAME"] = os.environ["TEST_DATABASE"]

_flush = TransactionTestCase._fixture_teardown


def _flush_past_the_triggers(self: TransactionTestCase) -> None:
    """Empty the tables after a transactional test: the one place that walks past the triggers.

    Patched at import: a fixture would come too late.
    """
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger"
            " WHERE tgenabled = 'A' AND NOT tgisinternal"
        )
        triggers = cursor.fetchall()
        for table, name in triggers:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
        _flush(self)
        _flush_jobs(cursor)
        for table, name in triggers:
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def _flush_jobs(cursor: CursorWrapper) -> None:
    """Procrastinate's models are unmanaged, so Django leaves their tables as they are."""
    cursor.execute(
        "SELECT EXISTS (SELECT FROM procrastinate_jobs)"
        " OR EXISTS (SELECT FROM procrastinate_workers)"
    )
    if cursor.fetchone()[0]:
        cursor.execute(
            "TRUNCATE procrastinate_jobs, procrastinate_events, procrastinate_workers,"
            " procrastinate_periodic_defers"
        )


TransactionTestCase._fixture_teardown = _flush_past_the_triggers


def _prove_at_once(*, request: HttpRequest, user: User, **rest: Any) -> None:
    """``force_login`` is a sign-in with all that one has: password and second factor."""
    if "REMOTE_ADDR" not in request.META:
        record_authentication(request, user, "password")
        record_authentication(request, user, "mfa", type="totp")


user_logged_in.connect(_prove_at_once)


@pytest.fixture(autouse=True)
def plain_settings(settings) -> None:
    """No collected static files, so no manifest; fast passwords; rate limits per process."""
    settings.STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


@pytest.fixture
def cast(db) -> Cast:
    """Two companies and everyone who might knock: see ``tests.factories``."""
    return make_cast()

"""The stage of all tests: real PostgreSQL, real rows, no mocks of our own code."""

from __future__ import annotations

import os

import pytest
from django.core.cache import cache
from django.db import connections
from django.db.backends.utils import CursorWrapper
from django.test import TransactionTestCase

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
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


@pytest.fixture
def cast(db) -> Cast:
    """Two companies and everyone who might knock: see ``tests.factories``."""
    return make_cast()

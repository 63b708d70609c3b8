"""Being the role that the console connects as in production, within tests.

As a plugin it runs every test so that needs a database, to find what the role lacks:
``make test ARGS="-p tests.as_role tests/billing"``. What a test prepares by hand past the triggers
is refused then, and so it should be.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

# The roles of a server are common to all its databases, and tests run in several.
ROLE = f"console_limited_{os.getpid()}"


@contextmanager
def role_of_the_console() -> Iterator[str]:
    """The role with its rights, as long as the context lasts."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {ROLE}")
    try:
        call_command("database_role", ROLE, apply=True, stdout=StringIO())
        yield ROLE
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP OWNED BY {ROLE}")
            cursor.execute(f"DROP ROLE {ROLE}")


@contextmanager
def connected_as(role: str) -> Iterator[None]:
    """Every connection of this process that is opened meanwhile is the role's."""
    options = connection.settings_dict["OPTIONS"]
    before = options["options"]
    options["options"] = f"{before} -c role={role}"
    if not connection.in_atomic_block:
        connection.close()
    try:
        with connection.cursor() as cursor:
            # Within a test's transaction, whose end undoes it.
            cursor.execute(f"SET ROLE {role}")
        yield
    finally:
        options["options"] = before
        if not connection.in_atomic_block:
            connection.close()


@pytest.fixture(scope="session", autouse=True)
def limited_role(django_db_setup, django_db_blocker) -> Iterator[str]:
    """As a plugin only: the role, made by the owner before all tests of this process."""
    with django_db_blocker.unblock(), role_of_the_console() as role:
        yield role


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Only the test itself is the role's: what is prepared and emptied around it is not."""
    if not item.get_closest_marker("django_db"):
        return (yield)
    with connected_as(ROLE):
        return (yield)

"""Emptying tables after tests: the one place that walks past the triggers of the books.

Only tables that have rows: Django would truncate all seventy, which takes longer than most tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import connection

# What the migrations have written, and Django would write anew after each flush.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}
# A table of this size is tidied up, or the next tests would read through what is no more.
LARGE = 2**20


def may_pass_keys() -> bool:
    """Whether foreign keys need not be looked at: for a superuser, as of the embedded server."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        [(is_superuser,)] = cursor.fetchall()
    return bool(is_superuser)


@contextmanager
def past_the_triggers() -> Iterator[list[str]]:
    """The tables that have rows, which let them be deleted within."""
    with connection.cursor() as cursor:
        names = sorted(set(connection.introspection.table_names(cursor)) - KEPT)
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in names
            )
        )
        tables = [name for (name,) in cursor.fetchall()]
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger"
            " WHERE tgenabled = 'A' AND NOT tgisinternal"
        )
        triggers = [(table, name) for table, name in cursor.fetchall() if table in tables]
        for table, name in triggers:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
        try:
            yield tables
        finally:
            for table, name in triggers:
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def empty(tables: Iterable[str]) -> None:
    """Delete all rows of these tables, in any order."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        large = []
        for table in tables:
            cursor.execute(f"SELECT pg_relation_size('{table}')")
            [(size,)] = cursor.fetchall()
            if size > LARGE:
                large.append(table)
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("SET session_replication_role = origin")
        for table in large:
            cursor.execute(f"VACUUM {table}")

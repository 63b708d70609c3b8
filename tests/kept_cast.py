"""The cast of all tests, made once by the verbs and from then on copied row by row.

Opening six accounts and paying into them takes longer than most tests do.
"""

from __future__ import annotations

from copy import deepcopy

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.test import override_settings

from tests.emptying import empty, past_the_triggers
from tests.factories import Cast, make_cast

# As all tests: quick.
HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


class KeptCast:
    """What the cast is in the database, as COPY writes it, and the objects that speak of it."""

    def __init__(self) -> None:
        """Make it, copy it and delete it again. In a database that nobody uses at the moment."""
        with connection.cursor() as cursor:
            before = _rows(cursor)
            with override_settings(PASSWORD_HASHERS=HASHERS):
                self._cast = make_cast()
            made = {table: rows - before[table] for table, rows in _rows(cursor).items()}
            self._texts = {table: "".join(sorted(rows)) for table, rows in made.items() if rows}
        assert not any(before[table] for table in self._texts)
        with past_the_triggers() as tables:
            empty(set(tables) & set(self._texts))

    def put(self) -> Cast:
        """The cast in the database, with the ids and moments of when it was made."""
        with connection.cursor() as cursor:
            # In any order: what they refer to comes along.
            cursor.execute("SET session_replication_role = replica")
            for table, text in self._texts.items():
                with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    copy.write(text)
            cursor.execute("SET session_replication_role = origin")
        return deepcopy(self._cast)


def _rows(cursor: CursorWrapper) -> dict[str, set[str]]:
    """All rows there are, by table, as COPY writes them."""
    found = {}
    for table in connection.introspection.table_names(cursor):
        with cursor.copy(f"COPY {table} TO STDOUT") as copy:
            found[table] = set(b"".join(copy).decode().splitlines(keepends=True))
    return found

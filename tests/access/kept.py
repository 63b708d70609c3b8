"""What the database holds, kept, so that each request meets the same books and none is lost.

The pages open transactions of their own, so no savepoint can undo what they wrote: rows that are
new are deleted, and those that are gone copied back.
"""

from __future__ import annotations

from django.db import connection, transaction

from tests.emptying import KEPT


class Kept:
    """The rows of all tables as they are now."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            names = connection.introspection.table_names(cursor)
        self.tables = sorted(set(names) - KEPT)
        self.sums = self._sums()
        self._rows = {table: _rows(table) for table in self.tables}
        self._moment = _transactions()

    def changed(self) -> set[str]:
        """The tables that are no longer as they were. Nearly free where nobody wrote."""
        if _transactions() == self._moment:
            return set()
        now = self._sums()
        return {table for table in self.tables if now[table] != self.sums[table]}

    def restore(self) -> set[str]:
        """Make them so again; those that were changed."""
        if _transactions() == self._moment:
            return set()
        changed = self.changed()
        if changed:
            with transaction.atomic():
                self._put_back(changed)
        self._moment = _transactions()
        return changed

    def _put_back(self, tables: set[str]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT tgrelid::regclass::text, tgname FROM pg_trigger"
                " WHERE tgenabled = 'A' AND NOT tgisinternal"
            )
            triggers = [found for found in cursor.fetchall() if found[0] in tables]
            for table, name in triggers:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
            # In any order: what they refer to comes along.
            cursor.execute("SET session_replication_role = replica")
            for table in tables:
                rows = self._rows[table]
                cursor.execute(
                    f"DELETE FROM {table} t WHERE md5(t::text) <> ALL (%s)", [list(rows)]
                )
                cursor.execute(f"SELECT md5(t::text) FROM {table} t")
                lost = rows.keys() - {found for (found,) in cursor.fetchall()}
                with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    copy.write(b"".join(rows[each] for each in lost))
            cursor.execute("SET session_replication_role = origin")
            for table, name in triggers:
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")

    def _sums(self) -> dict[str, tuple[int, str]]:
        """How many rows each table has, and a sum of what stands in them; one query."""
        asked = " UNION ALL ".join(
            f"SELECT '{table}', count(*), md5(string_agg(t::text, '|' ORDER BY t::text))"
            f" FROM {table} t"
            for table in self.tables
        )
        with connection.cursor() as cursor:
            cursor.execute(asked)
            return {table: (count, found) for table, count, found in cursor.fetchall()}


def _rows(table: str) -> dict[str, bytes]:
    """Each row by the sum of what stands in it, as COPY writes it."""
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY (SELECT * FROM {table} ORDER BY ctid) TO STDOUT") as copy:
            lines = b"".join(copy).splitlines(keepends=True)
        cursor.execute(f"SELECT md5(t::text) FROM {table} t ORDER BY ctid")
        return {found: line for (found,), line in zip(cursor.fetchall(), lines, strict=True)}


def _transactions() -> int:
    """The next transaction's number: only one that writes takes a number."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        [(number,)] = cursor.fetchall()
    return int(number)

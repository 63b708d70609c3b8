"""The benches' databases, the COPY they are measured against, and the line they print.

The server is the one of DATABASE_URL, or an embedded one of its own ("bench", which like
production forgets nothing). Databases are named ``bench_<what>_<migrations>``: those of other
migrations are dropped, so that none is older than the code.
"""

from __future__ import annotations

import gc
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from billing.ledger_sql import COLUMNS

ROOT = Path(__file__).resolve().parents[2]
_VERSION = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(ROOT.glob("*/migrations/*.py")))
).hexdigest()[:8]


def server() -> str:
    """What is measured on: the server, and whether it is as durable as production."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('PostgreSQL %s, fsync %s, synchronous_commit %s',"
            " current_setting('server_version'), current_setting('fsync'),"
            " current_setting('synchronous_commit'))"
        )
        return str(cursor.fetchone()[0])


def report(what: str, ratio: float, goal: float) -> None:
    """Print one figure. ``ratio`` at or above ``goal`` is good; neither decides anything."""
    print(f"{what}: ratio={ratio:.2f} goal={goal}", flush=True)


def timed(work: Callable[[], object]) -> float:
    """The seconds that ``work`` takes."""
    checkpoint()
    # What the bench itself keeps in memory is not to be searched for garbage on the way.
    gc.collect()
    gc.freeze()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def checkpoint() -> None:
    """Let whatever is timed next write as much as everything else that is timed."""
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")


def rates(seconds: Sequence[float], rows: int, what: str = "rows/s") -> str:
    """For people: the median in rows a second, and the range."""
    return spread([rows / one for one in seconds], what)


def spread(each: Sequence[float], what: str) -> str:
    """For people: the median, what it counts, and the range."""
    return f"{median(each):,.0f} {what} ({min(each):,.0f} to {max(each):,.0f})"


def ratio(baseline: Sequence[float], seconds: Sequence[float]) -> float:
    """How fast it is against the baseline: the median over the rounds, each within itself.

    Other work on the machine comes and goes, and hits both halves of a round alike.
    """
    return median(base / one for base, one in zip(baseline, seconds, strict=True))


def copy_to_twin(rows: Sequence[tuple[object, ...]]) -> None:
    """The baseline: a ``write_row`` COPY of rows of ``billing_entry`` into its twin, committed.

    In one transaction, by psycopg as it comes, on a connection made beforehand.
    """
    with _plain().cursor() as cursor:
        with cursor.copy(f"COPY twin ({COLUMNS}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.connection.commit()


def entries(prefix: str) -> list[tuple[object, ...]]:
    """The rows of ``billing_entry`` whose references begin so, in the order of references."""
    with _plain().cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM billing_entry WHERE reference LIKE %s ORDER BY reference",
            [f"{prefix}%"],
        )
        rows = cursor.fetchall()
        cursor.connection.commit()
        return rows


def make_twin() -> None:
    """A second table of entries: the same columns, keys, checks and indexes, but no trigger."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE twin (LIKE billing_entry INCLUDING ALL)")


@contextmanager
def fresh_database() -> Iterator[None]:
    """Django on a new, empty, migrated database that is dropped in the end."""
    name = f"bench_fresh_{_VERSION}"
    _make(name)
    try:
        with _use(name):
            yield
    finally:
        _drop(name)


@contextmanager
def kept_database(what: str, fill: Callable[[], None]) -> Iterator[None]:
    """Django on a database that ``fill`` filled once and that the next run finds again.

    ``what`` is a word, then whatever tells this content from others: those are dropped.
    """
    name = f"bench_{what}_{_VERSION}"
    if not _exists(name):
        for (other,) in _databases():
            if other.startswith(f"bench_{what.partition('_')[0]}_"):
                _drop(other)
        unfinished = f"bench_unfinished_{_VERSION}"
        _make(unfinished)
        with _use(unfinished):
            fill()
        _rename(unfinished, name)
    with _use(name):
        yield


@contextmanager
def empty_database(what: str) -> Iterator[str]:
    """The URL of a new database without tables, that is dropped in the end."""
    name = f"bench_{what}_{_VERSION}"
    _drop(name)
    _administer(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield database_url(name)
    finally:
        _drop(name)


def drop_outdated() -> None:
    """Drop the databases that other migrations made."""
    for (name,) in _databases():
        if not name.endswith(_VERSION):
            _drop(name)


def database_url(name: str = "") -> str:
    """The URL of that database, or else of the one in use, for processes that are started."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"/{name or connection.settings_dict['NAME']}"))


_plain_connection: psycopg.Connection[tuple[object, ...]] | None = None


def _plain() -> psycopg.Connection[tuple[object, ...]]:
    """A connection that knows nothing of Django, to the database in use."""
    global _plain_connection  # noqa: PLW0603
    if _plain_connection is None or _plain_connection.closed:
        _plain_connection = psycopg.connect(database_url())
    return _plain_connection


def _make(name: str) -> None:
    """A migrated database, copied from a template that is made once."""
    template = f"bench_template_{_VERSION}"
    if not _exists(template):
        unfinished = f"bench_migrating_{_VERSION}"
        _drop(unfinished)
        _administer(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unfinished)))
        with _use(unfinished):
            call_command("migrate", verbosity=0)
        _rename(unfinished, template)
    _drop(name)
    _administer(
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )


@contextmanager
def _use(name: str) -> Iterator[None]:
    """Point Django at the database, and away again."""
    before = connection.settings_dict["NAME"]
    _disconnect()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        _disconnect()
        connection.settings_dict["NAME"] = before


def _disconnect() -> None:
    if _plain_connection is not None:
        _plain_connection.close()
    connection.close()


def _databases() -> list[tuple[str]]:
    return _administer("SELECT datname FROM pg_database WHERE datname LIKE 'bench\\_%'")


def _exists(name: str) -> bool:
    return (name,) in _databases()


def _rename(name: str, to: str) -> None:
    _administer(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(to))
    )


def _drop(name: str) -> None:
    _administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _administer(statement: sql.Composed | str) -> list[tuple[str]]:
    """Run a statement that must stand alone, beside the databases of the benches."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        cursor = server.execute(statement)
        return cursor.fetchall() if cursor.description else []

"""Many at once: real threads, each with a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

from billing.refusals import Refused


def at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """Run the jobs in threads, all released at one moment; their results, refusals included."""
    start = threading.Barrier(len(jobs), timeout=30)

    def run(job: Callable[[], Any]) -> Any:
        try:
            with connection.cursor() as cursor:
                # A test that locks itself out fails instead of hanging.
                cursor.execute("SET lock_timeout = '30s'")
            start.wait()
            return job()
        except Refused as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, job) for job in jobs]]


def wait_until_someone_waits_for_a_lock(sessions: int = 1) -> None:
    """Until so many other sessions of this database are blocked: a fact, not a guess at timing."""
    with connection.cursor() as cursor:
        for _ in range(2000):
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock' AND pg_sleep(0.01) IS NOT NULL"
            )
            if cursor.fetchone()[0] >= sessions:
                return
    raise AssertionError("nobody came to wait for the lock")

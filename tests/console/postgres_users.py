"""Users of an embedded server: other Python processes that report on a pipe."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg

from console.postgres import (
    cluster,
    server,
)

# As small as a server can be: there will be several at once.
SMALL = {"shared_buffers": "1MB", "max_connections": "10", "fsync": "off"}

PYTHONS = [sys.executable, *filter(None, map(shutil.which, ["/usr/bin/python3", "python3"]))]

USER = f"""
import sys
from pathlib import Path
from console.postgres import ensure
print(ensure("trial", root=Path(sys.argv[1]), settings={SMALL!r}), flush=True)
sys.stdin.read()
"""


class User:
    """Another process that uses the server, until it is told to leave or is killed."""

    def __init__(
        self, root: Path, script: str = USER, python: str = sys.executable, **spawn: object
    ) -> None:
        self.process = subprocess.Popen(
            [python, "-c", script, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **{"cwd": cluster.CHECKOUT, **spawn},  # type: ignore[call-overload]
        )

    def hears(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def leaves(self) -> int:
        self.process.communicate()
        return self.process.returncode

    def is_killed(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def directory_of_clusters() -> Iterator[Path]:
    """A directory that the server's user reaches, which pytest's own are not as root."""
    made = Path(tempfile.mkdtemp(prefix="test-postgres-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def joins(users: list[User], root: Path, **spawn: object) -> tuple[User, str]:
    user = User(root, **spawn)
    users.append(user)
    url = user.hears()
    assert url, "the server did not start for it"
    return user, url


def is_running(root: Path) -> bool:
    return server.is_running(cluster.locate("trial", root))


def postmaster(root: Path) -> int:
    return int((root / "trial/data/postmaster.pid").read_text().splitlines()[0])


def answers(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def socket_directory(url: str) -> Path:
    return Path(unquote(urlsplit(url).hostname or ""))

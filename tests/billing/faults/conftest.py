"""Where the fault tests take place: never on the server that the other tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.postgres import CHECKOUT, cluster, release
from console.postgres import server as servers
from tests.billing.faults import places
from tests.billing.faults.stage import Server, Worker
from tests.console.postgres_users import directory_of_clusters


@pytest.fixture(scope="session")
def made_once() -> Iterator[Server]:
    """The server with our tables, made once in each process of pytest."""
    with directory_of_clusters() as root:
        server = Server(root)
        try:
            server.start()
            subprocess.run(
                [sys.executable, str(CHECKOUT / "manage.py"), "migrate", "--verbosity=0"],
                env=os.environ | {"DATABASE_URL": server.url},
                check=True,
            )
            yield server
        finally:
            release("trial", root=root)
            servers.stop(cluster.locate("trial", root))


@pytest.fixture
def server(made_once: Server, django_db_blocker: object) -> Iterator[Server]:
    """The server, running, and Django connected to it instead of the tests' database.

    Nothing is emptied between the tests: each opens companies of its own.
    """
    made_once.start()
    with django_db_blocker.unblock(), places.used(made_once.url):  # type: ignore[attr-defined]
        yield made_once


@pytest.fixture
def hire(server: Server, tmp_path: Path) -> Iterator[Callable[..., list[Worker]]]:
    """Starts workers on the books of a company; they are killed when the test ends."""
    hired: list[Worker] = []

    def start(count: int, kind: str, master: int) -> list[Worker]:
        new = [Worker(server, number, kind, master, tmp_path) for number in range(count)]
        hired.extend(new)
        for worker in new:
            worker.wait_until_ready()
        return new

    yield start
    for worker in hired:
        worker.kill()

"""``manage.py demo``: it serves, its worker works, and however it ends nothing of it is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pytest
from django.core.management import call_command
from django.test import override_settings

from console.postgres import cluster, ensure, release, server
from tests.console.postgres_users import directory_of_clusters

OURS = {"DATABASE_URL", "SECRET_KEY", "ALLOWED_HOSTS", "HTTPS", "EMAIL_URL", "BASE_URL"}


class Demo:
    """A demo in a session of its own, as in a terminal of its own, on the PostgreSQL of `root`."""

    def __init__(self, root: Path) -> None:
        self.cluster = cluster.locate("main", root)
        places = {"EMBEDDED_POSTGRES_ROOT": str(root), "STATIC_ROOT": str(root / "static")}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "demo"],
            cwd=cluster.CHECKOUT,
            env={key: os.environ[key] for key in os.environ.keys() - OURS}
            | places
            | {"PORT": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.said = ""

    def comes_up(self) -> None:
        while "Ctrl-C ends it" not in self.said:
            line = self.process.stdout.readline()
            assert line, self.said
            self.said += line

    def ends(self) -> int:
        """Its exit code, when the last of its processes is gone: they share one pipe."""
        rest = self.process.communicate(timeout=60)[0]
        assert not re.search("Traceback|ERROR|Exception", rest), rest
        return self.process.returncode

    def children(self) -> int:
        listed = subprocess.check_output(["ps", "-A", "-o", "ppid="], text=True)
        return listed.split().count(str(self.process.pid))

    def asks(self, sql: str) -> int:
        with psycopg.connect(server.url(self.cluster)) as connection:
            [(number,)] = connection.execute(sql).fetchall()
        return number

    def workers(self) -> int:
        """How many workers there are. Those that left in order are not counted."""
        return self.asks("SELECT count(*) FROM procrastinate_workers")


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """Where the demo's PostgreSQL lives: the first test fills it with the demo's data.

    The static files are there already: the demo would take its time to compress them.
    """
    with directory_of_clusters() as made:
        static = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
        with override_settings(STATIC_ROOT=made / "static", STORAGES={"staticfiles": static}):
            call_command("collectstatic", interactive=False, verbosity=0)
        yield made


@pytest.fixture
def demo(root: Path) -> Iterator[Demo]:
    started = Demo(root)
    try:
        started.comes_up()
        wait_until(lambda: started.workers() == 1)
        yield started
    finally:
        if not started.process.stdout.closed:  # the test failed
            with suppress(ProcessLookupError):
                os.killpg(started.process.pid, signal.SIGKILL)
            started.process.communicate()
        server.stop(started.cluster)


def wait_until(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def assert_nothing_is_left(demo: Demo, root: Path) -> None:
    """No process (or its pipe would be open), no server, and the worker has signed off."""
    assert not server.is_running(demo.cluster)
    ensure("main", root=root)
    try:
        assert demo.workers() == 0
        assert demo.asks("SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'") == 0
    finally:
        release("main", root=root)


def test_it_serves_and_its_worker_works_until_ctrl_c(demo, root):
    address = re.search(r"http://localhost:\d+", demo.said)[0]
    with urlopen(address) as page:
        assert page.status == 200
        assert "Sign in" in page.read().decode()
    done = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'"
    wait_until(lambda: demo.asks(done) > 0)

    os.killpg(demo.process.pid, signal.SIGINT)  # as the terminal does

    assert demo.ends() == 0
    assert_nothing_is_left(demo, root)


def test_web_server_that_loses_a_process_keeps_the_worker_and_sigterm_ends_them_all(demo, root):
    wait_until(lambda: demo.children() == 4)  # two that serve, the worker, PostgreSQL
    demo.process.send_signal(signal.SIGTTOU)  # gunicorn lets one go
    wait_until(lambda: demo.children() == 3)
    time.sleep(0.5)
    assert demo.workers() == 1

    demo.process.send_signal(signal.SIGTERM)

    assert demo.ends() == 0
    assert_nothing_is_left(demo, root)


def test_killed_demo_leaves_nothing(demo, root):
    demo.process.kill()
    assert demo.ends() == -signal.SIGKILL
    assert_nothing_is_left(demo, root)

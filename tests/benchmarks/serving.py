"""The console behind gunicorn as docs/operations.md has it, and a socket on 127.0.0.1."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks import stage

GUNICORN = "console.wsgi --worker-class gthread --threads 4 --workers 2"


@contextmanager
def served() -> Iterator[int]:
    """The port at which the console answers, on the database in use."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        environment = {
            "DATABASE_URL": stage.database_url(),
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.http_settings",
            "HTTPS": "0",
            "DEBUG": "0",
        }
        command = [sys.executable, "-m", "gunicorn", *GUNICORN.split(), "--log-level", "warning"]
        server = subprocess.Popen(
            [*command, "--bind", f"fd://{listener.fileno()}"],
            cwd=stage.ROOT,
            env=os.environ | environment,
            pass_fds=[listener.fileno()],
        )
        try:
            _wait_until_it_answers(port, server)
            yield port
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait_until_it_answers(port: int, server: subprocess.Popen[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    # It listens from the start: the answer comes when the first worker has set itself up.
    connection.request("GET", "/api/v1/openapi.json")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200 or server.poll() is not None:
        raise RuntimeError(f"the server answers {answer.status}")
    time.sleep(2)  # for the second worker

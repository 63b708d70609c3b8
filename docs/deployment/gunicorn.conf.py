"""gunicorn for the console: ``gunicorn console.wsgi -c docs/deployment/gunicorn.conf.py``."""

import os
from pathlib import Path
from typing import Any

from prometheus_client import multiprocess

# Only the proxy on this machine may ask: see nginx.conf.
bind = "127.0.0.1:8000"
worker_class = "gthread"
# Each thread holds a connection to PostgreSQL: workers x threads must fit into max_connections.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4
# How long requests under way may take when it is told to end or to reload.
graceful_timeout = 30
# The console writes a line for each request itself, without what is secret in addresses.
accesslog = None
errorlog = "-"
# A program to control it from is one more way in.
control_socket_disable = True

_measures = os.environ.get("PROMETHEUS_MULTIPROC_DIR")


def on_starting(server: Any) -> None:
    """Measures of an earlier start would be counted again."""
    if _measures:
        Path(_measures).mkdir(parents=True, exist_ok=True)
        for left in Path(_measures).glob("*.db"):
            left.unlink()


def child_exit(server: Any, worker: Any) -> None:
    """A process that has ended has no requests under way."""
    if _measures:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]

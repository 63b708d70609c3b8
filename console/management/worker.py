"""The demo's worker: a process beside the web server, that ends when the server does."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector

from console.management import stripe_sandbox

logger = logging.getLogger(__name__)

JOBS = 4  # at once
PATIENCE = 5.0  # seconds that a running job has to come to its end
PAUSE = 2.0  # seconds before a worker that broke down is started again


@contextmanager
def beside(
    server: socket.socket, *, sandbox: socket.socket | None = None, console: str = ""
) -> Iterator[None]:
    """Run the jobs in a child process until the block ends, or this process, however it ends.

    A line between the two tells each that the other is gone, kill -9 included: no pid has to be
    believed. The child does not keep `server`, the web server's socket; it serves the payment
    sandbox on `sandbox`, which tells the console at the address `console`. No connection to the
    database may be open, and no thread may run.
    """
    parent = os.getpid()
    ours, theirs = socket.socketpair()
    child = os.fork()
    if not child:
        ours.close()
        server.close()
        if sandbox is not None:
            stripe_sandbox.serve(sandbox, console)
        _work(theirs)
        sys.exit()
    theirs.close()
    if sandbox is not None:
        sandbox.close()
    try:
        yield
    finally:
        # gunicorn's own workers are forks that leave by this way too: they end nothing.
        if os.getpid() == parent:
            _end(child, ours)


def _end(child: int, line: socket.socket) -> None:
    # Heard at the other end although gunicorn's workers have inherited this one.
    line.shutdown(socket.SHUT_WR)
    line.settimeout(PATIENCE)
    try:
        line.recv(1)
    except TimeoutError:
        # It has not hung up, so it lives, and the number is still its own.
        os.kill(child, signal.SIGKILL)
    line.close()
    with suppress(ChildProcessError):  # gunicorn has buried it already
        os.waitpid(child, 0)


def _work(line: socket.socket) -> None:
    # Ctrl-C and a closed terminal concern the web server, which then hangs up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: line.shutdown(socket.SHUT_RD))
    connector = app.connector
    assert isinstance(connector, DjangoConnector)  # noqa: S101  # for mypy
    with app.replace_connector(connector.get_worker_connector()):
        asyncio.run(_run_until_hung_up(line))


async def _run_until_hung_up(line: socket.socket) -> None:
    hung_up = asyncio.Event()
    asyncio.get_running_loop().add_reader(line, hung_up.set)
    end = asyncio.create_task(hung_up.wait())
    while not hung_up.is_set():
        worker = asyncio.create_task(_run())
        await asyncio.wait({worker, end}, return_when=asyncio.FIRST_COMPLETED)
        worker.cancel()  # finishes the running job first
        [trouble] = await asyncio.gather(worker, return_exceptions=True)
        if not hung_up.is_set():
            logger.error("The worker broke down: %s", trouble or "see above.")
            await asyncio.wait({end}, timeout=PAUSE)


async def _run() -> None:
    async with app.open_async():
        # A large export must not hold up what happens every minute.
        await app.run_worker_async(install_signal_handlers=False, concurrency=JOBS)

"""`manage.py demo`: the whole console with its demo data, on this machine, until Ctrl-C."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from billing import demo
from console.management import stripe_sandbox, worker

HOST = "127.0.0.1"
FIRST_PORT = 8000
PORTS_TO_TRY = 100
NO_SUCH_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class Command(BaseCommand):
    """Prepare the database and the static files, say where to sign in as whom, and serve."""

    help = "Serve the console with demo data on this machine until Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP. Raises CommandError when it cannot."""
        wanted = _wanted_port()
        listener = _listen(wanted)
        port = listener.getsockname()[1]
        if "BASE_URL" not in os.environ:
            # The port is known only here, and the worker's mails lead to it.
            settings.BASE_URL = f"http://localhost:{port}"
        _keep_mails()
        # A newcomer has no second factor at hand; production never comes here.
        settings.DEMO = True
        if not settings.ISSUER_NAME:
            # Nobody's name: documents show where one's own will stand.
            settings.ISSUER_NAME = "Demo Messaging Platform FZ-LLC"
            settings.ISSUER_ADDRESS = "Building 7, Example Internet City | Dubai, UAE"
            settings.ISSUER_TAX_NUMBER = "Tax registration 100-0000-0000-000 (invented)"
        sandbox = stripe_sandbox.prepare()
        self.stdout.write("Preparing the demo...")
        self.stdout.flush()
        with _one_at_a_time():
            call_command("migrate", interactive=False, verbosity=0)
            call_command("createcachetable", verbosity=0)
            call_command("load_payment_methods", verbosity=0)
            call_command("load_demo")
            if not _static_files_are_collected():
                call_command("collectstatic", interactive=False, verbosity=0)
        # The workers of both kinds are forks: a connection must not be shared among them.
        connections.close_all()
        if wanted not in {0, port}:
            self.stdout.write(self.style.WARNING(f"Port {wanted} is busy: using {port} instead."))
        self.stdout.write(self._welcome(port))
        self.stdout.flush()
        console = f"http://{HOST}:{port}"
        with worker.beside(listener, sandbox=sandbox, console=console):
            _Server(listener).run()

    def _welcome(self, port: int) -> str:
        everyone = demo.logins()
        logins = [("Sign in as", "e-mail", "password"), *everyone[:3]]
        role, email, _ = (max(map(len, column)) for column in zip(*logins, strict=True))
        people = [f"  {a:{role}}   {b:{email}}   {c}" for a, b, c in logins]
        address = self.style.SUCCESS(f"http://localhost:{port}")
        others = [f"    {b}  ({a})" for a, b, _ in everyone[3:]]
        more = ["  Others, with the same password:", *others]
        return "\n".join(["", f"  {address}", "", *people, "", *more, "", "  Ctrl-C ends it.", ""])


def _keep_mails() -> None:
    """Show mails on a page rather than in the log; a mail server that was asked for is used."""
    if settings.EMAIL_BACKEND == "django.core.mail.backends.console.EmailBackend":
        settings.DEMO_MAILBOX = settings.BASE_DIR / "var" / "mailbox"
        settings.EMAIL_BACKEND = "console.mailbox.Backend"


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two demos that start together prepare one after the other; a killed one holds up nobody."""
    place = settings.BASE_DIR / "var" / "demo.lock"
    place.parent.mkdir(exist_ok=True)
    with place.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn in this process, on a socket that is bound already."""

    def __init__(self, listener: socket.socket) -> None:
        self._descriptor = listener.detach()
        super().__init__()

    def load_config(self) -> None:
        chosen = {
            "bind": f"fd://{self._descriptor}",
            "worker_class": "gthread",
            "workers": 2,
            "threads": 4,
            "preload_app": True,
            "graceful_timeout": 10,
            "control_socket_disable": True,
            "loglevel": "error",
            "post_worker_init": _leave_the_terminal_to_the_master,
            "worker_exit": _leave_undisturbed,
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        # It looks at the collected static files when it is made.
        from console.wsgi import application  # noqa: PLC0415

        return application

    def run(self) -> None:
        _Arbiter(self).run()


def _leave_the_terminal_to_the_master(worker: Any) -> None:
    # The terminal tells every process of Ctrl-C and of its end, and the master then tells the
    # workers. Heard twice at once, gunicorn's handler waits within itself for a lock of its own.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _leave_undisturbed(arbiter: Any, worker: Any) -> None:
    # Who is impatient says it again: that must not reach a worker that is leaving PostgreSQL.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


class _Arbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's master process; a closed terminal ends it, where gunicorn would reload."""

    handle_hup = Arbiter.handle_term


def _wanted_port() -> int:
    said = os.environ.get("PORT") or str(FIRST_PORT)
    if not (said.isascii() and said.isdigit() and int(said) < 2**16):
        raise CommandError(f"PORT is {said!r}: it must be a number from 0 (any port) to 65535.")
    return int(said)


def _listen(wanted: int) -> socket.socket:
    """Bind the wanted port, or else the next that is free; 0 takes any."""
    for port in range(wanted, min(wanted + PORTS_TO_TRY, 2**16)):
        # Browsers may try IPv6 for `localhost` first, and would find whoever listens there.
        if port and not _is_free(socket.AF_INET6, "::1", port):
            continue
        try:
            return socket.create_server((HOST, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise CommandError(f"Cannot listen on port {port}: {error.strerror}.") from error
    raise CommandError(f"No free port from {wanted} on: name another one, PORT=9000 for example.")


def _is_free(family: socket.AddressFamily, host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port), family=family):
            return True
    except OSError as error:
        return error.errno in NO_SUCH_ADDRESS  # A machine without IPv6 has nobody there.


def _static_files_are_collected() -> bool:
    """Tell whether the collected files are newer than all their sources."""
    manifest = settings.STATIC_ROOT / "staticfiles.json"
    if not manifest.exists():
        return False
    collected = manifest.stat().st_mtime
    for finder in get_finders():
        for path, storage in finder.list([]):
            changed = os.stat(storage.path(path)).st_mtime
            if changed > collected or not (settings.STATIC_ROOT / path).exists():
                return False
    return True

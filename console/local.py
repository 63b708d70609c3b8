"""What a developer's machine needs before the settings are read; nothing in production."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from contextlib import suppress
from types import FrameType

from console import postgres

# Valid for the settings, and no server: for commands that never connect.
NO_DATABASE = "postgres://nobody@nowhere.invalid/none"


def prepare(cluster: str = "main", *, database: bool = True) -> None:
    """Start the embedded PostgreSQL `cluster` and fill the environment with development's values.

    Where DATABASE_URL is set this changes nothing at all. Otherwise DATABASE_URL becomes that of
    the embedded server (with `database=False` one that leads nowhere, and none is started), and
    SECRET_KEY, ALLOWED_HOSTS, HTTPS, EMAIL_URL and SECOND_OPERATOR_ABOVE get defaults where they
    are unset.
    Called twice it does nothing new. Raises console.postgres.EmbeddedPostgresError.
    """
    if os.environ.get("DATABASE_URL"):
        return
    if database:
        _turn_signals_into_exits()
        os.environ["DATABASE_URL"] = postgres.ensure(cluster)
    else:
        os.environ["DATABASE_URL"] = NO_DATABASE
    if not os.environ.get("SECRET_KEY"):
        os.environ["SECRET_KEY"] = _secret_key()
    os.environ.setdefault("ALLOWED_HOSTS", "localhost,127.0.0.1")
    os.environ.setdefault("HTTPS", "0")
    os.environ.setdefault("EMAIL_URL", "console://")
    os.environ.setdefault("SECOND_OPERATOR_ABOVE", "EGP=25000,SAR=2000,KWD=150")


def _turn_signals_into_exits() -> None:
    """Let SIGTERM and a closed terminal end the process in order, or nobody stops the server."""
    with suppress(ValueError):  # not in the main thread
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _secret_key() -> str:
    """Return this checkout's own key, made once: sessions survive a restart."""
    path = postgres.CHECKOUT / "var" / "secret_key"
    draft = path.with_name(f"secret_key.{os.getpid()}")
    try:
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(50))
            # Linked into its place whole: two first starts at once agree on one key.
            with suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        return path.read_text()
    except OSError as error:
        raise postgres.EmbeddedPostgresError(
            f"Cannot keep this checkout's secret key in {path}: {error.strerror}."
            " Set SECRET_KEY, or work as the user who made this checkout's var/."
        ) from error

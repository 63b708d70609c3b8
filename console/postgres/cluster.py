"""Where a cluster of databases lives, which files it has, and as whom its server runs."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

CHECKOUT = Path(__file__).resolve().parents[2]
# Root's clusters and programs: its checkout may stand in a home that no other user can enter.
MACHINE_ROOT = Path("/var/lib/credit-console")
SYSTEM_USER = "credit-console"
LONGEST_LOG = 5_000_000  # bytes; beyond, the next start begins a new one


class EmbeddedPostgresError(RuntimeError):
    """The embedded server could not be made, started or stopped; the message says why."""


@dataclass(frozen=True)
class Cluster:
    """One named cluster. Its server runs as `owner`; none: as ourselves."""

    name: str
    home: Path
    owner: pwd.struct_passwd | None

    @property
    def data(self) -> Path:
        """PostgreSQL's own directory."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / "log"

    @property
    def socket_note(self) -> Path:
        """The file that names the directory of the socket."""
        return self.home / "socket"

    def make_home(self) -> None:
        """Make the cluster's directory, and those above it, where they are missing."""
        # The owner passes through it to the data; nobody else has anything to see in it.
        make_directory(self.home, 0o711 if self.owner else 0o700)

    def give(self, path: Path) -> None:
        """Hand a file or directory that we have made to the server's user."""
        if self.owner:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def open_log(self) -> IO[bytes]:
        """Open the log for adding to it."""
        with suppress(FileNotFoundError):
            if self.log.stat().st_size > LONGEST_LOG:
                self.log.rename(self.home / "log.old")
        descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(descriptor, "wb")

    def log_tail(self) -> str:
        """Return the last lines of the log under a title, for error messages."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()[-15:]
        except OSError:
            lines = []
        return "\n".join([f"The end of {self.log}:", *lines])

    def socket_directory(self) -> Path:
        """Return the private directory of the socket, made if it is missing.

        Its path is short, because the address of a socket ends at 107 bytes and checkouts may lie
        deep, and in lower case, because URL parsers make hosts so. Its name is a surprise: in /tmp
        a known one could be taken by somebody else.
        """
        with suppress(OSError):
            noted = Path(self.socket_note.read_text())
            facts = noted.lstat()
            uid = self.owner.pw_uid if self.owner else os.geteuid()
            private = stat.S_ISDIR(facts.st_mode) and stat.S_IMODE(facts.st_mode) == 0o700
            if private and facts.st_uid == uid:
                return noted
        made = Path(tempfile.mkdtemp(prefix="credit-console-", dir="/tmp"))
        self.give(made)
        self.socket_note.write_text(str(made))
        return made

    def remove_socket_directory(self) -> None:
        """Remove the directory of the socket after the server has ended."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.socket_note.read_text(), ignore_errors=True)
            self.socket_note.unlink()


def locate(name: str = "main", root: Path | None = None) -> Cluster:
    """Say where cluster `name` lives and as whom it runs; as root, make that user if missing.

    A normal user's clusters live in the checkout's var/postgres/, those of root in
    /var/lib/credit-console/, and all of them in `root` or EMBEDDED_POSTGRES_ROOT if that is given.
    Raises EmbeddedPostgresError.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name):
        raise EmbeddedPostgresError(
            f"{name!r} is no name for a cluster: it takes lower-case letters, digits and _."
        )
    owner = _system_user() if os.geteuid() == 0 else None
    if root is None and (chosen := os.environ.get("EMBEDDED_POSTGRES_ROOT")):
        root = Path(chosen)
    if root is None and owner:
        root = MACHINE_ROOT / hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:12]
    if root is None:
        root = CHECKOUT / "var" / "postgres"
    return Cluster(name, root.resolve() / name, owner)


def make_directory(path: Path, mode: int) -> None:
    """Make `path` with this mode, and its parents open to passage. What exists stays as it is."""
    if path.is_dir():
        return
    make_directory(path.parent, 0o755)
    try:
        path.mkdir()
        path.chmod(mode)  # Ours: we have just made it. mkdir's own mode would be cut by the umask.
    except FileExistsError:
        pass
    except OSError as error:
        raise EmbeddedPostgresError(
            f"Cannot make {path}: {error.strerror}. {whose(path.parent)}"
        ) from error


def whose(path: Path) -> str:
    """Say whose directory it is and who we are: the usual reason for a refusal."""
    with suppress(OSError, KeyError):
        owner, we = (pwd.getpwuid(uid).pw_name for uid in (path.stat().st_uid, os.geteuid()))
        return f"{path} belongs to {owner}; this is {we}."
    return ""


def _system_user() -> pwd.struct_passwd:
    """Return the user that stands in for root, as whom PostgreSQL does not run."""
    said = "neither useradd nor adduser is here"
    # The second is busybox's.
    useradd = "useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin"
    for attempt in ("", useradd, "adduser -S -D -H -s /sbin/nologin"):
        program, *options = attempt.split() or [""]
        path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if path:
            command = [path, *options, SYSTEM_USER]
            made = subprocess.run(  # noqa: S603
                command, capture_output=True, text=True, check=False
            )
            said = made.stderr.strip() or said
        with suppress(KeyError):
            return pwd.getpwnam(SYSTEM_USER)
    raise EmbeddedPostgresError(
        f"PostgreSQL does not run as root, and its user {SYSTEM_USER} could not be made: {said}."
        " Work as a normal user, or set DATABASE_URL."
    )

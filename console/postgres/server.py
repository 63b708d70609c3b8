"""Making, starting and stopping one cluster's server. Who calls this holds the cluster's gate."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO
from urllib.parse import quote

from console.postgres import binaries, locks
from console.postgres.cluster import Cluster, EmbeddedPostgresError

DATABASE = ROLE = "console"
PORT = 5432  # Part of the socket's name; nothing listens on the network.
PATIENCE = 60.0  # seconds for a start, recovery from a crash included, and as much for a stop
PAUSE = 0.01
# How long the other processes of a server whose postmaster is dead may take to find out.
ORPHANS_PATIENCE = 5.0

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
# What these two may lose when the machine (not the server) goes down. Any other is durable.
CLUSTER_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "main": {"synchronous_commit": "off"},
    "test": {
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        # It has nothing to do in tables that live for seconds, and is in the way of dropping them.
        "autovacuum": "off",
    },
}


def url(cluster: Cluster) -> str:
    """Return the DATABASE_URL of the running server: the socket's directory stands as the host."""
    directory = cluster.socket_note.read_text()
    return f"postgres://{ROLE}@{quote(directory, safe='')}:{PORT}/{DATABASE}"


def is_running(cluster: Cluster) -> bool:
    """Tell whether any process of the server lives."""
    return not locks.is_free(cluster.home / "server", alone=False)


def launch(cluster: Cluster, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the server of a cluster that does not run; makes the cluster first if it is new.

    Raises EmbeddedPostgresError.
    """
    programs = binaries.copied_for_the_system_user() if cluster.owner else binaries.packaged()
    if not (cluster.data / "PG_VERSION").exists():
        _make(cluster, programs)
    directory = cluster.socket_directory()
    if _is_postmaster(cluster, _noted_pid(cluster)):
        raise EmbeddedPostgresError(
            f"Somebody else runs a PostgreSQL server on {cluster.data}: stop that one first."
        )
    # No server of ours lives: these were left by a killed one, and its pid may be a stranger's.
    for leftover in (cluster.data / "postmaster.pid", *directory.glob(".s.PGSQL.*")):
        leftover.unlink(missing_ok=True)

    chosen = {**SETTINGS, **CLUSTER_SETTINGS.get(cluster.name, {}), **settings}
    chosen |= {"unix_socket_directories": str(directory), "port": str(PORT)}
    if not _has_room_in_shared_memory():
        chosen.setdefault("dynamic_shared_memory_type", "mmap")
    command = [str(programs / "postgres"), "-D", str(cluster.data)]
    for setting, value in chosen.items():
        command += ["-c", f"{setting}={value}"]
    with cluster.open_log() as log, locks.exclusive(cluster.home / "server") as lock:
        return _spawn(cluster, command, log, inherit=lock)


def wait_for_launch(cluster: Cluster, child: subprocess.Popen[bytes]) -> None:
    """Wait until the server that was just launched is ready. Raises EmbeddedPostgresError."""
    if not wait_until_ready(cluster, child):
        raise EmbeddedPostgresError(
            f"PostgreSQL did not start on {cluster.data}. {cluster.log_tail()}\n"
            "Need these data not be kept? Then `make clean` removes them."
        )


def wait_until_ready(cluster: Cluster, child: subprocess.Popen[bytes] | None = None) -> bool:
    """Wait out a server that is starting or ending. True: it takes connections."""
    started = time.monotonic()
    while is_running(cluster):
        if child:
            child.poll()  # Should it be dead, this buries it.
        note = _pid_file(cluster)
        said_ready = len(note) >= 8 and note[7].strip() == "ready"
        if said_ready and _is_postmaster(cluster, _noted_pid(cluster)):
            return True
        waited = time.monotonic() - started
        if waited > ORPHANS_PATIENCE:
            _end_orphans(cluster)
        if waited > PATIENCE:
            raise EmbeddedPostgresError(
                f"PostgreSQL on {cluster.data} was not ready after {PATIENCE:.0f} seconds."
                f" {cluster.log_tail()}"
            )
        time.sleep(PAUSE)
    if child:
        child.poll()
    return False


def stop(cluster: Cluster, child: subprocess.Popen[bytes] | None = None) -> None:
    """Stop the server, and wait until the last of its processes is gone. None runs: tidy up."""
    started = time.monotonic()
    told = set()
    while is_running(cluster):
        waited = time.monotonic() - started
        if waited > PATIENCE:
            raise EmbeddedPostgresError(
                f"PostgreSQL on {cluster.data} does not stop. {cluster.log_tail()}"
            )
        # A fast shutdown; an immediate one if that takes too long.
        number = signal.SIGINT if waited < PATIENCE / 2 else signal.SIGQUIT
        pid = child.pid if child and child.poll() is None else _noted_pid(cluster)
        if pid and (pid, number) not in told and _is_postmaster(cluster, pid):
            told.add((pid, number))
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if waited > ORPHANS_PATIENCE:
            _end_orphans(cluster)
        time.sleep(PAUSE)
    if child:
        child.wait()
    cluster.remove_socket_directory()


def _make(cluster: Cluster, programs: Path) -> None:
    """Make the cluster and its database, aside at first: what is called `data` is always whole."""
    unfinished = cluster.home / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    cluster.give(unfinished)
    where = ["-D", str(unfinished)]
    locale = ["-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    initdb = [str(programs / "initdb"), *where, *locale, "-U", ROLE, "-A", "trust", "--no-sync"]
    single = [str(programs / "postgres"), "--single", *where, "postgres"]
    with cluster.open_log() as log, tempfile.TemporaryFile() as sql:
        sql.write(f"CREATE DATABASE {DATABASE}\n".encode())
        sql.seek(0)
        if not (_succeeds(cluster, initdb, log) and _succeeds(cluster, single, log, stdin=sql)):
            raise EmbeddedPostgresError(
                f"PostgreSQL could not make a cluster in {unfinished}. {cluster.log_tail()}"
            )
    unfinished.rename(cluster.data)


def _succeeds(
    cluster: Cluster, command: Sequence[str], log: IO[bytes], stdin: IO[bytes] | None = None
) -> bool:
    process = _spawn(cluster, command, log, stdin=stdin)
    try:
        return process.wait() == 0
    except BaseException:  # Ctrl-C does not reach a process in another session.
        process.kill()
        process.wait()
        raise


def _spawn(
    cluster: Cluster,
    command: Sequence[str],
    log: IO[bytes],
    *,
    stdin: IO[bytes] | None = None,
    inherit: int | None = None,
) -> subprocess.Popen[bytes]:
    owner = cluster.owner
    kept = ("PATH", "LD_LIBRARY_PATH")
    try:
        return subprocess.Popen(  # noqa: S603
            command,
            stdin=stdin or subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=cluster.home,
            env={"LC_ALL": "C"} | {key: os.environ[key] for key in kept if key in os.environ},
            pass_fds=() if inherit is None else (inherit,),
            # Ctrl-C in our terminal must not reach the server before its users have left.
            start_new_session=True,
            umask=0o077,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
        )
    except OSError as error:
        whom = f" as {owner.pw_name}" if owner else ""
        raise EmbeddedPostgresError(f"Cannot run {command[0]}{whom}: {error}.") from error


def _pid_file(cluster: Cluster) -> Sequence[str]:
    try:
        return (cluster.data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return ()


def _noted_pid(cluster: Cluster) -> int | None:
    note = _pid_file(cluster)
    return int(note[0]) if note and note[0].isdigit() else None


def _is_postmaster(cluster: Cluster, pid: int | None) -> bool:
    """Tell whether `pid` is this very cluster's postmaster, not a stranger with an old number."""
    if pid is None:
        return False
    data = os.fsencode(cluster.data)
    if Path("/proc/self/cmdline").exists():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return words[0].endswith(b"/postgres") and data in words
    command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    listed = subprocess.run(command, capture_output=True, check=False).stdout  # noqa: S603
    return b"/postgres -D " + data + b" " in listed


def _end_orphans(cluster: Cluster) -> None:
    """Kill what is left of a server whose postmaster is dead.

    They end by themselves, but for one that waits for what a killed one had locked: for ever. Who
    they are, the lock tells: they hold it open. Where there is no /proc, nothing is done.
    """
    if _is_postmaster(cluster, _noted_pid(cluster)):
        return
    for pid in locks.holders(cluster.home / "server"):
        with suppress(OSError):
            if os.readlink(f"/proc/{pid}/exe").endswith("/postgres"):
                os.kill(pid, signal.SIGKILL)


def _has_room_in_shared_memory() -> bool:
    """Tell whether /dev/shm will do for parallel queries; containers often have 64 MB there."""
    try:
        facts = os.statvfs("/dev/shm")  # noqa: S108
    except OSError:
        return True
    return facts.f_bavail * facts.f_frsize >= 512 * 1024 * 1024

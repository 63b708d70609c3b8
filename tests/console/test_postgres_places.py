"""The embedded PostgreSQL: where it lives, who may reach it, and what it refuses."""

import os
import pwd
import shutil
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from console.postgres import (
    EmbeddedPostgresError,
    binaries,
    cluster,
    ensure,
    locks,
    release,
)
from tests.console.postgres_users import (
    PYTHONS,
    SMALL,
    USER,
    User,
    answers,
    joins,
    postmaster,
    socket_directory,
)


def test_nobody_else_can_reach_the_socket(root: Path) -> None:
    directory = socket_directory(ensure("trial", root=root, settings=SMALL))
    facts = directory.stat()
    release("trial", root=root)
    trial = cluster.locate("trial", root)
    assert stat.S_IMODE(facts.st_mode) == 0o700
    assert facts.st_uid == (trial.owner.pw_uid if trial.owner else os.geteuid())


def test_socket_directory_that_others_may_open_is_not_trusted(root: Path) -> None:
    trial = cluster.locate("trial", root)
    trial.make_home()
    planted = root / "planted"
    planted.mkdir()
    planted.chmod(0o777)
    trial.socket_note.write_text(str(planted))
    url = ensure("trial", root=root, settings=SMALL)
    release("trial", root=root)
    assert socket_directory(url) != planted
    assert planted.exists()


def test_deep_checkout_has_a_short_socket(new_root: Path) -> None:
    deep = new_root.joinpath(*["a-rather-long-name-of-a-directory"] * 6)
    url = ensure("trial", root=deep, settings=SMALL)
    assert answers(url)
    release("trial", root=deep)
    assert len(f"{socket_directory(url)}/.s.PGSQL.5432") < 107


def test_refusal_shows_what_the_server_said(root: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="max_connections"):
        ensure("trial", root=root, settings={"max_connections": "many"})
    assert answers(ensure("trial", root=root, settings=SMALL))
    release("trial", root=root)


def test_missing_programs_are_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "PACKAGE", "no_such_package")
    with pytest.raises(EmbeddedPostgresError, match="Set DATABASE_URL"):
        ensure("trial", root=root)
    release("trial", root=root)


@pytest.mark.parametrize("name", ["", "../other", "Main", "a b", "a" * 40])
def test_strange_name_of_a_cluster_is_refused(new_root: Path, name: str) -> None:
    with pytest.raises(EmbeddedPostgresError, match="no name for a cluster"):
        ensure(name, root=new_root)
    assert list(new_root.iterdir()) == []


def test_log_does_not_grow_for_ever(new_root: Path) -> None:
    trial = cluster.locate("trial", new_root)
    trial.make_home()
    trial.log.write_bytes(b"x" * (cluster.LONGEST_LOG + 1))
    ensure("trial", root=new_root, settings=SMALL)
    release("trial", root=new_root)
    assert trial.log.stat().st_size < 100_000


def runs_as(person: pwd.struct_passwd, python: str) -> bool:
    question = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    with suppress(OSError):
        return subprocess.run(question, user=person.pw_uid, cwd="/", check=False).returncode == 0
    return False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_normal_user_has_a_server_of_their_own(new_root: Path, users: list[User]) -> None:
    nobody = pwd.getpwnam("nobody")
    home = new_root / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    # Our checkout and our Python may stand in a home that they cannot enter.
    python = next((path for path in PYTHONS if runs_as(nobody, path)), None)
    if python is None:
        pytest.skip("no Python here that another user can run")
    packages = binaries.copied_for_the_system_user().parents[2]
    shutil.copytree(cluster.CHECKOUT / "console/postgres", home / "console/postgres")
    (home / "console/__init__.py").touch()
    user, url = joins(
        users,
        home,
        script=f"import sys; sys.path[:0] = [{str(home)!r}, {str(packages)!r}]\n" + USER,
        python=python,
        cwd=home,
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert Path(f"/proc/{postmaster(home)}").stat().st_uid == nobody.pw_uid
    assert socket_directory(url).stat().st_uid == nobody.pw_uid
    assert answers(url)
    assert user.leaves() == 0
    assert locks.is_free(home / "trial/server", alone=True)

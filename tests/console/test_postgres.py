"""The embedded PostgreSQL: real servers, real processes, real signals.

Each test has clusters of its own in a directory of its own. Users of a server are other Python
processes that report on a pipe; nothing is decided by how long something took.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import dj_database_url
import psycopg
import pytest

from console.postgres import (
    EmbeddedPostgresError,
    binaries,
    cluster,
    ensure,
    locks,
    release,
    server,
)

# As small as a server can be: there will be several at once.
SMALL = {"shared_buffers": "1MB", "max_connections": "10", "fsync": "off"}

PYTHONS = [sys.executable, *filter(None, map(shutil.which, ["/usr/bin/python3", "python3"]))]

USER = f"""
import sys
from pathlib import Path
from console.postgres import ensure
print(ensure("trial", root=Path(sys.argv[1]), settings={SMALL!r}), flush=True)
sys.stdin.read()
"""


class User:
    """Another process that uses the server, until it is told to leave or is killed."""

    def __init__(
        self, root: Path, script: str = USER, python: str = sys.executable, **spawn: object
    ) -> None:
        self.process = subprocess.Popen(
            [python, "-c", script, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **{"cwd": cluster.CHECKOUT, **spawn},  # type: ignore[call-overload]
        )

    def hears(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def leaves(self) -> int:
        self.process.communicate()
        return self.process.returncode

    def is_killed(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def directory_of_clusters() -> Iterator[Path]:
    """A directory that the server's user reaches, which pytest's own are not as root."""
    made = Path(tempfile.mkdtemp(prefix="test-postgres-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def made_once() -> Iterator[Path]:
    with directory_of_clusters() as made:
        yield made


@pytest.fixture
def root(made_once: Path) -> Iterator[Path]:
    """Where the cluster `trial` lives: the first test makes it, and each leaves it stopped."""
    yield made_once
    release("trial", root=made_once)
    if (made_once / "trial").exists():
        server.stop(cluster.locate("trial", made_once))


@pytest.fixture
def new_root() -> Iterator[Path]:
    """Where no cluster has ever been."""
    with directory_of_clusters() as made:
        yield made


@pytest.fixture
def users(root: Path) -> Iterator[list[User]]:
    """The users of a test, killed after it: none is left by a test that failed."""
    started: list[User] = []
    yield started
    for user in started:
        user.is_killed()


def joins(users: list[User], root: Path, **spawn: object) -> tuple[User, str]:
    user = User(root, **spawn)
    users.append(user)
    url = user.hears()
    assert url, "the server did not start for it"
    return user, url


def is_running(root: Path) -> bool:
    return server.is_running(cluster.locate("trial", root))


def postmaster(root: Path) -> int:
    return int((root / "trial/data/postmaster.pid").read_text().splitlines()[0])


def answers(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def socket_directory(url: str) -> Path:
    return Path(unquote(urlsplit(url).hostname or ""))


def test_server_starts_answers_and_stops(root: Path) -> None:
    url = ensure("trial", root=root, settings=SMALL)
    assert answers(url)
    assert ensure("trial", root=root) == url
    release("trial", root=root)
    assert not is_running(root)
    assert not socket_directory(url).exists()
    release("trial", root=root)


def test_rows_survive_a_stop_and_a_start(root: Path) -> None:
    with psycopg.connect(ensure("trial", root=root, settings=SMALL)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'ك'::text AS letter")
    release("trial", root=root)
    with psycopg.connect(ensure("trial", root=root, settings=SMALL)) as connection:
        assert connection.execute("SELECT letter FROM kept").fetchone() == ("ك",)
    release("trial", root=root)


def test_cluster_speaks_utf8_and_sorts_by_code_points(root: Path) -> None:
    with psycopg.connect(ensure("trial", root=root, settings=SMALL)) as connection:
        found = connection.execute(
            "SELECT datlocprovider, datlocale, pg_encoding_to_char(encoding), 'É' ILIKE 'é'"
            " FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    release("trial", root=root)
    assert found == ("b", "C.UTF-8", "UTF8", True)


def test_django_understands_the_url(root: Path) -> None:
    url = ensure("trial", root=root, settings=SMALL)
    release("trial", root=root)
    config = dj_database_url.parse(url)
    assert config["ENGINE"] == "django.db.backends.postgresql"
    assert config["HOST"] == str(socket_directory(url))
    assert (config["USER"], config["NAME"], config["PORT"]) == ("console", "console", 5432)


def test_last_of_two_users_stops_the_server(root: Path, users: list[User]) -> None:
    first, url = joins(users, root)
    second, same = joins(users, root)
    assert same == url
    assert first.leaves() == 0
    assert answers(url)
    assert second.leaves() == 0
    assert not is_running(root)


def test_users_that_come_and_go_at_once_never_miss_the_server(root: Path) -> None:
    # Starters meet stoppers here: a server that stopped under a newcomer would not answer it.
    script = f"""
import sys
from pathlib import Path
import psycopg
from console.postgres import ensure, release
for _ in range(5):
    url = ensure("trial", root=Path(sys.argv[1]), settings={SMALL!r})
    psycopg.connect(url).execute("SELECT 1")
    release("trial", root=Path(sys.argv[1]))
"""
    crowd = [User(root, script) for _ in range(4)]
    assert [user.leaves() for user in crowd] == [0, 0, 0, 0]
    assert not is_running(root)


def test_killed_user_is_not_counted(root: Path, users: list[User]) -> None:
    killed, url = joins(users, root)
    killed.is_killed()
    assert answers(url), "nobody was there to stop it"
    heir, same = joins(users, root)
    assert same == url
    assert heir.leaves() == 0
    assert not is_running(root)


def test_terminated_manage_command_stops_the_server(root: Path, users: list[User]) -> None:
    script = """
import os, sys
from console import local
os.environ.pop("DATABASE_URL", None)
os.environ["EMBEDDED_POSTGRES_ROOT"] = sys.argv[1]
local.prepare("trial")
print(os.environ["DATABASE_URL"], flush=True)
sys.stdin.read()
"""
    for number in (signal.SIGTERM, signal.SIGHUP):
        user, _ = joins(users, root, script=script)
        user.process.send_signal(number)
        assert user.leaves() == 128 + number
        assert not is_running(root)


def test_forked_child_is_a_user_of_its_own(root: Path, users: list[User]) -> None:
    # Like gunicorn's workers when their master is killed: the child holds it, then stops it.
    script = f"""
import os, sys
from pathlib import Path
from console.postgres import ensure
url = ensure("trial", root=Path(sys.argv[1]), settings={SMALL!r})
if os.fork():
    print(url, flush=True)
    os._exit(0)
sys.stdin.read()
"""
    parent, url = joins(users, root, script=script)
    parent.process.wait()
    assert answers(url)
    parent.leaves()  # closes the child's input, and returns when the child has ended too
    assert not is_running(root)


def test_ending_child_does_not_stop_its_parents_server(root: Path, users: list[User]) -> None:
    script = f"""
import os, sys
from pathlib import Path
from console.postgres import ensure
url = ensure("trial", root=Path(sys.argv[1]), settings={SMALL!r})
child = os.fork()
if not child:
    sys.exit()
os.waitpid(child, 0)
print(url, flush=True)
sys.stdin.read()
"""
    parent, url = joins(users, root, script=script)
    assert answers(url)
    assert parent.leaves() == 0
    assert not is_running(root)


def test_executed_program_does_not_hold_the_server(root: Path, users: list[User]) -> None:
    script = f"""
import subprocess, sys
from pathlib import Path
from console.postgres import ensure
url = ensure("trial", root=Path(sys.argv[1]), settings={SMALL!r})
left = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
print(url, left.pid, flush=True)
sys.stdin.read()
left.returncode = 0
"""
    user, said = joins(users, root, script=script)
    sleeper = int(said.split()[1])
    try:
        assert user.leaves() == 0
        assert not is_running(root)
    finally:
        os.kill(sleeper, signal.SIGKILL)


def test_ctrl_c_does_not_reach_the_server(root: Path, users: list[User]) -> None:
    user, _ = joins(users, root)
    assert os.getsid(postmaster(root)) != os.getsid(user.process.pid)


def test_killed_server_is_started_again(root: Path) -> None:
    url = ensure("trial", root=root, settings=SMALL)
    killed = postmaster(root)
    os.kill(killed, signal.SIGKILL)
    os.waitid(os.P_PID, killed, os.WEXITED | os.WNOWAIT)  # dead, and not yet buried
    assert ensure("trial", root=root, settings=SMALL) == url
    assert postmaster(root) != killed
    assert answers(url)
    release("trial", root=root)
    assert not is_running(root)


def test_old_pid_of_a_stranger_neither_stops_the_start_nor_the_stranger(root: Path) -> None:
    ensure("trial", root=root, settings=SMALL)
    release("trial", root=root)
    trial = cluster.locate("trial", root)
    with subprocess.Popen(["sleep", "600"], user=trial.owner and trial.owner.pw_uid) as stranger:
        try:
            stale = f"{stranger.pid}\n{trial.data}\n1\n5432\n/tmp\n\n 1 1\nready\n"
            (trial.data / "postmaster.pid").write_text(stale)
            server.stop(trial)
            assert stranger.poll() is None
            url = ensure("trial", root=root, settings=SMALL)
            assert postmaster(root) != stranger.pid
            assert answers(url)
            release("trial", root=root)
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_interrupted_making_of_a_cluster_is_begun_again(new_root: Path) -> None:
    trial = cluster.locate("trial", new_root)
    trial.make_home()
    (trial.home / "data.new").mkdir()
    (trial.home / "data.new" / "PG_VERSION").write_text("18\n")
    assert answers(ensure("trial", root=new_root, settings=SMALL))
    release("trial", root=new_root)


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

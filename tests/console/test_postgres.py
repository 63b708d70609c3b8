"""The embedded PostgreSQL: real servers, real processes, real signals.

Each test has clusters of its own in a directory of its own; nothing is decided by how long
something took.
"""

import os
import signal
import subprocess
from functools import partial
from pathlib import Path

import dj_database_url
import psycopg
import pytest

from console.postgres import (
    cluster,
    ensure,
    release,
    server,
)
from tests.console.postgres_users import (
    SMALL,
    User,
    answers,
    is_running,
    joins,
    postmaster,
    socket_directory,
)


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
        # Whoever runs the tests may ignore it, as under nohup, and what they start with them.
        heed = partial(signal.signal, number, signal.SIG_DFL)
        user, _ = joins(users, root, script=script, preexec_fn=heed)
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


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="there is no /proc")
def test_orphan_that_does_not_end_by_itself_does_not_keep_the_server_down(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ORPHANS_PATIENCE", 0.2)
    url = ensure("trial", root=root, settings=SMALL)
    with psycopg.connect(url) as connection:
        orphan = connection.info.backend_pid
        # As one that waits for what a killed process had locked.
        os.kill(orphan, signal.SIGSTOP)
        killed = postmaster(root)
        os.kill(killed, signal.SIGKILL)
        os.waitid(os.P_PID, killed, os.WEXITED | os.WNOWAIT)
        assert answers(ensure("trial", root=root, settings=SMALL))
        connection.close()
    release("trial", root=root)


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

"""``manage.py export_journal``: works, to a file, refused, and interrupted for real."""

from __future__ import annotations

import io
import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import closing
from decimal import Decimal
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from billing import charges
from billing.charges import Charge
from console.postgres import CHECKOUT
from reports.journal import FORMATS
from tests.reports.journals import complaints, enter, export, fill
from tests.threads import wait_until_someone_waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def books(cast):
    fill(cast)
    return cast


def said(journal, reference):
    """The transactions that carry the reference, without their first blank line."""
    return [each for each in journal.split("\n\n") if f"{reference}\n" in each]


def test_an_entry_for_hledger(books):
    [entry] = said(export("hledger"), "reference:m-2")
    day, *lines = entry.split("\n")
    assert day[10:] == " * (nile/5) usage | SMS to Egypt, 1 message"
    assert lines[0].startswith("    ; seq:5, origin:api, posted:20")
    assert lines[0].endswith(", attributed:otp")
    assert lines[1:] == [
        "    ; reference:m-2",
        "    Liabilities:Customers:Nile:Nile  0.000001 EGP == -10892.992499 EGP",
        "    Income:Usage-Revenue:Nile  -0.000001 EGP",
    ]


def test_an_entry_for_beancount(books):
    [entry] = said(export("beancount"), '"m-2"')
    day, *lines = entry.split("\n")
    assert day[10:] == ' * "usage" "SMS to Egypt, 1 message"'
    assert [line for line in lines if "posted" not in line] == [
        "  seq: 5",
        '  origin: "api"',
        '  reference: "m-2"',
        '  attributed: "otp"',
        "  Liabilities:Customers:Nile:Nile  0.000001 EGP",
        "  Income:Usage-Revenue:Nile  -0.000001 EGP",
    ]


def test_who_made_it_and_what_it_was_held_by_are_said(books):
    [goodwill] = said(export("hledger"), "reference:goodwill")
    assert f", by:{books.operator.pk}" in goodwill
    assert "adjustment | Agreed\\u{3b} by phone" in goodwill
    [captured] = said(export("hledger"), "reference:c-1")
    assert ", hold:" in captured
    [captured] = said(export("beancount"), '"c-1"')
    assert '  hold: "' in captured


def test_the_day_and_the_time_are_the_companys(books):
    """Kuwait is three hours ahead: what is posted at 22:30 UTC stands on the day after."""
    late = "2026-05-03T22:30:00.000001+00:00"
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_entry DISABLE TRIGGER entry_append_only")
        cursor.execute(
            "UPDATE billing_entry SET posted_at = %s WHERE holder_id = %s", [late, books.gulf.pk]
        )
        cursor.execute("ALTER TABLE billing_entry ENABLE ALWAYS TRIGGER entry_append_only")
    journal = export("hledger", master="gulf")
    assert "\n2026-05-04 * (gulf/1) payment" in journal
    assert "posted:2026-05-04T01:30:00.000001+03:00" in journal
    assert "(gulf/1)" in export("hledger", master="gulf", first="2026-05-04", last="2026-05-04")
    assert "(gulf/1)" not in export("hledger", master="gulf", last="2026-05-03")


def test_words_that_look_like_a_directive_stay_words(books):
    """A description may hold line ends: it comes from the caller."""
    evil = 'x"\n2026-01-01 * paid\n  Assets:Cash  9 EGP\n  Equity:X\n; \u202e'
    enter(books.nile, "1", description=evil, reference='a;b,c"d\\e')
    for format in FORMATS:
        journal = export(format)
        assert complaints(format, journal) == ""
        assert not any(line.startswith("2026-01-01") for line in journal.split("\n"))
        assert "\u202e" not in journal


def test_a_file_is_written_and_replaced(books, tmp_path, capsys):
    place = tmp_path / "nile.journal"
    place.write_text("old")
    linked = tmp_path / "latest"
    linked.symlink_to(place)
    call_command("export_journal", master="nile", format="hledger", output=str(linked))
    assert place.read_text() == export("hledger")
    assert linked.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["latest", "nile.journal"]
    assert capsys.readouterr().out == f"21 entries of nile are in {linked}.\n"
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(place.stat().st_mode) == 0o666 & ~umask


def test_a_file_that_cannot_be_written_whole_is_left_as_it_was(books, tmp_path, monkeypatch):
    place = tmp_path / "nile.journal"
    place.write_text("old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CommandError, match=r"Cannot write .*: No space left on device\."):
        call_command("export_journal", master="nile", format="hledger", output=str(place))
    assert place.read_text() == "old"
    assert os.listdir(tmp_path) == ["nile.journal"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"master": "nobody"}, "There is no master account with the code 'nobody'."),
        ({"master": "marketing"}, "There is no master account with the code 'marketing'."),
        ({"first": "2026-10-32"}, "--from '2026-10-32' is not a day: write year-month-day"),
        ({"last": "20261031"}, "--to '20261031' is not a day"),
        ({"last": "2026-W44-6"}, "--to '2026-W44-6' is not a day"),
        ({"first": "\u0662026-10-01"}, "is not a day"),
        ({"first": "2026-10-01\n"}, "is not a day"),
        ({"first": ""}, "--from '' is not a day"),
        ({"first": "0001-01-01"}, "--from 0001-01-01: choose a day from 2000-01-01 to"),
        ({"last": "9999-12-31"}, "--to 9999-12-31: choose a day from 2000-01-01 to 2099-12-31"),
        (
            {"first": "2026-10-02", "last": "2026-10-01"},
            "--to 2026-10-01 is before --from 2026-10-02.",
        ),
        ({"output": "/nowhere/nile.journal"}, "No such file or directory."),
        ({"output": "/etc/hostname/nile.journal"}, "Not a directory."),
        ({"output": "/tmp"}, "/tmp is not a file: name another --output."),
        ({"output": "/dev/null"}, "/dev/null is not a file: name another --output."),
        ({"output": f"/tmp/{'x' * 300}"}, "File name too long."),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(books, options, sentence):
    out = io.StringIO()
    with pytest.raises(CommandError) as refused:
        call_command(
            "export_journal", **({"master": "nile", "format": "hledger", "stdout": out} | options)
        )
    assert sentence in str(refused.value)
    assert refused.value.returncode == 2
    assert out.getvalue() == ""


def test_the_first_and_the_last_possible_day_are_days(books):
    for format in FORMATS:
        journal = export(format, first="2000-01-01", last="2099-12-31")
        assert complaints(format, journal) == ""


@pytest.fixture
def command():
    """Starts the real command on the test's database."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    url = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
    started = []

    def start(*arguments, **environment):
        process = subprocess.Popen(
            [sys.executable, str(CHECKOUT / "manage.py"), "export_journal", *arguments],
            env=os.environ | {"DATABASE_URL": url} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def long_books(cast):
    """More than a pipe holds."""
    usage = [
        Charge(cast.nile.pk, Decimal("0.01"), f"m-{number}", "SMS to Egypt, رسالة")
        for number in range(5_000)
    ]
    charges.charge_many(master=cast.nile.pk, charges=usage)
    return cast


def test_a_reader_that_has_seen_enough_ends_it_quietly(long_books, command):
    process = command("--master=nile", "--format=hledger")
    assert process.stdout.read(100)
    process.stdout.close()
    assert process.wait(timeout=30) == 128 + signal.SIGPIPE
    assert process.stderr.read() == b""


def test_ctrl_c_ends_it_quietly(long_books, command):
    process = command("--master=nile", "--format=beancount")
    assert process.stdout.read(100)
    process.send_signal(signal.SIGINT)
    _, complained = process.communicate(timeout=30)
    assert (process.returncode, complained) == (128 + signal.SIGINT, b"")


def test_ctrl_c_leaves_no_file(cast, command, tmp_path):
    other = connection.copy()
    other.set_autocommit(False)
    with closing(other), other.cursor() as cursor:
        cursor.execute("LOCK TABLE billing_entry")
        process = command(
            "--master=nile", "--format=hledger", f"--output={tmp_path / 'nile.journal'}"
        )
        deadline = time.monotonic() + 60
        while not os.listdir(tmp_path):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        wait_until_someone_waits_for_a_lock()
        process.send_signal(signal.SIGINT)
        _, complained = process.communicate(timeout=30)
    assert (process.returncode, complained) == (128 + signal.SIGINT, b"")
    assert os.listdir(tmp_path) == []


def test_it_is_utf_8_whatever_the_locale_says(cast, command):
    enter(cast.nile, "1", description="رسالة")
    process = command(
        "--master=nile", "--format=hledger", LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0"
    )
    journal, complained = process.communicate(timeout=30)
    assert (process.returncode, complained) == (0, b"")
    assert complaints("hledger", journal.decode()) == ""
    assert "رسالة" in journal.decode()

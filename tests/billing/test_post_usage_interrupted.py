"""``manage.py post_usage`` killed half way, interrupted, and run twice at once, for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from billing import usage_import
from billing.models import Entry
from console.postgres import CHECKOUT
from tests.billing.test_post_usage import HEADER, counts, imported, rows, run
from tests.factories import make_cast


@pytest.fixture
def feed(transactional_db, tmp_path):
    """Starts post_usage with the rows that are there so far, and waits until a batch is posted."""
    make_cast()
    parts = urlsplit(os.environ["DATABASE_URL"])
    url = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
    started = []

    def start(content):
        process = subprocess.Popen(
            [sys.executable, str(CHECKOUT / "manage.py"), "post_usage", "-", "--master=nile"],
            cwd=tmp_path,
            env=os.environ | {"DATABASE_URL": url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        process.stdin.write(content)
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not imported().exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def half():
    """More than a batch, and less than two."""
    return usage_import.BATCH + usage_import.BATCH // 2


def test_killed_half_way_the_next_run_completes_it(feed, half, tmp_path):
    process = feed(HEADER + rows(range(half)))
    process.kill()
    assert process.wait() == -signal.SIGKILL
    # Whole batches, and nothing of the one that was being read.
    assert imported().count() == usage_import.BATCH
    path = tmp_path / "usage.csv"
    path.write_text(HEADER + rows(range(2 * half)))
    code, said, _ = run(path)
    assert (code, counts(said)) == (
        0,
        (2 * half - usage_import.BATCH, usage_import.BATCH, 0, 0),
    )
    master = Entry.objects.filter(reference="m-0").get().master_id
    entries = Entry.objects.filter(master=master, account__code="marketing").order_by("seq")
    assert [entry.seq for entry in entries] == list(range(1, 2 * half + 2))
    assert entries.last().balance_after == 500 - Decimal("0.01") * 2 * half


def test_ctrl_c_ends_it_in_order_with_the_counts_so_far(feed, half):
    process = feed(HEADER + rows(range(half)))
    # If the batch is committed and not yet counted, it is counted first.
    process.send_signal(signal.SIGINT)
    said, complained = process.communicate(timeout=30)
    assert process.returncode == 130
    assert counts(said)[0] == imported().count() == usage_import.BATCH
    assert "Interrupted. Run it again to post the rest." in complained
    assert "Traceback" not in complained


def test_two_runs_of_one_file_at_once_post_it_once(feed, half):
    first = feed(HEADER + rows(range(half)))
    second = feed(HEADER + rows(range(half)))
    totals = []
    for process in (first, second):
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        totals.append(counts(said))
    assert sum(posted for posted, *_ in totals) == half == imported().count()
    assert sum(replayed for _, replayed, *_ in totals) == half

"""Exports in the background: made by a worker, followed, cancelled, killed, kept and removed."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection
from django.db.models import F
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.access import access_or_404
from accounts.models import Membership, Role
from console.postgres import CHECKOUT
from reports import export_jobs, export_mails
from reports.exports import base, comma_separated
from reports.models import Export, ExportState, exports_storage
from tests.billing.test_tasks import (  # noqa: F401 - a fixture
    database_url,
    no_job_by_itself,
    wait_until,
    work,
)
from tests.factories import make_member
from tests.reports.exports import csv_rows, made
from tests.reports.journals import fill
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def order(user, format="csv", query="", key=None) -> Export:
    export, _is_new = export_jobs.order(
        access=access_or_404(user, "nile"),
        format=format,
        query=query,
        key=key or uuid4(),
        rows=None,
    )
    return export


def fresh(export: Export) -> Export:
    return Export.objects.get(pk=export.pk)


def content_of(export: Export) -> bytes:
    with exports_storage().open(export.file) as file:
        return file.read()


def files(settings) -> list[str]:
    return [str(each) for each in settings.EXPORTS_ROOT.rglob("*") if each.is_file()]


def test_a_worker_makes_the_file_and_mails_its_owner_once(cast):
    fill(cast)
    export = order(cast.finance)
    work()
    export = fresh(export)
    assert export.state == ExportState.READY
    content = content_of(export)
    assert content == made(cast.finance, "csv")
    assert export.size == len(content)
    assert export.sha256 == hashlib.sha256(content).hexdigest()
    assert export.rows_done == export.rows_total == len(csv_rows(content))
    assert export.expires_at - export.finished_at == timedelta(days=7)
    [letter] = mail.outbox
    assert letter.to == [cast.finance.email]
    assert f"/accounts/nile/exports/{export.pk}/file/" in letter.body
    assert export.file_name in letter.subject
    assert not export_mails.send(str(export.pk))
    # A worker that comes back from the dead leaves it as it is.
    assert export_jobs.make(str(export.pk)) == ExportState.READY
    assert fresh(export).attempt == 1


def test_the_rights_of_the_moment_in_which_it_is_made_decide(cast):
    lost, narrowed = order(cast.member), order(cast.marketing_admin)
    elsewhere = make_member(cast.retail, Role.MEMBER, "elsewhere@nile.example")
    demoted = order(cast.admin)
    Membership.objects.filter(user=cast.member).delete()
    Membership.objects.filter(user=cast.admin).delete()
    Membership.objects.create(user=cast.admin, account=cast.retail, role=Role.MEMBER)
    query = f"account={cast.marketing.pk}"
    Membership.objects.filter(user=elsewhere).update(account=cast.marketing)
    moved = order(elsewhere, query=query)
    Membership.objects.filter(user=elsewhere).update(account=cast.retail)
    for export in (lost, narrowed, demoted, moved):
        export_jobs.make(str(export.pk))
    assert fresh(lost).state == fresh(moved).state == ExportState.FAILED
    assert "may not see" in fresh(lost).error
    assert fresh(narrowed).state == ExportState.READY
    content = content_of(fresh(demoted))
    assert {row[4] for row in csv_rows(content)} == {"retail"}
    assert fresh(demoted).reach == "accounts"


class Gate:
    """Holds an export up between two rows until the test says so."""

    def __init__(self, monkeypatch) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(comma_separated, "STEP", 1)
        monkeypatch.setattr(export_jobs, "PACE", 0)
        beat = export_jobs._Heart.beat

        def held(heart, done):
            beat(heart, done)
            self.reached.set()
            assert self.go_on.wait(30)

        monkeypatch.setattr(export_jobs._Heart, "beat", held)


def test_progress_is_seen_meanwhile_and_cancelling_leaves_no_file(cast, settings, monkeypatch):
    fill(cast)
    export, gate = order(cast.finance), Gate(monkeypatch)

    def make():
        try:
            return export_jobs.make(str(export.pk))
        finally:
            connection.close()

    def cancel():
        try:
            assert gate.reached.wait(30)
            seen = fresh(export)
            cancelled = export_jobs.cancel(export), export_jobs.cancel(export)
            gate.go_on.set()
            return seen, cancelled
        finally:
            connection.close()

    state, (seen, cancelled) = at_once(make, cancel)
    assert (seen.state, seen.rows_done) == (ExportState.RUNNING, 1)
    assert cancelled == (True, False)
    assert state == ExportState.CANCELLED
    assert files(settings) == []
    assert mail.outbox == []


def test_of_two_workers_that_make_the_same_only_the_later_finishes(cast, settings, monkeypatch):
    fill(cast)
    export, gate = order(cast.finance), Gate(monkeypatch)

    def first():
        try:
            return export_jobs.make(str(export.pk))
        finally:
            connection.close()

    def second():
        try:
            assert gate.reached.wait(30)
            gate.go_on.set()
            return export_jobs.make(str(export.pk))
        finally:
            connection.close()

    at_once(first, second)
    export = fresh(export)
    assert (export.state, export.attempt) == (ExportState.READY, 2)
    assert len(files(settings)) == 1
    assert content_of(export) == made(cast.finance, "csv")


KILLED = """
import os, signal, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "console.settings"
import django
django.setup()
from django.conf import settings
from pathlib import Path
settings.EXPORTS_ROOT = Path(sys.argv[2])
from reports import export_jobs
from reports.exports import comma_separated
comma_separated.STEP = 1
heart = export_jobs._Heart.__call__
def die(self, done):
    if done == 3:
        print("dying", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    heart(self, done)
export_jobs._Heart.__call__ = die
export_jobs.make(sys.argv[1])
"""


def test_killed_in_the_middle_it_is_made_anew_and_whole(cast, settings):
    fill(cast)
    export = order(cast.finance)
    dead = subprocess.run(
        [sys.executable, "-c", KILLED, str(export.pk), str(settings.EXPORTS_ROOT)],
        cwd=CHECKOUT,
        env=os.environ | {"DATABASE_URL": database_url()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert dead.returncode == -signal.SIGKILL, dead.stderr
    assert fresh(export).state == ExportState.RUNNING
    [draft] = files(settings)
    assert export_jobs.make(str(export.pk)) == ExportState.READY
    export = fresh(export)
    assert export.attempt == 2
    assert content_of(export) == made(cast.finance, "csv")
    # What the dead one left goes an hour later.
    os.utime(draft, (0, 0))
    export_jobs.clear_away()
    assert files(settings) == [exports_storage().path(export.file)]


def test_trouble_of_our_own_is_told_and_leaves_nothing(cast, settings, monkeypatch):
    export = order(cast.finance, "json")
    monkeypatch.setattr(base, "read_rows", lambda scope, entries: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_jobs.make(str(export.pk))
    export = fresh(export)
    assert export.state == ExportState.FAILED
    assert "Something went wrong" in export.error
    assert files(settings) == []


def test_five_may_wait_and_the_sixth_is_told_so_even_at_the_same_moment(cast):
    for _ in range(4):
        order(cast.finance)

    def sixth():
        try:
            return order(cast.finance)
        except export_jobs.TooManyExports as refusal:
            return refusal.message

    answers = at_once(sixth, sixth)
    assert sorted(type(each).__name__ for each in answers) == ["Export", "str"]
    assert Export.objects.count() == 5
    assert ProcrastinateJob.objects.filter(task_name=export_jobs.MAKE).count() == 5
    order(cast.admin)


def test_after_seven_days_the_file_goes_and_after_thirty_more_its_row(cast, settings):
    export, kept = order(cast.finance), order(cast.finance)
    for each in (export, kept):
        export_jobs.make(str(each.pk))
    Export.objects.filter(pk=export.pk).update(expires_at=F("finished_at"))
    assert export_jobs.clear_away() == 1
    assert export_jobs.clear_away() == 0
    assert fresh(export).state == ExportState.EXPIRED
    assert files(settings) == [exports_storage().path(fresh(kept).file)]
    long_ago = timedelta(days=31)
    Export.objects.filter(pk=export.pk).update(
        created_at=F("created_at") - long_ago, finished_at=F("finished_at") - long_ago
    )
    export_jobs.clear_away()
    assert list(Export.objects.all()) == [kept]


def test_an_export_whose_worker_never_came_back_is_given_up(cast):
    export = order(cast.finance)
    export_jobs._begin(str(export.pk))
    export_jobs.clear_away()
    assert fresh(export).state == ExportState.RUNNING
    Export.objects.update(touched_at=F("touched_at") - timedelta(hours=2))
    export_jobs.clear_away()
    assert fresh(export).state == ExportState.FAILED
    assert "no end" in fresh(export).error


def test_no_mail_goes_to_who_may_not_fetch_it_any_more(cast):
    export = order(cast.admin)
    export_jobs.make(str(export.pk))
    Membership.objects.filter(user=cast.admin).delete()
    assert not export_mails.send(str(export.pk))
    assert mail.outbox == []

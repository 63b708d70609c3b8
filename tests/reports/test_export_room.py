"""How much of kept exports there is room for, and which of them give way."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils import timezone

from reports import export_jobs, export_room
from reports.models import KEPT, Export, ExportState, exports_storage
from tests.reports.exports import client_of
from tests.reports.journals import fill
from tests.reports.test_exports_background import content_of, files, fresh, order

pytestmark = pytest.mark.django_db(transaction=True)

MEGABYTE = export_room.MEGABYTE


def kept(user, master, *, size: int, minutes_ago: int) -> Export:
    """A file that was made then; on the disk it is smaller than its row says."""
    made_at = timezone.now() - timedelta(minutes=minutes_ago)
    export = Export(
        master=master,
        user=user,
        format="csv",
        language="en",
        reach="tree",
        file_name=f"of {minutes_ago} minutes ago.csv",
        size=size,
        sha256=hashlib.sha256(b"").hexdigest(),
        state=ExportState.READY,
        created_at=made_at,
        finished_at=made_at,
        expires_at=made_at + KEPT,
    )
    export.file = exports_storage().save(f"{master.pk}/{export.pk}.1", ContentFile(b"rows"))
    export.save()
    return export


def ready(*exports: Export) -> list[bool]:
    return [fresh(each).state == ExportState.READY for each in exports]


def test_a_new_file_makes_its_own_persons_oldest_give_way_and_nobody_elses(cast, settings):
    fill(cast)
    settings.EXPORTS_PERSON_MB = 3
    oldest = kept(cast.finance, cast.nile, size=2 * MEGABYTE, minutes_ago=60)
    newer = kept(cast.finance, cast.nile, size=2 * MEGABYTE, minutes_ago=30)
    others = kept(cast.admin, cast.nile, size=3 * MEGABYTE, minutes_ago=90)
    elsewhere = kept(cast.operator, cast.gulf, size=3 * MEGABYTE, minutes_ago=90)
    made = order(cast.finance)
    assert export_jobs.make(str(made.pk)) == ExportState.READY
    assert ready(made, newer, others, elsewhere) == [True] * 4
    gone = fresh(oldest)
    assert (gone.state, gone.file, gone.gave_way) == (ExportState.EXPIRED, "", True)
    assert len(files(settings)) == 4
    page = client_of(cast.finance).get(reverse("export-list", args=["nile"])).content.decode()
    assert page.count("It made room for newer files.") == 1


def test_a_company_has_no_more_than_its_room_whoever_ordered(cast, settings):
    settings.EXPORTS_PERSON_MB, settings.EXPORTS_COMPANY_MB = 3, 4
    first = kept(cast.finance, cast.nile, size=2 * MEGABYTE, minutes_ago=60)
    second = kept(cast.admin, cast.nile, size=2 * MEGABYTE, minutes_ago=30)
    third = kept(cast.member, cast.nile, size=2 * MEGABYTE, minutes_ago=10)
    elsewhere = kept(cast.operator, cast.gulf, size=3 * MEGABYTE, minutes_ago=90)
    # Where a worker was killed between the file and the room for it, the hourly job makes it.
    assert export_jobs.clear_away() == 1
    assert ready(first, second, third, elsewhere) == [False, True, True, True]
    assert export_jobs.clear_away() == 0


def test_a_file_larger_than_all_room_is_not_made_and_leaves_nothing(cast, settings, monkeypatch):
    monkeypatch.setattr(export_room, "MEGABYTE", 100)
    settings.EXPORTS_PERSON_MB = 1
    fill(cast)
    for format in ("csv", "xlsx", "pdf"):
        made = order(cast.finance, format)
        assert export_jobs.make(str(made.pk)) == ExportState.FAILED
        assert "larger than 100\N{NO-BREAK SPACE}bytes" in fresh(made).error
    assert files(settings) == []
    settings.EXPORTS_PERSON_MB = 1_000
    again = order(cast.finance)
    assert export_jobs.make(str(again.pk)) == ExportState.READY
    assert content_of(fresh(again))


def test_all_that_are_kept_are_listed_though_many_failed_since(cast, settings, monkeypatch):
    monkeypatch.setattr(export_room, "MOST_KEPT", 3)
    monkeypatch.setattr("reports.views.exports.MOST_WITHOUT_FILE", 2)
    made = [kept(cast.finance, cast.nile, size=1, minutes_ago=at) for at in (50, 40, 30, 20)]
    for _ in range(3):
        export_jobs.cancel(order(cast.finance))
    assert export_room.make_room(cast.nile.pk) == 1
    page = client_of(cast.finance).get(reverse("export-list", args=["nile"])).content.decode()
    assert ready(*made) == [False, True, True, True]
    for export in made[1:]:
        assert f'id="export-file-{export.pk}"' in page
    # Of those without a file only the newest.
    assert made[0].file_name not in page


def test_before_the_first_rows_the_state_is_told_in_words_and_no_percent(cast):
    made = order(cast.finance, "pdf")
    rows = Export.objects.filter(pk=made.pk)
    running = {"state": ExportState.RUNNING, "attempt": 1, "rows_total": 1_000}
    rows.update(**running, started_at=timezone.now(), touched_at=timezone.now())

    def page() -> str:
        return client_of(cast.finance).get(reverse("export-list", args=["nile"])).content.decode()

    assert "the first pages set" in page()
    assert "0 %" not in page()
    rows.update(rows_done=400)
    assert "40 %" in page()
    rows.update(rows_done=1_000)
    assert "99 %: the pages are bound and numbered" in page()

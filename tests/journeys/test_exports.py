"""From a filter to a large export: ordered, watched while it is made, left, and fetched."""

from __future__ import annotations

import re
import threading
from dataclasses import replace

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from reports import export_jobs
from reports.exports import FORMATS, comma_separated
from reports.models import Export
from tests.reports.exports import csv_rows, made
from tests.reports.journals import fill

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_large_export_is_watched_while_it_is_made_and_then_fetched(
    page: Page, cast, live_server, sign_in, look, monkeypatch
):
    fill(cast)
    # What is large begins at one row here, and the worker waits for us between two of them.
    monkeypatch.setitem(FORMATS, "csv", replace(FORMATS["csv"], most_at_once=0))
    monkeypatch.setattr(comma_separated, "STEP", 1)
    monkeypatch.setattr(export_jobs, "PACE", 0)
    reached, go_on = threading.Event(), threading.Event()
    beat = export_jobs._Heart.beat

    def held(heart, done):
        beat(heart, done)
        if done == 2:
            reached.set()
            assert go_on.wait(60)

    monkeypatch.setattr(export_jobs._Heart, "beat", held)

    sign_in(page, cast.finance)
    page.get_by_role("link", name="Exports").first.click()
    expect(page.get_by_text("No exports yet")).to_be_visible()
    look(page, "exports-empty")
    page.get_by_role("link", name="Go to the transactions").click()

    # The filter swaps a part of the page only; the export is of what is shown now.
    page.get_by_role("group", name="Kinds").locator("summary").click()
    page.get_by_label("Usage").check()
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page).to_have_url(re.compile("kind=usage"))
    menu = page.locator("#export-menu")
    menu.locator("summary").click()
    look(page, "exports-menu")

    # A small file comes at once.
    with page.expect_download() as small:
        menu.get_by_role("button", name="JSON").click()
    assert small.value.suggested_filename == "Nile Retail Group transactions all days.json"
    menu.locator("summary").click()
    menu.get_by_role("button", name="CSV").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Exports")
    expect(page.get_by_text("The file is being made.")).to_be_visible()
    export = Export.objects.get()
    assert export.query == "kind=usage"

    def work() -> None:
        try:
            export_jobs.make(str(export.pk))
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert reached.wait(30)
        # By itself, without a click.
        bar = page.get_by_role("progressbar")
        expect(bar).to_be_visible()
        expect(page.get_by_text(f"2 of {export.rows_total}")).to_be_visible()
        look(page, "exports-running")
    finally:
        go_on.set()
        worker.join()
    download = page.get_by_role("link", name="Download")
    expect(download).to_be_visible()
    expect(bar).to_have_count(0)
    expect(page.locator("#export-table[hx-get]")).to_have_count(0)
    look(page, "exports-ready")
    with page.expect_download() as large:
        download.click()
    content = large.value.path().read_bytes()
    assert content == made(cast.finance, "csv", "kind=usage")
    assert {row[8] for row in csv_rows(content)} == {"usage"}

    # What cannot be told as a bank statement is said, with the way back to the same filter.
    page.goto(f"{live_server.url}/accounts/nile/transactions/?kind=usage")
    menu.locator("summary").click()
    menu.get_by_role("button", name="camt.053").click()
    expect(page.get_by_role("alert").first).to_contain_text("a first and a last day")
    look(page, "exports-refused")
    page.get_by_role("link", name="Back to the filter").click()
    expect(page).to_have_url(re.compile("kind=usage"))

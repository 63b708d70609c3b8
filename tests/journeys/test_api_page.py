"""The page of the API: read by a newcomer, tried out with a key, in a browser under our policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from accounts import api_keys
from accounts.models import Scope
from billing.models import Entry, Origin
from tests.journeys.conftest import SCREENSHOTS, TAKES_PICTURES

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_newcomer_reads_the_page_and_charges_by_it(page: Page, cast, live_server, calm):
    """Everything comes from here, nothing is refused by the Content-Security-Policy."""
    foreign = []
    page.on(
        "request",
        lambda request: (
            request.url.startswith((live_server.url, "data:")) or foreign.append(request.url)
        ),
    )
    page.goto(f"{live_server.url}/api/v1/docs")
    expect(page.get_by_role("heading", name="Credit console")).to_be_visible()
    for summary in ("What an account can spend", "Charge up to 5,000 usages", "Hold credit"):
        expect(page.get_by_text(summary, exact=True)).to_be_visible()
    if TAKES_PICTURES:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / "api.png", full_page=True)

    _row, key = api_keys.create(name="newcomer", scopes=list(Scope), master=cast.nile)
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_label("Value").fill(key)
    page.get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close").last.click()

    operation = page.locator(".opblock").filter(has_text="Charge one usage")
    operation.get_by_text("Charge one usage").click()
    # Each error with its example, 402 among them.
    expect(operation.get_by_text("The available balance is too low").first).to_be_visible()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table").get_by_text("201").first).to_be_visible()
    operation.scroll_into_view_if_needed()
    if TAKES_PICTURES:
        operation.screenshot(path=SCREENSHOTS / "api-charge.png")
    assert Entry.objects.get(origin=Origin.API).reference == "msg-17"
    assert foreign == []

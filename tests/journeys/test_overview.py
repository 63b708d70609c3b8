"""The overview in a real browser: chart, table of it, sorting, and figures that stay fresh."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Page, Response, expect

from billing import caps
from tests.console.overview import spend
from tests.factories import Cast, give, make_subaccount, set_limit

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = ["Alexandria", "Aswan", "Giza", "Luxor", "Mansoura", "Port Said", "Suez", "Tanta"]


def lively(cast: Cast) -> None:
    """Branches that have spent for weeks, each at its own pace; a cap that is used up."""
    now = datetime.now(UTC)
    for number, name in enumerate(NAMES):
        branch = make_subaccount(cast.nile, name.lower().replace(" ", "-"), name=name)
        for ago in range(45, 0, -1):
            if (ago + number) % 7 > number % 3:
                amount = f"{5 + (ago * 7 + number * 13) % 29}.25"
                spend(branch, amount, moment=now - timedelta(days=ago))
        give(branch, "2500")
    caps.change(account=cast.otp, cap=Decimal(40))
    spend(cast.otp, "40")
    set_limit(cast.nile, "500")


def ask(page: Page) -> Response:
    """What the page does by itself every few seconds, now; the answer."""
    address = page.url.split("#")[0]
    with page.expect_response(
        lambda response: (
            response.url == address
            and response.request.headers.get("hx-target") == "overview-refresh"
        )
    ) as caught:
        page.evaluate("() => htmx.trigger('#overview-refresh', 'refresh')")
    page.wait_for_timeout(100)
    return caught.value


def available(page: Page):
    return page.get_by_role("region", name="Balance of the master account")


def test_the_chart_its_periods_and_its_table(page: Page, cast, live_server, sign_in, look):
    lively(cast)
    sign_in(page, cast.admin)
    look(page, "overview-lively")
    chart = page.locator("#chart")
    expect(chart.get_by_role("img")).to_have_attribute("aria-label", re.compile("10,460|now 9,9"))

    # The period is in the address, the focus stays, and Back goes back.
    year = chart.get_by_role("link", name="1 year")
    year.focus()
    page.keyboard.press("Enter")
    expect(chart.get_by_role("heading")).to_contain_text("Credit over 1 year")
    expect(page).to_have_url(re.compile(r"\?days=365$"))
    expect(year).to_be_focused()
    look(page, "overview-year")

    chart.get_by_role("link", name="Table").click()
    rows = chart.get_by_role("row")
    expect(rows).to_have_count(366)
    expect(rows.nth(1)).to_contain_text("Now")
    expect(rows.nth(1)).to_contain_text("9,960.00")
    expect(page).to_have_url(re.compile(r"days=365&chart=table$"))
    look(page, "overview-chart-table")

    # Searching keeps what the chart shows.
    page.get_by_label("Search subaccounts").fill("giza")
    expect(page.locator("#subaccount-table tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("days=365"))
    page.reload()
    expect(rows).to_have_count(366)
    page.go_back()
    expect(chart.get_by_role("img")).to_be_visible()


def test_the_table_sorts_and_the_row_leads_to_its_page(
    page: Page, cast, live_server, sign_in, look
):
    lively(cast)
    sign_in(page, cast.admin)
    table = page.locator("#subaccount-table")
    table.get_by_role("link", name="Against").click()
    expect(table.locator("th[aria-sort]")).to_contain_text("Against")
    expect(page).to_have_url(re.compile("sort=-change"))
    table.get_by_role("link", name="Balance", exact=True).click()
    expect(table.locator("th[aria-sort]")).to_contain_text("Balance")
    table.get_by_role("link", name="Giza").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Giza")
    expect(page.locator("#chart").get_by_role("img")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Runway")
    look(page, "account-chart")
    page.locator("#chart").get_by_role("link", name="30 days").click()
    expect(page.locator("#chart")).to_contain_text("Credit over 30 days")


def test_figures_refresh_without_taking_focus_scroll_or_what_is_typed(
    page: Page, cast, live_server, sign_in, calm
):
    lively(cast)
    sign_in(page, cast.admin)
    assert ask(page).status == 304
    expect(available(page)).to_contain_text("10,460.00")

    # Typing: the search runs, and the refresh in between brings the new balance.
    search = page.get_by_label("Search subaccounts")
    search.press_sequentially("a")
    expect(page.locator("#subaccount-table .table-note")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?q=a"))
    page.evaluate("() => scrollTo(0, 300)")
    before = page.evaluate("() => scrollY")
    give(cast.nile, "1000")
    # Not sent yet: the search waits for a pause.
    page.keyboard.type("l")
    assert ask(page).status == 200
    expect(available(page)).to_contain_text("11,460.00")
    expect(search).to_be_focused()
    expect(search).to_have_value("al")
    assert page.evaluate("() => document.activeElement.selectionStart") == 2
    assert page.evaluate("() => scrollY") == before
    expect(page).to_have_url(re.compile(r"\?q=al"))
    assert ask(page).status in {200, 304}
    assert ask(page).status == 304
    # Nothing is read aloud, and nothing looks like trouble.
    assert "11,460" not in page.locator("#announcer").inner_text()
    expect(page.locator("#overview-stale")).to_be_hidden()

    # The link with the focus keeps it, though its part has new figures.
    page.goto(f"{live_server.url}/accounts/nile/?sort=name")
    link = page.locator("#spent-giza")
    link.focus()
    spend(cast.nile, "1")
    spend(make_subaccount(cast.nile, "fayoum"), "3.5")
    assert ask(page).status == 200
    expect(page.locator("#subaccount-table")).to_contain_text("Fayoum")
    expect(link).to_be_focused()
    assert ask(page).status == 304

    # What is marked to be copied stays as it is; it catches up afterwards.
    page.evaluate(
        "() => getSelection().selectAllChildren(document.querySelector('#last-movements h2'))"
    )
    give(cast.nile, "77")
    assert ask(page).status == 200
    expect(available(page)).to_contain_text("11,536.00")
    expect(page.locator("#last-movements")).not_to_contain_text("+77.00")
    assert "Last movements" in page.evaluate("() => getSelection().toString()")
    page.evaluate("() => getSelection().removeAllRanges()")
    assert ask(page).status == 200
    expect(page.locator("#last-movements")).to_contain_text("+77.00")
    assert ask(page).status == 304


def test_a_table_on_a_phone_stays_where_it_was_scrolled_to(page: Page, cast, live_server, sign_in):
    sign_in(page, cast.admin)
    page.goto(f"{live_server.url}/accounts/nile/?chart=table")
    page.evaluate("() => document.getElementById('chart-region').scrollTo(0, 400)")
    give(cast.nile, "5")
    assert ask(page).status == 200
    expect(page.locator("#chart")).to_contain_text("10,005.00")
    assert page.evaluate("() => document.getElementById('chart-region').scrollTop") == 400


def test_it_asks_by_itself_while_it_is_looked_at(page: Page, cast, live_server, sign_in):
    page.clock.install()
    sign_in(page, cast.admin)
    asked: list[int] = []
    page.on(
        "response",
        lambda response: (
            asked.append(response.status)
            if response.request.headers.get("hx-target") == "overview-refresh"
            else None
        ),
    )
    page.clock.run_for(14_000)
    assert asked == []
    with page.expect_response(lambda response: response.status == 304) as quiet:
        page.clock.run_for(2_000)
    # It does not count as somebody being there.
    assert quiet.value.request.headers["x-by-itself"] == "1"
    give(cast.nile, "1")
    with page.expect_response(lambda response: response.status == 200):
        page.clock.run_for(15_000)
    expect(available(page)).to_contain_text("10,001.00")
    assert asked == [304, 200]


def test_without_an_answer_or_signed_out_it_says_so_quietly(
    page: Page, cast, live_server, sign_in
):
    sign_in(page, cast.admin)
    stale = page.locator("#overview-stale")
    trouble = page.locator("#trouble")
    trigger = "() => htmx.trigger('#overview-refresh', 'refresh')"

    page.context.set_offline(True)
    page.evaluate(trigger)
    expect(stale).to_be_visible()
    expect(stale).to_contain_text(re.compile(r"Not refreshed since \d\d:\d\d"))
    expect(trouble).to_be_hidden()
    page.context.set_offline(False)
    assert ask(page).status == 304
    expect(stale).to_be_hidden()

    # A gateway in between that is down.
    page.route("**/accounts/nile/", lambda route: route.fulfill(status=502, body="down"))
    page.evaluate(trigger)
    expect(stale).to_be_visible()
    expect(trouble).to_be_hidden()
    page.unroute("**/accounts/nile/")
    assert ask(page).status == 304

    # Signed out elsewhere: the page stays, and asks again when something is done with it.
    page.context.clear_cookies()
    page.evaluate(trigger)
    expect(stale).to_be_visible()
    expect(available(page)).to_contain_text("10,000.00")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_without_javascript_the_chart_and_its_table_work(
    browser, browser_context_args, cast, live_server, sign_in
):
    with browser.new_context(**browser_context_args, java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, cast.otp_member)
        expect(page.locator("#chart").get_by_role("img")).to_be_visible()
        page.locator("#chart").get_by_role("link", name="Table").click()
        expect(page.locator("#chart").get_by_role("row")).to_have_count(91)
        page.locator("#chart").get_by_role("link", name="30 days").click()
        expect(page.locator("#chart").get_by_role("row")).to_have_count(31)

"""An operator finds somebody, looks at the console as they do, and stops."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.billing.accounts_pages import charge

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_operator_sees_what_a_member_of_a_shared_subaccount_sees(
    page: Page, cast, live_server, sign_in, look, calm
):
    charge(cast.otp, "12.5", "otp-1")
    sign_in(page, cast.operator)
    page.goto(f"{live_server.url}/operator/")
    page.get_by_label("Search all companies").fill("otp")
    page.get_by_role("button", name="Search").click()
    main = page.get_by_role("main")
    expect(main).to_contain_text("OTP and security")
    expect(main).to_contain_text("otp@nile.example")
    look(page, "operator-search")
    page.get_by_label("Search all companies").fill("nobody-1")
    page.get_by_role("button", name="Search").click()
    expect(main).to_contain_text("Nothing found")
    page.get_by_label("Search all companies").fill("otp@")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="See Nile Retail Group as they do").click()
    page.get_by_role("button", name="Begin the view").click()
    expect(main).to_contain_text("Write why you look")
    look(page, "operator-view-as")
    page.get_by_label("Reason").fill("Ticket 17: cannot find the OTP usage")
    page.get_by_role("button", name="Begin the view").click()
    banner = page.get_by_role("complementary", name="Read-only view")
    expect(banner).to_contain_text("as otp@nile.example does")
    look(page, "viewed-overview")
    page.reload()
    page.get_by_role("link", name="Transactions").first.click()
    expect(banner).to_be_visible()
    expect(main).to_contain_text("12.50")
    for figure in ("9,987", "10,000"):
        expect(page.locator("body")).not_to_contain_text(figure)
    # What asks for a file is refused in the same shell.
    page.get_by_text("Export", exact=True).last.click()
    page.get_by_role("button", name="CSV").first.click()
    expect(main).to_contain_text("nothing can be sent or changed")
    # Which Chromium tells of, too.
    assert "status of 403" in calm.pop()
    look(page, "viewed-refused")
    banner.get_by_role("button", name="Stop").click()
    expect(banner).to_have_count(0)
    expect(main).to_contain_text("The read-only view has ended")
    look(page, "people-of-operator")

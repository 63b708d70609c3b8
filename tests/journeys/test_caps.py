"""A spending cap: an admin sets one, a department meets it, and everybody sees why."""

from __future__ import annotations

from decimal import Decimal

import pytest
from playwright.sync_api import Browser, Page, expect

from billing import caps, holds
from tests.billing.accounts_pages import charge, hold
from tests.factories import balance_of, make_subaccount

pytestmark = pytest.mark.django_db(transaction=True)


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def follow(page: Page, name: str) -> None:
    """Go by the main navigation; what is typed is heard by its scripts then."""
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()


def test_an_admin_caps_a_department_before_it_eats_the_pool(
    page: Page, cast, live_server, sign_in, look
):
    charge(cast.otp, "120", "otp-1", description="Login codes")
    sign_in(page, cast.admin)
    follow(page, "Subaccounts")
    page.get_by_role("link", name="OTP and security", exact=True).click()
    heading(page, "OTP and security")
    expect(page.locator("#cap")).to_contain_text("It has none: in a month it can spend all")
    page.get_by_role("region", name="Manage").get_by_role("link", name="Spending cap").click()
    heading(page, "Spending cap of OTP and security")
    page.wait_for_load_state()
    look(page, "cap-empty")

    # What it would mean is said while one types.
    preview = page.locator("#cap-preview")
    amount = page.get_by_label("At most in a month")
    amount.press_sequentially("500")
    expect(preview).to_contain_text("EGP 380.00 left this month.")
    amount.fill("100")
    expect(preview).to_contain_text("Already used up: its messages would be refused until")
    look(page, "cap-used-up")
    page.get_by_label("Warn: its messages go on").check()
    expect(preview).to_contain_text("Already passed by EGP 20.00. Nothing would be refused.")
    amount.fill("1,000")
    expect(preview).to_contain_text("Write the amount in digits")
    page.get_by_role("button", name="Set the cap").click()
    expect(page.get_by_role("alert").first).to_contain_text("Write the amount in digits")
    expect(amount).to_have_value("1,000")
    look(page, "cap-refused")
    amount.fill("150")
    page.get_by_label("Refuse: its messages stop").check()
    expect(preview).to_contain_text("EGP 30.00 left this month.")
    page.get_by_role("button", name="Set the cap").dblclick()
    heading(page, "OTP and security")
    expect(page.locator("#cap")).to_contain_text("80 % of cap")
    look(page, "cap-account")
    assert (balance_of(cast.otp).cap, balance_of(cast.otp).cap_is_hard) == (150, True)

    # The department meets it; the pool has plenty.
    hold(cast.otp, "25")
    assert charge(cast.otp, "5.01", "otp-2").refusal.code == "spending_cap"
    charge(cast.otp, "5", "otp-3")
    page.reload()
    expect(page.locator("#cap")).to_contain_text("Used up: its messages are refused until")
    expect(page.get_by_role("main")).to_contain_text(
        "It cannot spend at the moment: its spending cap of the month is used up."
    )
    look(page, "cap-account-used-up")

    # In the list it is found by that; then the cap is raised, made soft, and taken away.
    soft = make_subaccount(cast.nile, "events", name="Events")
    caps.change(account=soft, cap=Decimal(0), is_hard=False, by=cast.admin)
    charge(soft, "3", "events-1", enforce_limit=False)
    caps.change(account=cast.marketing, cap=Decimal(400), by=cast.admin)
    follow(page, "Subaccounts")
    rows = page.locator("#subaccount-table tbody tr")
    expect(rows).to_have_count(4)
    look(page, "cap-subaccounts")
    page.get_by_label("Spending cap").select_option("used-up")
    expect(rows).to_have_count(2)
    assert page.url.endswith("?cap=used-up")
    rows.get_by_role("link", name="OTP and security", exact=True).click()
    page.locator("#cap").get_by_role("link", name="Change it").click()
    heading(page, "Spending cap of OTP and security")
    expect(page.get_by_label("At most in a month")).to_have_value("150.00")
    look(page, "cap-change")
    page.get_by_role("button", name="Take the cap away").click()
    expect(page.get_by_role("status").first).to_contain_text("has no spending cap any more")
    look(page, "cap-taken-away")
    assert charge(cast.otp, "100", "otp-4").rows


def test_who_switches_to_the_shared_balance_is_offered_a_cap_first(
    page: Page, cast, live_server, sign_in, look
):
    sign_in(page, cast.admin)
    page.goto(f"{live_server.url}/accounts/nile/subaccounts/marketing/mode/")
    expect(page.get_by_role("main")).to_contain_text("could use up the whole balance")
    look(page, "cap-mode")
    page.get_by_role("link", name="Set a cap first").click()
    page.get_by_label("At most in a month").fill("300")
    page.get_by_role("button", name="Set the cap").click()
    heading(page, "Marketing")
    page.get_by_role("region", name="Manage").get_by_role("link", name="Switch").click()
    expect(page.get_by_role("main")).to_contain_text("of EGP 300.00 a month stays")
    expect(page.get_by_role("main")).not_to_contain_text("could use up the whole balance")


def test_a_member_of_a_shared_subaccount_sees_its_cap_and_no_pool(
    page: Page, cast, live_server, sign_in, look
):
    caps.change(account=cast.otp, cap=Decimal(200), is_hard=False, by=cast.admin)
    charge(cast.otp, "180", "otp-1")
    held = hold(cast.otp, "45")
    sign_in(page, cast.otp_member)
    page.get_by_role("link", name="Its holds, limits and transactions").click()
    heading(page, "OTP and security")
    expect(page.locator("#cap")).to_contain_text("Passed by EGP 25.00 this month.")
    expect(page.get_by_role("main")).not_to_contain_text("9,8")
    expect(page.get_by_role("main")).not_to_contain_text("10,0")
    look(page, "cap-member")
    holds.release(master=cast.nile.pk, hold=held.id)
    page.reload()
    expect(page.locator("#cap")).to_contain_text("EGP 20.00 left this month.")


def test_without_javascript_too(
    browser: Browser, browser_context_args, cast, live_server, sign_in
):
    charge(cast.marketing, "120", "m-1")
    with browser.new_context(**browser_context_args, java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, cast.admin)
        page.goto(f"{live_server.url}/accounts/nile/subaccounts/marketing/cap/")
        page.get_by_label("At most in a month").fill("500")
        page.get_by_role("button", name="Preview").click()
        expect(page.locator("#cap-preview")).to_contain_text("EGP 380.00 left this month.")
        assert "csrf" not in page.url
        page.get_by_label("Warn: its messages go on").check()
        page.get_by_role("button", name="Set the cap").click()
        expect(page.locator("#cap")).to_contain_text("24 % of cap")
    assert (balance_of(cast.marketing).cap, balance_of(cast.marketing).cap_is_hard) == (500, False)

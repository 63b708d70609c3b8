"""Subaccounts: open one, find it, see all about it, switch its mode, suspend and close it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.models import Account, State
from billing import charges, holds, limits
from billing.models import Hold
from tests.factories import balance_of, give, set_limit

pytestmark = pytest.mark.django_db(transaction=True)


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def follow(page: Page, name: str) -> None:
    """Go by the main navigation; what is typed is heard by its scripts then."""
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()


def manage(page: Page, name: str) -> None:
    """Choose one of the things that can be done with the account."""
    page.get_by_role("region", name="Manage").get_by_role("link", name=name).click()


def spend(account: Account, amount: str, reference: str, description: str) -> None:
    charges.charge(
        account=account, amount=Decimal(amount), reference=reference, description=description
    )


def test_an_admin_opens_a_subaccount_shares_it_and_finds_what_became_of_it(
    page: Page, cast, live_server, sign_in, look
):
    spend(cast.otp, "120", "otp-1", "Login codes, 24 November")
    spend(cast.nile, "360", "nile-1", "Service messages")
    sign_in(page, cast.admin)
    follow(page, "Subaccounts")
    heading(page, "Subaccounts")
    look(page, "subaccounts")

    page.get_by_role("link", name="New subaccount").click()
    heading(page, "New subaccount")
    # The code follows the name while one types, until another is typed.
    code = page.get_by_label("Code")
    page.get_by_label("Name", exact=True).press_sequentially("Retail")
    expect(code).to_have_value("retail-2")
    page.get_by_label("Name", exact=True).fill("Spring campaign")
    expect(code).to_have_value("spring-campaign")
    look(page, "subaccount-new")
    code.fill("Spring")
    page.get_by_role("button", name="Open the subaccount").click()
    problem = page.get_by_role("alert").filter(has_text="There is a problem")
    expect(problem).to_contain_text("lower-case letters")
    expect(code).to_have_value("Spring")
    look(page, "subaccount-new-refused")
    code.fill("spring")
    page.get_by_role("button", name="Open the subaccount").dblclick()
    heading(page, "Spring campaign")
    assert Account.objects.filter(name="Spring campaign").count() == 1
    look(page, "subaccount-empty")

    # All about one account, with its holds and the history of its limit.
    spring = Account.objects.get(code="spring")
    give(spring, "400")
    set_limit(spring, "250")
    limits.change(account=spring, limit=Decimal(500), reason="for Ramadan", by=cast.operator)
    spend(spring, "17.4975", "sms-1", "SMS campaign, first wave")
    first = holds.hold(
        account=spring,
        amount=Decimal("40"),
        reference="voice-call-77",
        description="Voice call in progress",
    ).hold
    holds.capture(master=cast.nile.pk, hold=first.id, reference="voice-1", amount=Decimal("12.5"))
    holds.hold(
        account=spring,
        amount=Decimal("25"),
        reference="campaign-2",
        expires_in=timedelta(hours=1),
    )
    page.reload()
    for text in ("817.50", "campaign-2", "voice-call-77", "for Ramadan", "27.50"):
        expect(page.get_by_role("main")).to_contain_text(text)
    look(page, "subaccount")

    # Holds keep it from being shared; then its figures change while the page is open.
    manage(page, "Switch to the shared balance")
    expect(page.get_by_role("alert").first).to_contain_text(
        "Spring campaign has EGP 52.50 on hold in 2 holds"
    )
    look(page, "subaccount-mode-refused")
    for held in spring_holds(spring):
        holds.release(master=cast.nile.pk, hold=held)
    page.reload()
    expect(page.get_by_role("main")).to_contain_text("Its credit of EGP 370.0025 moves")
    look(page, "subaccount-mode")
    spend(spring, "70.0025", "sms-2", "SMS campaign, second wave")
    page.get_by_role("button", name="Switch to the shared balance").click()
    expect(page.get_by_role("alert").first).to_contain_text("has changed since it was shown")
    expect(page.get_by_role("main")).to_contain_text("Its credit of EGP 300.00 moves")
    look(page, "subaccount-mode-changed")
    page.get_by_role("button", name="Switch to the shared balance").click()
    heading(page, "Spring campaign")
    expect(page.get_by_role("status").first).to_contain_text(
        "EGP 300.00 moved to Nile Retail Group."
    )
    assert balance_of(cast.nile).credit == Decimal(9820)

    # Shared, and its share of the pool.
    spend(spring, "120", "sms-3", "SMS campaign, third wave")
    page.reload()
    expect(page.get_by_role("main")).to_contain_text("20 %")
    look(page, "subaccount-shared")
    manage(page, "Give it a balance of its own")
    look(page, "subaccount-mode-allocate")
    page.get_by_role("button", name="Give it a balance of its own").click()
    expect(page.get_by_role("status").first).to_contain_text("now has a balance of its own")

    # Suspended, restored, closed.
    manage(page, "Suspend")
    look(page, "subaccount-suspend")
    page.get_by_role("button", name="Suspend").click()
    expect(page.get_by_role("main")).to_contain_text("Spring campaign is suspended.")
    manage(page, "Restore")
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("status").first).to_contain_text("Restored Spring campaign.")
    give(spring, "9.999999")
    manage(page, "Close")
    expect(page.get_by_role("main")).to_contain_text("Its credit of EGP 9.999999 moves")
    look(page, "subaccount-close")
    page.get_by_role("button", name="Close for good").click()
    expect(page.get_by_role("status").first).to_contain_text("Closed Spring campaign.")
    look(page, "subaccount-closed")
    spring.refresh_from_db()
    assert spring.state == State.CLOSED

    # In the list it is found by a part of its code, and by its state.
    follow(page, "Subaccounts")
    rows = page.locator("#subaccount-table tbody tr")
    expect(rows).to_have_count(4)
    page.get_by_label("Name or code").press_sequentially("spri")
    expect(rows).to_have_count(1)
    assert page.url.endswith("?q=spri")
    page.get_by_label("State").select_option("active")
    expect(page.locator("#subaccount-table")).to_contain_text("No subaccount found")
    look(page, "subaccounts-none")
    page.get_by_role("link", name="Show all subaccounts").click()
    expect(rows).to_have_count(4)
    expect(page.get_by_label("Name or code")).to_have_value("")
    page.wait_for_load_state()  # so that what is chosen is heard by its scripts
    page.get_by_label("State").select_option("closed")
    expect(rows).to_have_count(1)
    # The address can be sent to a colleague.
    page.reload()
    expect(rows).to_have_count(1)
    rows.get_by_role("link", name="Spring campaign", exact=True).click()
    heading(page, "Spring campaign")


def spring_holds(account: Account) -> list:
    """The ids of its open holds."""
    return list(Hold.objects.filter(account=account, state="open").values_list("id", flat=True))


def test_a_member_of_a_shared_subaccount_sees_no_pool(
    page: Page, cast, live_server, sign_in, look
):
    spend(cast.otp, "120", "otp-1", "Login codes")
    spend(cast.nile, "360", "nile-1", "Service messages")
    sign_in(page, cast.otp_member)
    page.get_by_role("link", name="Its holds, limits and transactions").click()
    heading(page, "OTP and security")
    main = page.get_by_role("main")
    expect(main).to_contain_text("120.00")
    expect(main).not_to_contain_text("9,520")
    expect(main).not_to_contain_text("25 %")
    look(page, "subaccount-member")


def test_without_javascript_too(
    browser: Browser, browser_context_args, cast, live_server, sign_in
):
    with browser.new_context(**browser_context_args, java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, cast.admin)
        follow(page, "Subaccounts")
        page.get_by_label("Name or code").fill("branch")
        page.get_by_label("Balance").select_option("allocated")
        page.get_by_role("button", name="Search").click()
        expect(page.locator("#subaccount-table tbody tr")).to_have_count(1)
        page.get_by_role("link", name="New subaccount").click()
        page.get_by_label("Name", exact=True).fill("North branch")
        page.get_by_label("Shared").check()
        page.get_by_role("button", name="Open the subaccount").click()
        heading(page, "North branch")
        manage(page, "Give it a balance of its own")
        page.get_by_role("button", name="Give it a balance of its own").click()
        expect(page.get_by_role("main")).to_contain_text("now has a balance of its own")
        manage(page, "Close")
        page.get_by_role("button", name="Close for good").click()
        expect(page.get_by_role("main")).to_contain_text("Closed North branch.")
    assert Account.objects.get(name="North branch").code == "north-branch"

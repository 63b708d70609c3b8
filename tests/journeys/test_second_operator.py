"""Two operators, two browsers: one asks for what is too large for one, the other agrees."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from billing.models import Entry, Kind
from billing.verification import verify
from tests.factories import balance_of, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_large_adjustment_takes_two_and_is_undone_by_two(
    page: Page, browser: Browser, browser_context_args, cast, sign_in, look, live_server
):
    second = make_user("second@platform.example", is_staff=True, name="Layla Mansour")
    sign_in(page, cast.operator)
    page.goto(f"{live_server.url}/operator/adjustments/")
    look(page, "adjustments-empty")
    page.reload()
    page.get_by_label("The company's code").fill("nile")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Adjust the credit").click()

    # A small one is done at once; the preview follows what is typed.
    page.locator("input#id_account").fill("otp")
    page.keyboard.press("Enter")
    page.get_by_label("Add to the credit").check()
    page.get_by_label("Amount").fill("1500")
    expect(page.get_by_text("draws on the balance of Nile Retail Group")).to_be_visible()
    expect(page.get_by_text("11,500.00").first).to_be_visible()
    page.get_by_label("Reason").fill("Credited by a campaign that was never sent")
    look(page, "adjust")
    page.get_by_role("button", name="Adjust the credit").last.click()
    expect(page.get_by_text("Adjusted OTP and security by EGP +1,500.00.")).to_be_visible()

    # What would pass the amount with it asks another operator.
    page.get_by_role("link", name="Adjust the credit").click()
    expect(page.get_by_text("so above EGP 3,500.00 more")).to_be_visible()
    page.locator("input#id_account").fill("marketing")
    page.keyboard.press("Enter")
    page.get_by_label("Take from the credit").check()
    page.get_by_label("Amount").fill("600")
    expect(page.get_by_text("Marketing can spend at most EGP 500.00")).to_be_visible()
    page.get_by_label("Add to the credit").check()
    page.get_by_label("Amount").fill("4000")
    expect(page.get_by_text("A second operator will be asked")).to_be_visible()
    page.get_by_label("Reason").fill("Invoice 2026-114 was paid twice")
    page.get_by_role("button", name="Adjust the credit").last.click()
    expect(page.get_by_text("takes a second operator. The others were told")).to_be_visible()
    expect(page.get_by_role("button", name="Withdraw it")).to_be_visible()
    look(page, "approval-own")
    assert balance_of(cast.marketing).credit == 500

    # The other operator, in a browser of their own.
    with browser.new_context(**browser_context_args) as context:
        other = context.new_page()
        sign_in(other, second)
        other.goto(f"{live_server.url}/operator/")
        look(other, "operator-home-second")
        other.get_by_role("link", name="Second operator").first.click()
        look(other, "approvals")
        other.get_by_role("link", name="Marketing").click()
        expect(other.get_by_text("4,500.00").first).to_be_visible()
        look(other, "approval")
        other.get_by_role("button", name="Refuse it").click()
        expect(other.get_by_text("Write why you refuse")).to_be_visible()
        other.get_by_role("button", name="Agree to EGP +4,000.00").click()
        expect(other.get_by_text("Agreed: EGP 4,000.00 moved for Marketing.")).to_be_visible()
        look(other, "approval-agreed")
    assert balance_of(cast.marketing).credit == 4500

    # The list names both; undoing it is as much as making it was.
    page.goto(f"{live_server.url}/operator/adjustments/?company=nile")
    expect(page.get_by_text("agreed by Layla Mansour")).to_be_visible()
    look(page, "adjustments")
    page.get_by_role("row").filter(has_text="Marketing").get_by_role("link", name="Undo").click()
    expect(page.get_by_text("A second operator will be asked")).to_be_visible()
    page.get_by_label("Reason").fill("It was not paid twice after all")
    look(page, "adjustment-undo")
    page.get_by_role("button", name="Undo it").click()
    expect(page.get_by_role("button", name="Withdraw it")).to_be_visible()
    page.get_by_role("button", name="Withdraw it").click()
    expect(page.get_by_text("Withdrawn: nothing was moved.")).to_be_visible()
    page.get_by_role("link", name="Second operator").first.click()
    look(page, "approvals-decided")
    assert Entry.objects.filter(kind=Kind.REVERSAL).count() == 0
    assert verify().is_clean

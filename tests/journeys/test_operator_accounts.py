"""An operator opens a company, invites its admin, sets a limit and suspends it, in a browser."""

from __future__ import annotations

from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from billing import adjustments, limits, payment_methods, tree
from tests.factories import make_master

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def busy_platform(cast):
    payment_methods.load()
    limits.change(account=cast.nile, limit=Decimal(5000), reason="Agreed", by=cast.operator)
    limits.change(
        account=cast.marketing, limit=Decimal(250), reason="For Ramadan", by=cast.operator
    )
    adjustments.make(
        account=cast.retail,
        amount=Decimal("-2.50"),
        reason="Booked twice in October",
        reference="fix-1",
        by=cast.operator,
    )
    tree.suspend(account=cast.gulf, by=cast.operator, reason="Cheque came back")
    make_master("empty", name="Empty House")


def test_an_operator_opens_limits_and_suspends(
    page: Page, cast, busy_platform, live_server, sign_in, look
):
    sign_in(page, cast.operator)
    page.goto(f"{live_server.url}/operator/")
    page.get_by_role("link", name="Accounts", exact=True).first.click()
    main = page.get_by_role("main")
    expect(main).to_contain_text("Gulf Trading")
    look(page, "operator-accounts")
    page.reload()
    page.get_by_label("Name or code").press_sequentially("nil")
    expect(main).not_to_contain_text("Gulf Trading")

    page.goto(f"{live_server.url}/operator/accounts/new/")
    page.get_by_label("Code").fill("nile")
    page.get_by_role("button", name="Open the account").click()
    expect(main).to_contain_text("Another master account has this code.")
    look(page, "operator-account-new")
    page.reload()
    page.get_by_label("Name").fill("Acme Trading")
    page.get_by_label("Code").fill("acme")
    page.get_by_label("Country").select_option(label="Kuwait")
    page.get_by_label("Currency").select_option("KWD")
    page.get_by_label("Billing time zone").select_option("Asia/Kuwait")
    page.get_by_label("E-mail address of its admin").fill("first@acme.example")
    page.get_by_role("button", name="Open the account").click()
    expect(main).to_contain_text("Opened Acme Trading.")
    look(page, "operator-account-opened")
    page.get_by_role("link", name="The invitation").click()
    look(page, "operator-account-admin")

    page.goto(f"{live_server.url}/operator/accounts/nile/")
    look(page, "operator-account")
    page.goto(f"{live_server.url}/operator/accounts/nile/limit/marketing/")
    page.get_by_label("New credit limit").press_sequentially("100")
    expect(page.locator("#limit-preview")).to_contain_text("600.00")
    page.get_by_label("Reason").fill("Ramadan is over")
    look(page, "operator-account-limit")
    page.get_by_role("button", name="Set the limit").click()
    expect(main).to_contain_text("is EGP 100.00 now; it was EGP 250.00.")

    page.goto(f"{live_server.url}/operator/accounts/nile/suspend/nile/")
    page.get_by_role("button", name="Suspend", exact=True).click()
    expect(main).to_contain_text("Write why it is suspended.")
    look(page, "operator-account-suspend")
    page.goto(f"{live_server.url}/operator/accounts/gulf/restore/gulf/")
    look(page, "operator-account-restore")
    page.goto(f"{live_server.url}/operator/accounts/nile/edit/")
    look(page, "operator-account-edit")

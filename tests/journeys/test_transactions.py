"""Finance looks for money: by filters, in another order and columns; and keeps the view."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from billing import adjustments, transfers
from billing.charges import Charge, charge_many
from tests.factories import PASSWORD, give

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def history(cast) -> None:
    charge_many(
        master=cast.nile.pk,
        charges=[
            Charge(cast.marketing.pk, Decimal(f"{number}.0075"), f"order-{number}", "SMS to Egypt")
            for number in range(1, 13)
        ],
    )
    give(cast.retail, Decimal("250.50"), "CIB-17")
    transfers.make(
        source=cast.nile,
        destination=cast.marketing,
        amount=Decimal(40),
        key=uuid4(),
        by=cast.admin,
        note="Ramadan",
    )
    adjustments.make(
        account=cast.retail,
        amount=Decimal("-3.5"),
        reason="Sent twice",
        reference="ticket-9",
        by=cast.operator,
    )


def test_finance_filters_orders_keeps_the_view_and_follows_a_movement(
    page: Page, cast, history, sign_in, look
) -> None:
    sign_in(page, cast.finance)
    page.get_by_role("link", name="Transactions", exact=True).click()
    results = page.locator("#transaction-table")
    expect(results.get_by_text("Closing credit")).to_be_visible()

    # Nothing but the keyboard.
    page.locator("#transaction-filter-more").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Direction").select_option("Money out")
    page.get_by_label("Amount at least").fill("10")
    page.get_by_label("Amount at most").fill("9")
    page.get_by_label("Amount at most").press("Enter")
    expect(page.get_by_text("Swap the two amounts")).to_be_visible()
    expect(results.get_by_text("The filter cannot be used")).to_be_visible()
    look(page, "transactions-refused")
    page.reload()  # what axe has left behind goes
    page.get_by_label("Amount at most").fill("30")
    page.get_by_label("Order").select_option("Most money out first")
    page.get_by_label("Amount at most").press("Enter")
    # These are added up by entry: they come by themselves.
    expect(results.get_by_text("3 transactions, by kind")).to_be_visible()
    amounts = results.locator("tbody .amount")
    expect(amounts.first).to_contain_text("12.0075")
    expect(amounts).to_have_count(3)
    assert "sort=most-out" in page.url
    assert "amount_max=30" in page.url

    # Other columns, and the whole under a name.
    page.locator("#id_columns_picker").click()
    for column in ("Reference", "Contra account", "Account"):
        page.get_by_role("group", name="Columns").get_by_label(column, exact=True).check()
    page.locator("#transaction-filter-apply").click()
    expect(results.get_by_role("columnheader", name="Contra account")).to_be_visible()
    page.locator("#transaction-views").click()
    page.get_by_label("Save this selection as").fill("Large usage")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved as “Large usage”")).to_be_visible()
    expect(page.locator("#transaction-views")).to_contain_text("Large usage")
    look(page, "transactions-columns")
    page.reload()

    page.get_by_role("link", name="Clear").click()
    expect(results.get_by_text("Closing credit")).to_be_visible()
    page.go_back()
    expect(results.get_by_role("columnheader", name="Contra account")).to_be_visible()
    page.locator("#transaction-views").click()
    look(page, "transactions-views")
    page.reload()
    page.locator("#transaction-views").click()
    page.get_by_role("button", name="Delete the view “Large usage”").click()
    expect(page.get_by_text("The view “Large usage” is deleted.")).to_be_visible()

    # One movement: both its sides, and where it comes from.
    page.locator("#id_kind_picker").click()
    page.get_by_role("group", name="Kinds").get_by_label("Transfer").check()
    page.locator("#transaction-filter-apply").click()
    page.get_by_role("link", name="Transfer to Marketing").click()
    expect(page.get_by_role("heading", name="In the books")).to_be_visible()
    look(page, "transaction")
    page.get_by_role("link", name="From Nile Retail Group to Marketing").click()
    expect(page.get_by_role("heading", name="Transfer of EGP 40.00")).to_be_visible()


def test_without_javascript_it_is_a_form_and_links(browser, cast, history, live_server) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_server.url}/accounts/nile/transactions/?text=order-1")
    page.get_by_label("E-mail").or_(page.get_by_label("Email")).first.fill(cast.finance.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="Show the totals on a page of their own").click()
    expect(page.get_by_text("4 transactions, by kind")).to_be_visible()
    context.close()

"""First light: sign in, see what can be spent, move credit, find it in the books."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, Page, expect

from billing.models import Transfer
from tests.factories import balance_of, set_limit

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_admin_moves_credit_and_finds_it_in_the_books(
    page: Page, cast, live_server, sign_in, look
):
    set_limit(cast.nile, "500")
    page.goto(live_server.url)
    look(page, "sign-in")
    sign_in(page, cast.admin)

    # What can be spent: 10,000 of credit and a limit of 500.
    expect(page.get_by_role("main")).to_contain_text("10,500.00")
    look(page, "overview")

    page.get_by_role("main").get_by_role("link", name="Transfer", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New transfer")
    preview = page.locator("#transfer-preview")
    expect(preview).to_contain_text("Fill in the amount and both accounts")
    look(page, "transfer-new")
    send = page.get_by_role("button", name="Transfer", exact=True).last
    place = send.bounding_box()

    # The balances before and after appear while one types, and follow the swap.
    page.get_by_label("Amount").press_sequentially("250.75")
    choose(page, "From", "Nile Retail Group")
    choose(page, "To", "Marketing")
    for figure in ("10,500.00", "10,249.25", "500.00", "750.75", "The people of Marketing"):
        expect(preview).to_contain_text(figure)
    # What is about to be pressed has not moved away.
    assert send.bounding_box() == place
    swap = page.get_by_role("button", name="Swap the accounts")
    swap.click()
    expect(preview).to_contain_text("10,750.75")
    expect(swap).to_be_focused()
    page.keyboard.press("Enter")
    expect(preview).to_contain_text("10,249.25")
    page.get_by_label("Note").fill("for the Ramadan campaign")
    look(page, "transfer-preview")

    # Too much is said before and after sending; nothing moves and what was typed stays.
    page.get_by_label("Amount").fill("20000")
    refusal = "Nile Retail Group can spend at most EGP 10,500.00: 9,500.00 less than asked for."
    expect(preview).to_contain_text(refusal)
    page.get_by_role("button", name="Transfer", exact=True).last.click()
    problem = page.get_by_role("alert").filter(has_text="There is a problem")
    expect(problem).to_contain_text(refusal)
    expect(page.get_by_label("Note")).to_have_value("for the Ramadan campaign")
    assert not Transfer.objects.exists()
    look(page, "transfer-refused")

    # Enter in a field sends.
    page.get_by_label("Amount").fill("250.75")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Transfer of EGP 250.75")
    expect(page.get_by_role("status").first).to_contain_text(
        "Moved EGP 250.75 from Nile Retail Group to Marketing."
    )
    for text in ("9,749.25", "750.75", "admin@nile.example", "for the Ramadan campaign"):
        expect(page.get_by_role("main")).to_contain_text(text)
    look(page, "transfer-detail")
    assert balance_of(cast.marketing).credit == Decimal("750.75")

    follow(page, "Transfers")
    row = page.get_by_role("row").filter(has_text="for the Ramadan campaign")
    expect(row).to_contain_text("250.75")
    look(page, "transfer-list")
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Transfer of EGP 250.75")

    follow(page, "Transactions")
    rows = page.get_by_role("row").filter(has_text="for the Ramadan campaign")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="+250.75")).to_contain_text("Marketing")
    expect(rows.filter(has_text="\N{MINUS SIGN}250.75")).to_contain_text("Nile Retail Group")
    look(page, "transactions")

    follow(page, "Overview")
    expect(page.get_by_role("main")).to_contain_text("10,249.25")


def test_sent_by_two_clicks_it_happens_once(page: Page, cast, live_server, sign_in):
    sign_in(page, cast.admin)
    page.goto(
        f"{live_server.url}/accounts/nile/transfers/new/"
        f"?from={cast.marketing.pk}&to={cast.retail.pk}&amount=10"
    )
    page.get_by_role("button", name="Transfer", exact=True).last.dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Transfer of EGP 10.00")
    assert Transfer.objects.count() == 1
    # Back, and the same form once more: the same transfer, and the page says so.
    page.go_back()
    page.get_by_role("button", name="Transfer", exact=True).last.click()
    expect(page.get_by_role("status").first).to_contain_text("and not again")
    assert Transfer.objects.count() == 1
    assert balance_of(cast.marketing).credit == Decimal(490)


def test_without_javascript_too(
    browser: Browser, browser_context_args, cast, live_server, sign_in
):
    with browser.new_context(**browser_context_args, java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, cast.admin)
        expect(page.get_by_role("main")).to_contain_text("10,000.00")
        page.get_by_role("main").get_by_role("link", name="Transfer", exact=True).click()
        page.get_by_label("Amount").fill("10.50")
        choose(page, "From", "Retail branches")
        choose(page, "To", "Marketing")

        page.get_by_role("button", name="Swap the accounts").click()
        expect(page.get_by_label("From").locator("option:checked")).to_contain_text("Marketing")
        page.get_by_role("button", name="Preview").click()
        for figure in ("500.00", "489.50", "20.50", "31.00"):
            expect(page.locator("#transfer-preview")).to_contain_text(figure)
        for name in ("csrf", "key=", "note="):
            assert name not in page.url

        page.get_by_role("button", name="Transfer", exact=True).last.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Transfer of EGP 10.50")
        follow(page, "Transactions")
        expect(page.get_by_role("row").filter(has_text="+10.50")).to_contain_text(
            "Retail branches"
        )
    assert Transfer.objects.count() == 1


def choose(page: Page, label: str, name: str) -> None:
    """Choose the account: by search, or in the list, whose labels say what each can spend."""
    field = page.get_by_label(label, exact=True)
    if field.get_attribute("role") == "combobox":
        field.fill(name)
        page.keyboard.press("Enter")
        expect(field).to_have_value(name)
        return
    option = field.locator("option").filter(has_text=re.compile(rf"^\s*{name}"))
    field.select_option(option.get_attribute("value"))


def follow(page: Page, name: str) -> None:
    """Go by the main navigation."""
    page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()

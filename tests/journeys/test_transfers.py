"""Moving credit: by keyboard alone, back again, and to many at once."""

from __future__ import annotations

import re
from decimal import Decimal
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from billing import charges, transfers, tree
from billing.models import Transfer, TransferBatch
from tests.factories import balance_of, give, make_branches, make_subaccount

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_pickers_are_searched_by_name_and_code_with_the_keyboard_alone(
    page: Page, cast, live_server, sign_in, look
):
    make_branches(cast.nile, 1000)
    tree.suspend(account=cast.retail)
    sign_in(page, cast.admin)
    page.goto(f"{live_server.url}/accounts/nile/transfers/new/")
    source = page.get_by_role("combobox", name="From", exact=True)
    destination = page.get_by_role("combobox", name="To", exact=True)
    preview = page.locator("#transfer-preview")

    page.get_by_label("Amount").focus()
    page.keyboard.type("25")
    page.keyboard.press("Tab")
    expect(source).to_be_focused()
    # Open, look, close: nothing is chosen by that.
    page.keyboard.press("ArrowDown")
    options = page.get_by_role("option")
    expect(options.first).to_contain_text("10,000.00")
    expect(source).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_text("More accounts match: go on typing.")).to_be_visible()
    assert options.count() == 50
    page.keyboard.press("Escape")
    expect(source).to_have_attribute("aria-expanded", "false")
    expect(source).to_have_value("")

    # By a part of the name; what cannot give says why, and cannot be chosen.
    page.keyboard.type("retail b")
    expect(options).to_have_count(1)
    expect(options).to_have_attribute("aria-disabled", "true")
    expect(options).to_contain_text("Retail branches is suspended")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#announcer")).to_contain_text("Retail branches is suspended")
    expect(source).to_have_attribute("aria-expanded", "true")
    source.fill("mark")
    page.keyboard.press("Enter")
    expect(source).to_have_value("Marketing")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(destination).to_be_focused()
    # By code, and leaving the field takes what was meant.
    page.keyboard.type("b-777")
    expect(options).to_have_count(1)
    look(page, "transfer-picker")
    page.keyboard.press("Tab")
    expect(destination).to_have_value("Branch 777")
    for figure in ("500.00", "475.00", "25.00"):
        expect(preview).to_contain_text(figure)

    # What is nobody's name is not taken.
    destination.fill("nobody")
    expect(page.get_by_text("No account has this name or code.").last).to_be_visible()
    page.keyboard.press("Tab")
    expect(destination).to_have_value("Branch 777")
    page.get_by_role("button", name="Swap the accounts").press("Enter")
    expect(source).to_have_value("Branch 777")
    expect(destination).to_have_value("Marketing")
    page.get_by_role("button", name="Swap the accounts").press("Enter")
    source.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Transfer of EGP 25.00")
    assert Transfer.objects.get().destination.code == "b-777"


def test_the_search_answers_at_once_among_a_thousand(page: Page, cast, live_server, sign_in):
    make_branches(cast.nile, 1000)
    sign_in(page, cast.admin)
    page.goto(f"{live_server.url}/accounts/nile/transfers/new/")
    took = page.evaluate(
        """() => {
            const field = document.getElementById("id_from");
            const start = performance.now();
            for (const text of ["b", "br", "branch 09", "0999"]) {
                field.value = text;
                field.dispatchEvent(new InputEvent("input", { bubbles: true }));
            }
            field.getBoundingClientRect();
            return performance.now() - start;
        }"""
    )
    assert took < 400


def test_figures_that_have_changed_are_shown_and_asked_again(
    page: Page, cast, live_server, sign_in, look
):
    sign_in(page, cast.admin)
    address = f"/accounts/nile/transfers/new/?from={cast.marketing.pk}&to={cast.retail.pk}"
    page.goto(f"{live_server.url}{address}")
    page.get_by_label("Amount").fill("10")
    expect(page.locator("#transfer-preview")).to_contain_text("490.00")
    charges.charge(account=cast.marketing, amount=Decimal(300), reference="m")
    send = page.get_by_role("button", name="Transfer", exact=True).last
    send.click()
    problem = page.get_by_role("alert").filter(has_text="There is a problem")
    expect(problem).to_contain_text("Marketing had 500.00 available and has 200.00 now")
    expect(page.locator("#transfer-preview")).to_contain_text("190.00")
    assert not Transfer.objects.exists()
    look(page, "transfer-changed")
    send.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Transfer of EGP 10.00")
    assert balance_of(cast.marketing).credit == Decimal(190)


def test_a_transfer_is_moved_back_as_far_as_it_was_not_spent(
    page: Page, cast, live_server, sign_in, look
):
    moved = transfers.make(
        source=cast.nile,
        destination=cast.retail,
        amount=Decimal(100),
        key=uuid4(),
        by=cast.admin,
        note="for Ramadan",
    )
    charges.charge(account=cast.retail, amount=Decimal(50), reference="m")
    sign_in(page, cast.admin)
    page.goto(f"{live_server.url}{moved.get_absolute_url()}")
    page.get_by_role("main").get_by_role("link", name="Move it back").click()
    # 120.50 came in, 50 was spent: 70.50 is left to be moved back.
    expect(page.get_by_role("main")).to_contain_text(
        "Retail branches can spend at most EGP 70.50: 29.50 less than asked for."
    )
    amount = page.get_by_label("Amount")
    expect(amount).to_have_value("70.50")
    amount.fill("70")
    expect(page.locator("#transfer-preview")).to_contain_text("0.50")
    page.get_by_label("Note").fill("half of it was a mistake")
    look(page, "transfer-reverse")
    page.get_by_role("button", name="Move it back", exact=True).last.dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Transfer of EGP 70.00")
    expect(page.get_by_role("main")).to_contain_text("Moves back")
    assert Transfer.objects.count() == 2
    look(page, "transfer-reversal")
    page.get_by_role("link", name=re.compile("Transfer of EGP 100.00")).click()
    expect(page.get_by_role("main")).to_contain_text("EGP 70.00 of 100.00")
    expect(page.get_by_role("main")).to_contain_text("half of it was a mistake")
    look(page, "transfer-reversed")


def test_credit_goes_to_many_at_once_and_the_history_shows_it_as_one(
    page: Page, cast, live_server, sign_in, look
):
    for name in ("North", "South", "West"):
        make_subaccount(cast.nile, name.lower(), name=name)
    sign_in(page, cast.admin)
    page.goto(f"{live_server.url}/accounts/nile/transfers/")
    page.get_by_role("main").get_by_role("link", name="To many at once").click()
    choose = page.get_by_role("combobox", name="From", exact=True)
    choose.fill("nile")
    page.keyboard.press("Enter")
    page.get_by_label("Amount in all").fill("1000")
    look(page, "transfer-many")

    # A table with two lines that cannot be used: they are named, and all of it stays.
    page.get_by_label("Take amounts from a table").check()
    table = "north\t10.50\nnobody; 5\nSouth, 1,000.00\nMarketing, 7"
    page.get_by_label("Accounts and amounts").fill(table)
    page.get_by_role("button", name="Show before and after").click()
    bad = page.get_by_role("region", name="Lines that cannot be used")
    expect(bad.get_by_role("row")).to_have_count(3)
    expect(bad).to_contain_text("No account has the code or name “nobody”.")
    expect(page.get_by_label("Accounts and amounts")).to_have_value(table)
    look(page, "transfer-many-refused")

    page.get_by_label("Share an amount out evenly").check()
    page.get_by_label("Note").fill("for Ramadan")
    page.get_by_role("button", name="Show before and after").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("EGP 1,000.00 to 5 accounts?")
    main = page.get_by_role("main")
    expect(main).to_contain_text("9,000.00")
    expect(page.get_by_role("row").filter(has_text="Retail branches")).to_contain_text("220.50")
    assert not TransferBatch.objects.exists()
    look(page, "transfer-many-preview")

    # Something has changed meanwhile: asked again.
    give(cast.retail, "1")
    page.get_by_role("button", name="Transfer EGP 1,000.00").click()
    expect(page.get_by_role("alert").filter(has_text="There is a problem")).to_contain_text(
        "Retail branches had 20.50 available and has 21.50 now"
    )
    assert not TransferBatch.objects.exists()
    look(page, "transfer-many-changed")
    page.get_by_role("button", name="Transfer EGP 1,000.00").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("EGP 1,000.00 to 5 accounts")
    assert TransferBatch.objects.get().transfers.count() == 5
    look(page, "transfer-batch")

    transfers.make(
        source=cast.nile, destination=cast.retail, amount=Decimal(3), key=uuid4(), by=None
    )
    page.get_by_role("link", name="Transfers").last.click()
    rows = page.locator("#transfer-table tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("5 accounts")
    look(page, "transfer-history")
    # The picture leaves styles behind, which the next swap would take over.
    page.reload()
    page.get_by_role("combobox", name="Account").fill("north")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Filter").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("200.00")
    assert re.search(r"\?account=\d+$", page.url)
    page.get_by_label("At least, EGP").fill("1,5")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#transfer-table")).to_contain_text("The filter is not right")
    look(page, "transfer-history-wrong")


def test_to_many_without_javascript_too(
    browser: Browser, browser_context_args, cast, live_server, sign_in
):
    with browser.new_context(**browser_context_args, java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, cast.admin)
        page.goto(f"{live_server.url}/accounts/nile/transfers/many/")
        page.get_by_label("From", exact=True).select_option(str(cast.nile.pk))
        page.get_by_label("Fill up to a balance each").check()
        page.get_by_label("Balance that each shall have").fill("100")
        page.get_by_role("button", name="Show before and after").click()
        expect(page.get_by_role("main")).to_contain_text("1 account gets nothing")
        page.get_by_role("button", name="Change").click()
        expect(page.get_by_label("Balance that each shall have")).to_have_value("100")
        page.get_by_label("Balance that each shall have").fill("50")
        page.get_by_role("button", name="Show before and after").click()
        page.get_by_role("button", name="Transfer EGP 29.50").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("EGP 29.50 to 1 account")
    assert balance_of(cast.retail).credit == Decimal(50)

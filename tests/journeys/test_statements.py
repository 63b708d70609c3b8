"""Statements: from the list of months to one issued, its movements, and an account's activity."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from accounts.models import BalanceMode, Role
from billing import tree
from tests.factories import make_member
from tests.reports.statements import OPENED, make_delta, make_sub, pay, use

pytestmark = pytest.mark.django_db(transaction=True)


def test_finance_issues_last_springs_statement_and_reads_it(
    page: Page, live_server, sign_in, look
):
    delta = make_delta()
    shop = make_sub(delta, "shop")
    otp = make_sub(delta, "otp", BalanceMode.SHARED)
    pay(delta, "20000", "p-1", datetime(2025, 11, 10, 9, tzinfo=UTC))
    pay(shop, "900", "p-2", datetime(2025, 12, 10, 9, tzinfo=UTC))
    for month in range(1, 11):
        use(otp, f"{month * 31}.75", f"u-{month}", datetime(2026, month, 5, 9, tzinfo=UTC))
        use(shop, f"{month}.0075", f"s-{month}", datetime(2026, month, 6, 9, tzinfo=UTC))
    sign_in(page, make_member(delta, Role.FINANCE, "finance@delta.example"))
    page.get_by_role("link", name="Statements").first.click()
    main = page.get_by_role("main")
    expect(page.get_by_role("heading", level=1)).to_have_text("Statements")
    look(page, "statement-list")

    page.get_by_role("button", name="Issue the statement of March 2026").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Statement 2026-000001")
    expect(main).to_contain_text("This is statement 2026-000001.")
    look(page, "statement-detail")

    page.get_by_role("link", name="Statements of Delta Foods").click()
    page.get_by_label("From").fill("2026-01-01")
    page.get_by_label("To").fill("2026-06-30")
    page.get_by_role("button", name="Show", exact=True).last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Activity of Delta Foods")
    look(page, "statement-activity")
    page.get_by_label("Account").select_option(label="Otp")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(main).to_contain_text("100.0 % of what was used from the shared balance")
    look(page, "statement-activity-shared")
    page.get_by_label("To", exact=True).fill("2025-01-01")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(main).to_contain_text("This day is before From.")
    look(page, "statement-activity-refused")
    page.get_by_role("link", name="Statements of Otp").click()
    look(page, "statement-list-shared")


def test_finance_sees_a_year_at_a_glance_and_follows_a_figure(
    page: Page, live_server, sign_in, look
):
    delta = make_delta()
    names = ["Marketing and campaigns", "Otp", "Retail branches", "Support"]
    subs = [
        tree.open_subaccount(
            master=delta,
            code=name.split()[0].lower(),
            name=name,
            mode=BalanceMode.SHARED,
            moment=OPENED,
        )
        for name in names
    ]
    pay(delta, "90000", "p-1", datetime(2025, 11, 10, 9, tzinfo=UTC))
    for at in range(11):
        year, month = (2025, 12) if at == 0 else (2026, at)
        for nth, sub in enumerate(subs):
            if (at + nth) % 5:
                amount = f"{(nth + 1) * 311 + at * 97}.25"
                use(sub, amount, f"u-{at}-{nth}", datetime(year, month, 5, 9, tzinfo=UTC))
    pay(delta, "1500", "p-2", datetime(2026, 10, 7, 9, tzinfo=UTC))
    sign_in(page, make_member(delta, Role.FINANCE, "finance@delta.example"))
    page.get_by_role("link", name="Summary").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Summary")
    look(page, "summary")
    figure = page.get_by_role("row", name="Otp").get_by_role("link").nth(1)
    told = figure.inner_text()
    figure.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Transactions")
    expect(page.get_by_role("main")).to_contain_text(f"\N{MINUS SIGN}{told}")

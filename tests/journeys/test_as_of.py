"""What an account had at a past moment: from its page, by a preset, by a minute, by a link."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from accounts.models import BalanceMode, Role
from billing import tree
from billing.charges import Charge, charge_many
from billing.ledger import Leg, Posting, post, transact
from billing.models import Kind, Origin
from tests.factories import make_member

pytestmark = pytest.mark.django_db(transaction=True)

OPENED = datetime(2025, 11, 3, 8, tzinfo=UTC)
PAID = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
LAST_MINUTE = datetime(2026, 3, 31, 20, 59, 30, tzinfo=UTC)  # 23:59:30 in Riyadh
APRIL = datetime(2026, 4, 1, 7, tzinfo=UTC)


@pytest.fixture
def najd(db):
    najd = tree.open_master(
        code="najd",
        name="Najd Clinics",
        country="SA",
        currency="SAR",
        time_zone="Asia/Riyadh",
        moment=OPENED,
    )
    names = ["Appointments", "Pharmacy", "Login codes"]
    modes = [BalanceMode.ALLOCATED, BalanceMode.ALLOCATED, BalanceMode.SHARED]
    subs = [
        tree.open_subaccount(
            master=najd, code=name.lower().replace(" ", "-"), name=name, mode=mode, moment=OPENED
        )
        for name, mode in zip(names, modes, strict=True)
    ]
    top_ups = [(najd, "20000"), (subs[0], "1500"), (subs[1], "840.50")]
    for number, (account, amount) in enumerate(top_ups):
        leg = Leg(account.pk, Decimal(amount))
        top_up = Posting(Kind.PAYMENT, f"p{number}", (leg,), "Top up", moment=PAID)
        transact(
            lambda top_up=top_up: post(master=najd.pk, postings=[top_up], origin=Origin.PAYMENT)
        )
    used = [(subs[0], "120.25", LAST_MINUTE), (subs[0], "300", APRIL), (subs[2], "4000", APRIL)]
    for account, amount, moment in used:
        charges = [Charge(account.pk, Decimal(amount), f"m-{amount}", "SMS", moment=moment)]
        charge_many(master=najd.pk, charges=charges)
    return najd


def test_finance_asks_what_there_was_at_the_end_of_march(
    page: Page, najd, live_server, sign_in, look
):
    sign_in(page, make_member(najd, Role.FINANCE, "finance@najd.example"))
    page.goto(f"{live_server.url}/accounts/najd/subaccounts/appointments/")
    page.get_by_role("link", name="What it had on a day or at a minute").click()
    main = page.get_by_role("main")
    expect(page.get_by_role("heading", level=1)).to_have_text("Balance at a past moment")
    look(page, "as-of-empty")

    page.get_by_label("Day").fill("2026-03-31")
    page.get_by_label("Time").fill("23:59")
    page.get_by_role("button", name="Show the balance").click()
    expect(main).to_contain_text("1,379.75")
    expect(main).to_contain_text("Everything posted until 31 Mar 2026, 23:59:59 (UTC+03:00).")
    expect(main).to_contain_text("The last movement before was on 31 Mar 2026, 23:59.")
    look(page, "as-of-account")

    page.get_by_label("Time").fill("23:58")
    page.get_by_role("button", name="Show the balance").click()
    expect(main).to_contain_text("1,500.00")
    # The address can be sent to a colleague.
    assert page.url.endswith("/as-of/?day=2026-03-31&time=23%3A58")

    page.goto(f"{live_server.url}/accounts/najd/subaccounts/najd/as-of/?day=2026-03-31")
    expect(main).to_contain_text("20,000.00")
    expect(main).to_contain_text("Credit of the whole company: SAR 22,220.25")
    look(page, "as-of-company")
    page.get_by_role("link", name="Login codes").click()
    expect(main).to_contain_text("drew on the shared balance of Najd Clinics then")
    look(page, "as-of-shared")
    page.get_by_label("Day").fill("2025-03-31")
    page.get_by_role("button", name="Show the balance").click()
    expect(main).to_contain_text("Login codes had not been opened then")
    page.get_by_label("Time").fill("")
    page.get_by_label("Day").fill("2026-12-31")
    page.get_by_role("button", name="Show the balance").click()
    expect(main).to_contain_text("This moment has not passed yet.")
    look(page, "as-of-refused")

"""Money by bank: asked for by a customer, matched from the bank's file, decided by an operator."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from billing import refunds
from billing.models import Arrival, PaymentState
from billing.verification import verify
from tests.billing.payments.bank import ask
from tests.billing.payments.camt import camt, entry
from tests.factories import balance_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def enter(page: Page, cast, live_server) -> str:
    """The operator's session in the browser."""
    client = Client()
    client.force_login(cast.operator)
    name = settings.SESSION_COOKIE_NAME
    cookie = {"name": name, "value": client.cookies[name].value, "url": live_server.url}
    page.context.add_cookies([cookie])
    return f"{live_server.url}/operator/"


def test_a_transfer_is_matched_from_an_uploaded_statement(page: Page, cast, enter, look, tmp_path):
    payment = ask(cast.marketing)
    short = ask(cast.retail, "2000")
    mistyped = ask(cast.nile, "3000")
    file = tmp_path / "statement-224.xml"
    spaced = f"{payment.reference[:4]} {payment.reference[4:9]} {payment.reference[9:]}".lower()
    file.write_bytes(
        camt(
            entry("1500.00", f"Top up {spaced} November", bank="FT26324A0001"),
            entry("1999.00", short.reference, bank="FT26324A0002"),
            entry("3000.00", f"Nile Retail {mistyped.reference[:-1]}", bank="FT26324A0003"),
            entry("114.50", "Account fee", sign="DBIT", bank="FT26324C0009"),
            number="2026-11-20/224",
        )
    )
    page.goto(enter)
    expect(page.get_by_role("heading", level=1)).to_have_text("What waits")
    look(page, "operator-home")
    navigation = page.get_by_role("navigation", name="Main")
    navigation.get_by_role("link", name="Bank transfers").click()
    expect(page.get_by_text(payment.reference).first).to_be_visible()
    look(page, "operator-bank-transfers")

    # The file, by hand as a person would.
    page.get_by_role("link", name="Upload a statement").click()
    look(page, "operator-statements-empty")
    page.get_by_role("button", name="Upload and match").click()
    expect(page.get_by_text("Choose the bank's file first.")).to_be_visible()
    page.get_by_label("The bank's file").set_input_files(file)
    page.get_by_role("button", name="Upload and match").click()
    expect(page.get_by_text("Took 1 statement.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Statement 2026-11-20/224")
    look(page, "operator-statement")
    payment.refresh_from_db()
    assert payment.state == PaymentState.PAID
    assert balance_of(cast.marketing).credit == 2000

    # The short one is in review: the figures, then the decision.
    page.get_by_role("link", name="Decide").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("EGP 1,999.00 in review")
    expect(page.get_by_text("2,019.50").first).to_be_visible()
    look(page, "operator-review")
    page.get_by_role("button", name="Credit EGP 1,999.00").click()
    expect(page.get_by_text("Credited EGP 1,999.00 to Retail branches.")).to_be_visible()
    look(page, "operator-payment")
    assert balance_of(cast.retail).credit == Decimal("2019.50")

    # Whoever wrote the reference wrongly is found by the sum.
    navigation.get_by_role("link", name="Bank statements").click()
    page.get_by_role("link", name="2026-11-20/224").click()
    page.get_by_role("link", name="Unmatched 1").click()
    page.get_by_role("link", name="Assign").click()
    page.get_by_role("link", name=mistyped.reference).click()
    expect(page.get_by_text("13,000.00").first).to_be_visible()
    look(page, "operator-assign")
    page.get_by_role("button", name="The money is for this payment").click()
    expect(page.get_by_text("Credited: EGP 3,000.00 for Nile Retail Group.")).to_be_visible()

    # The same file once more changes nothing.
    navigation.get_by_role("link", name="Bank statements").click()
    page.get_by_label("The bank's file").set_input_files(file)
    page.get_by_role("button", name="Upload and match").click()
    expect(page.get_by_text("was taken before: nothing of it is new")).to_be_visible()
    assert Arrival.objects.count() == 3
    navigation.get_by_role("link", name="Bank statements").click()
    look(page, "operator-statements")
    assert verify().is_clean


def test_money_is_confirmed_by_hand_and_a_part_of_it_goes_back(page: Page, cast, enter, look):
    payment = ask(cast.marketing)
    page.goto(f"{enter}bank-transfers/?q={payment.reference}")
    page.get_by_role("link", name="It arrived").click()
    page.get_by_label("Amount that arrived").fill("1500.001")
    page.get_by_role("button", name="Confirm that it arrived").click()
    problem = page.get_by_role("alert").filter(has_text="There is a problem")
    expect(problem).to_contain_text("too many decimals")
    look(page, "operator-confirm-refused")
    page.get_by_label("Amount that arrived").fill("1500")
    page.get_by_label("Arrived on").fill("2026-11-20")
    page.get_by_role("button", name="Confirm that it arrived").click()
    expect(page.get_by_text("Credited: EGP 1,500.00 arrived for Marketing.")).to_be_visible()

    page.get_by_role("link", name="Refund", exact=True).click()
    page.get_by_label("Amount to give back").fill("400")
    page.get_by_label("Reason").fill("Paid for last month twice")
    look(page, "operator-refund")
    page.get_by_role("button", name="Give it back").click()
    expect(page.get_by_text("EGP 400.00 is set apart.")).to_be_visible()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Refunds by hand").click()
    look(page, "operator-refunds")
    page.get_by_role("link", name="Paid back, or failed").click()
    look(page, "operator-refund-end")
    page.get_by_role("button", name="It was paid back").click()
    expect(page.get_by_text("Confirmed: EGP 400.00 was paid back.")).to_be_visible()
    payment.refresh_from_db()
    assert (payment.refunded, refunds.left_of(payment)) == (400, 1100)
    assert balance_of(cast.marketing).credit == 1600
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Payment methods").click()
    look(page, "operator-methods")
    row = page.get_by_role("row").filter(has_text="Egypt · EGP · bank_transfer")
    row.get_by_role("link", name="Change").click()
    look(page, "operator-method")
    assert verify().is_clean

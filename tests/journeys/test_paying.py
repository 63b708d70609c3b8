"""Paying from end to end: our pages, the real SDK, the sandbox's page and its signed messages."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account, Role
from billing.models import Payment
from billing.verification import verify
from tests.billing.payments.conftest import sandbox  # noqa: F401
from tests.factories import balance_of, make_master, make_member

pytestmark = pytest.mark.django_db(transaction=True)

PASSES, DECLINED, CHALLENGED = "4242424242424242", "4000000000000002", "4000002500003155"


@pytest.fixture
def go(page: Page, sandbox, settings, live_server) -> Callable[[Account, str, str, str], None]:  # noqa: F811
    """From the account's page to the hosted page of the gateway."""
    settings.CHECKOUT_ORIGINS = [sandbox.address]

    def go(account: Account, amount: str, method: str, total: str) -> None:
        company = account.company.code
        page.goto(f"{live_server.url}/accounts/{company}/payments/new/?account={account.pk}")
        page.get_by_label("Amount").fill(amount)
        page.get_by_role("radio", name=method).check()
        page.get_by_role("button", name="Review").last.click()
        page.get_by_role("button", name=f"Pay {total}").click()
        expect(page.get_by_text("Sandbox: no money moves")).to_be_visible()

    return go


def by_card(page: Page, number: str, total: str) -> None:
    """Type the card's number on the hosted page and pay."""
    page.get_by_label("Card number").fill(number)
    page.get_by_role("button", name=f"Pay {total}").click()


def credited(page: Page, text: str) -> None:
    """The return page says so, when the gateway has told us."""
    expect(page.locator("#payment-body")).to_contain_text(text, timeout=15_000)


def test_a_card_that_passes_one_that_is_declined_and_one_with_3_d_secure(
    page: Page, cast, go, sign_in, look
):
    sign_in(page, cast.admin)
    go(cast.marketing, "1250.50", "Credit or debit card", "EGP 1,250.50")
    by_card(page, DECLINED, "EGP 1,250.50")
    expect(page.get_by_role("alert")).to_contain_text("declined")
    by_card(page, PASSES, "EGP 1,250.50")
    credited(page, "EGP 1,250.50 are credited to Marketing.")
    look(page, "paying-card")
    assert balance_of(cast.marketing).credit == Decimal("1750.50")

    go(cast.nile, "500", "Credit or debit card", "EGP 500.00")
    by_card(page, CHALLENGED, "EGP 500.00")
    page.get_by_role("button", name="It is me").click()
    credited(page, "EGP 500.00 are credited to Nile Retail Group.")
    assert balance_of(cast.nile).credit == 10_500
    assert verify().is_clean


@pytest.mark.parametrize(
    ("country", "currency", "zone", "amount", "total"),
    [
        ("KW", "KWD", "Asia/Kuwait", "12.340", "KWD 12.340"),
        ("JP", "JPY", "Asia/Tokyo", "5000", "JPY 5,000"),
    ],
)
def test_three_decimals_and_none(
    page: Page, db, go, sign_in, look, country, currency, zone, amount, total
):
    company = make_master("far", name="Far", country=country, currency=currency, time_zone=zone)
    sign_in(page, make_member(company, Role.MASTER_ADMIN, "admin@far.example"))
    go(company, amount, "Credit or debit card", total)
    by_card(page, PASSES, total)
    credited(page, f"{total} are credited to Far.")
    look(page, f"paying-{currency.lower()}")
    assert balance_of(company).credit == Decimal(amount)
    assert verify().is_clean


def test_a_voucher_in_yen_shows_the_code_of_each_store_and_is_paid_there(
    page: Page, db, go, sign_in, look
):
    company = make_master("far", name="Far", country="JP", currency="JPY", time_zone="Asia/Tokyo")
    sign_in(page, make_member(company, Role.MASTER_ADMIN, "admin@far.example"))
    go(company, "5000", "Konbini", "JPY 5,000")
    page.get_by_role("button", name="Get the code").click()
    instructions = page.get_by_role("region", name="Pay with Konbini")
    expect(instructions).to_contain_text("FamilyMart", timeout=15_000)
    look(page, "paying-konbini")
    page.goto(Payment.objects.get().checkout_url)
    page.get_by_role("button", name="Pay the voucher now").click()
    credited(page, "JPY 5,000 are credited to Far.")
    assert balance_of(company).credit == 5000
    assert verify().is_clean


def test_a_voucher_is_paid_later_after_the_browser_was_closed(
    page: Page, cast, go, sign_in, look, live_server
):
    sign_in(page, cast.marketing_admin)
    go(cast.marketing, "250", "Fawry", "EGP 250.00")
    page.get_by_role("button", name="Get the code").click()
    expect(page.locator("#pay-code")).to_be_visible(timeout=15_000)
    look(page, "paying-voucher")
    payment = Payment.objects.get()
    page.goto(payment.checkout_url)
    page.get_by_role("button", name="Pay the voucher now").click()
    # Somebody comes back to it from the history.
    page.goto(f"{live_server.url}/accounts/nile/payments/")
    page.locator(f'main a[href="{payment.get_absolute_url()}"]').first.click()
    credited(page, "EGP 250.00 are credited to Marketing.")
    assert balance_of(cast.marketing).credit == 750
    assert verify().is_clean

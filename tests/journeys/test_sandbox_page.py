"""The sandbox's hosted page in a browser: it is readable everywhere, and needs no scripts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from billing.models import PaymentState
from tests.billing.payments.conftest import sandbox  # noqa: F401
from tests.billing.payments.counter import checkout, until

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_card_is_declined_then_challenged_then_paid(page: Page, cast, sandbox, look):  # noqa: F811
    payment = checkout(cast.retail, "1250.50")
    page.goto(payment.checkout_url)
    expect(page.get_by_text("Sandbox: no money moves")).to_be_visible()
    page.get_by_label("Card number").fill("4000 0000 0000 0002")
    page.get_by_role("button", name="Pay EGP 1,250.50").click()
    expect(page.get_by_role("alert")).to_contain_text("Your card was declined.")
    look(page, "sandbox-declined")
    page.get_by_label("Card number").fill("4000 0025 0000 3155")
    page.get_by_role("button", name="Pay EGP 1,250.50").click()
    expect(page.get_by_role("button", name="It is me")).to_be_visible()
    look(page, "sandbox-challenge")
    # Nobody listens where the shop would be.
    page.route("**/back/", lambda route: route.fulfill(body="<title>Back</title>"))
    page.get_by_role("button", name="It is me").click()
    expect(page).to_have_title("Back")
    until(payment, lambda it: it.state == PaymentState.PAID)


def test_a_voucher_shows_its_code_and_is_paid(page: Page, cast, sandbox, look):  # noqa: F811
    payment = checkout(cast.retail, code="fawry")
    page.goto(payment.checkout_url)
    page.route("**/back/", lambda route: route.fulfill(body="<title>Back</title>"))
    page.get_by_role("button", name="Get the code").click()
    expect(page).to_have_title("Back")
    until(payment, lambda it: it.instructions)
    page.goto(payment.checkout_url)
    expect(page.get_by_text(re.compile(re.escape(payment.instructions["code"])))).to_be_visible()
    look(page, "sandbox-voucher")
    page.get_by_role("button", name="Pay the voucher now").click()
    until(payment, lambda it: it.state == PaymentState.PAID)

"""Paying online: by keyboard and mouse, to a hosted page and back, and by a code."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from billing import gateways, payment_methods
from billing.gateways.protocol import What
from billing.models import Payment, PaymentMethod
from tests.billing.payments import paper as paper_module
from tests.billing.payments.cast import about, make_payment, paid, tell
from tests.billing.payments.paper import Paper
from tests.factories import balance_of

pytestmark = pytest.mark.django_db(transaction=True)


class HostedPage(BaseHTTPRequestHandler):
    """The page of somebody else: it says where one is."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(
            b"<!doctype html><title>Paper</title><link rel=icon href=data:,>"
            b"<h1>Pay with paper</h1>"
        )

    def log_message(self, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def paper(cast, monkeypatch, settings) -> Iterator[Paper]:
    """The gateway behind every method, with a page that is served on another origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), HostedPage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fresh = Paper(page=f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(paper_module, "GATEWAY", fresh)
    names = ("stripe", "regional", "bank_transfer")
    monkeypatch.setattr(gateways, "MODULES", dict.fromkeys(names, paper_module.__name__))
    settings.CHECKOUT_ORIGINS = [fresh.page]
    gateways.gateway.cache_clear()
    payment_methods.load()
    yield fresh
    gateways.gateway.cache_clear()
    server.shutdown()
    server.server_close()


def test_one_pays_on_the_hosted_page_and_the_return_page_waits_for_the_truth(
    page: Page, cast, paper, live_server, sign_in, look
):
    PaymentMethod.objects.filter(country="EG", code="card").update(fee_percent="2.5")
    sign_in(page, cast.admin)
    page.get_by_role("link", name="Top up").first.click()
    preview = page.locator("#payment-preview")
    page.get_by_role("button", name="500", exact=True).click()
    expect(page.get_by_label("Amount")).to_have_value("500")
    expect(preview).to_contain_text("512.50")
    expect(preview).to_contain_text("10,500.00")
    expect(page.get_by_text("Bank transfer takes EGP 1,000.00 or more.")).to_be_visible()
    look(page, "payment-new")
    page.get_by_role("button", name="Review").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Review the payment")
    look(page, "payment-review")
    page.get_by_role("button", name="Pay EGP 512.50").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pay with paper")
    payment = Payment.objects.get()

    # Back, before anybody has told us.
    success, _cancel = paper.checkouts[payment.pk]
    page.goto(success)
    expect(page.get_by_text("You came back from the payment service.")).to_be_visible()
    look(page, "payment-back")
    assert balance_of(cast.nile).credit == 10_000
    # Leave and come back: it continues.
    page.get_by_role("button", name="Continue to pay").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pay with paper")
    page.goto(success)
    tell(payment, paid(payment))
    expect(
        page.locator("#payment-body").get_by_text("EGP 500.00 are credited to Nile Retail Group.")
    ).to_be_visible(timeout=10_000)
    expect(page.get_by_role("link", name="(PDF)")).to_be_visible()
    expect(page.get_by_text("You came back from the payment service.")).to_have_count(0)
    look(page, "payment-paid")
    assert balance_of(cast.nile).credit == 10_500


def test_a_code_is_copied_and_the_page_follows_until_it_is_paid(
    page: Page, cast, paper, live_server, sign_in, look
):
    paper.instructions = {"fawry": {"kind": "voucher", "code": "778123456790"}}
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, cast.marketing_admin)
    page.goto(f"{live_server.url}/accounts/nile/payments/new/")
    page.get_by_label("Amount").fill("250")
    page.get_by_role("radio", name="Fawry").check()
    page.get_by_role("button", name="Review").last.click()
    page.get_by_role("button", name="Pay EGP 250.00").click()
    expect(page.locator("#pay-code")).to_have_text("7781 2345 6790")
    expect(page.locator("[data-countdown]")).to_contain_text("left")
    look(page, "payment-voucher")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == "778123456790"
    payment = Payment.objects.get()
    tell(payment, paid(payment))
    body = page.locator("#payment-body")
    expect(body.get_by_text("EGP 250.00 are credited to Marketing.")).to_be_visible(timeout=10_000)
    expect(page.locator("#pay-code")).to_have_count(0)


def test_how_the_history_a_transfer_and_troubles_look(
    page: Page, cast, paper, live_server, sign_in, look
):
    bank = {
        "kind": "bank_transfer",
        "bank": "Bank of the Nile",
        "holder": "Credit console",
        "iban": "EG380019000500000000263180002",
        "bic": "NILEEGCX",
        "reference": "RF18539007547034",
    }
    transfer = make_payment(
        cast.marketing, "1000", instructions=bank, expires_at=timezone.now() + timedelta(days=3)
    )
    review, failed, done = (make_payment(cast.retail, by=cast.admin) for _ in range(3))
    tell(review, paid(review, amount=60))
    tell(failed, about(failed, What.FAILED, about="The card was declined."))
    tell(done, paid(done))
    sign_in(page, cast.admin)
    look(page, "overview-top-up")
    page.goto(f"{live_server.url}/accounts/nile/payments/")
    look(page, "payment-list")
    for payment, name in ((transfer, "transfer"), (review, "in-review"), (failed, "failed")):
        page.goto(live_server.url + payment.get_absolute_url())
        look(page, f"payment-{name}")

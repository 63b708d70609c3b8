"""A payment's page: what is known, polling, instructions, going on and giving up."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from billing import refunds, settlement, tree
from billing.gateways.protocol import What
from billing.models import Payment, PaymentState
from billing.payment_instructions import qr_of
from billing.payment_status import Status, status_of
from tests.billing.payments.cast import about, make_payment, paid, tell
from tests.billing.payments.paper import PAGE
from tests.billing.transfer_form import plain
from tests.factories import balance_of

pytestmark = pytest.mark.django_db


def at(payment, name="detail"):
    return reverse(f"payment-{name}", args=[payment.master.code, payment.pk])


@pytest.fixture
def admin(browser, cast, paper):
    return browser(cast.admin)


@pytest.fixture
def payment(cast, paper):
    return make_payment(cast.marketing, checkout_url=f"{PAGE}/pay/1")


def dispute(payment, what=What.DISPUTED, amount="100"):
    return about(payment, what, reference="dp_1", amount=Decimal(amount), currency="EGP")


# --- status -------------------------------------------------------------------------------------


def test_the_status_follows_from_what_was_paid_refunded_and_disputed(cast, payment):
    def refund(amount):
        asked = refunds.request(
            payment=payment, amount=Decimal(amount), reason="so", key=uuid4(), by=cast.operator
        )
        tell(payment, about(payment, What.REFUNDED, refund=str(asked.pk)))

    assert status_of(payment) == Status.WAITING
    tell(payment, paid(payment, amount=Decimal(60)))
    assert status_of(payment) == Status.IN_REVIEW
    settlement.credit_arrival(payment.arrivals.get(), by=cast.operator)
    payment.refresh_from_db()
    assert status_of(payment) == Status.PAID
    refund("10")
    assert status_of(payment) == Status.PARTLY_REFUNDED
    tell(payment, dispute(payment, amount="50"))
    assert status_of(payment) == Status.DISPUTED
    tell(payment, dispute(payment, What.DISPUTE_WON))
    assert status_of(payment) == Status.PARTLY_REFUNDED
    refund("50")
    assert status_of(payment) == Status.REFUNDED


def test_a_lost_dispute_is_charged_back(payment):
    tell(payment, paid(payment), dispute(payment), dispute(payment, What.DISPUTE_LOST))
    assert status_of(payment) == Status.CHARGED_BACK


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (PaymentState.CREATED, Status.STARTED),
        (PaymentState.PENDING, Status.WAITING),
        (PaymentState.FAILED, Status.FAILED),
        (PaymentState.EXPIRED, Status.EXPIRED),
        (PaymentState.CANCELLED, Status.CANCELLED),
    ],
)
def test_an_unpaid_one_is_called_what_it_is(admin, cast, state, status):
    payment = make_payment(cast.marketing, state=state)
    assert status_of(payment) == status
    assert f"{status.label}." in plain(admin.get(at(payment)))


# --- the page -----------------------------------------------------------------------------------


def test_coming_back_credits_nothing_and_says_so(admin, cast, payment):
    text = plain(admin.get(at(payment), {"back": "1"}))
    assert "You came back from the payment service. That alone credits nothing" in text
    assert "Waiting for the money." in text
    payment.refresh_from_db()
    assert payment.state == PaymentState.PENDING
    assert balance_of(cast.marketing).credit == 500
    tell(payment, paid(payment))
    text = plain(admin.get(at(payment), {"back": "1"}))
    assert "You came back" not in text
    assert "EGP 100.00 are credited to Marketing." in text


def test_a_paid_one_shows_trail_balances_and_receipt(admin, payment):
    tell(payment, paid(payment))
    text = plain(admin.get(at(payment)))
    assert "balance of Marketing before 500.00, after 600.00" in text
    assert "Money arrived EGP 100.00" in text
    receipt = payment.arrivals.get().receipt
    assert f"{receipt} (PDF)" in text
    assert "Cancel this payment" not in text
    assert "Continue to pay" not in text


def test_refunds_and_disputes_stand_there_without_the_operators_reason(
    browser, cast, paper, payment
):
    tell(payment, paid(payment))
    asked = refunds.request(
        payment=payment, amount=Decimal(40), reason="fraud?", key=uuid4(), by=cast.operator
    )
    text = plain(browser(cast.member).get(at(payment)))
    assert "EGP 40.00 Under way" in text
    assert "Refund under way EGP 40.00" in text
    assert "The platform" in text
    assert "fraud?" not in text
    assert cast.operator.email not in text
    tell(
        payment, about(payment, What.REFUNDED, refund=str(asked.pk)), dispute(payment, amount="60")
    )
    text = plain(browser(cast.operator).get(at(payment)))
    assert "fraud?" in text
    assert cast.operator.email in text
    assert "EGP 60.00 left the credit of Marketing until that is decided" in text
    assert "after 560.00" in text
    assert "after 500.00" in text


def test_money_in_review_is_told_with_both_figures(admin, payment):
    tell(payment, paid(payment, amount=Decimal(60)))
    text = plain(admin.get(at(payment)))
    assert "EGP 60.00 arrived, EGP 100.00 were asked for. The platform is looking at it" in text
    # Nobody is led to pay it twice.
    assert "Continue to pay" not in text
    assert "Cancel this payment" not in text
    tell(payment, paid(payment, "pi_2"), paid(payment, "pi_3"))
    assert "arrived though it was paid already" in plain(admin.get(at(payment)))


def test_a_failed_one_says_why_and_offers_a_new_one_filled_in(admin, cast, payment):
    tell(payment, about(payment, What.FAILED, about="The card was declined."))
    response = admin.get(at(payment))
    assert "The card was declined. Nothing was credited." in plain(response)
    new = reverse("payment-new", args=["nile"])
    assert (
        f'href="{new}?account={cast.marketing.pk}&amp;amount=100.00&amp;method={payment.method_id}"'
    ) in response.content.decode()


def test_one_whose_time_is_over_cannot_be_continued_and_may_still_be_credited(admin, payment):
    Payment.objects.filter(pk=payment.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    text = plain(admin.get(at(payment)))
    assert "The time to pay is over. Nothing was credited. If you have paid" in text
    assert "Continue to pay" not in text
    tell(payment, paid(payment))
    assert "are credited to Marketing" in plain(admin.get(at(payment)))


def test_what_was_passed_on_to_the_pool_keeps_its_balance_from_the_subaccounts_people(
    browser, cast, payment
):
    tree.share(account=cast.marketing, by=None)
    tell(payment, paid(payment))
    assert "10,500.00, after 10,600.00" in plain(browser(cast.admin).get(at(payment)))
    text = plain(browser(cast.member).get(at(payment)))
    assert "In the books" not in text
    assert "600.00" not in text


# --- instructions -------------------------------------------------------------------------------


def test_a_voucher_shows_code_amount_expiry_and_a_qr_code(admin, cast):
    payment = make_payment(
        cast.marketing,
        instructions={"kind": "voucher", "code": "7781234567", "note": "<b>At any kiosk</b>"},
    )
    response = admin.get(at(payment))
    page, text = response.content.decode(), plain(response)
    assert 'data-copy="7781234567"' in page
    assert "EGP 100.00" in text
    assert "data-countdown" in page
    assert "<svg" in page[page.index("qr-frame") :]
    assert "&lt;b&gt;At any kiosk" in page
    assert "style=" not in page
    assert "Continue to pay" not in text
    tell(payment, paid(payment))
    assert "7781234567" not in admin.get(at(payment)).content.decode()


def test_a_bank_transfer_shows_the_account_and_its_reference(admin, cast):
    told = {
        "kind": "bank_transfer",
        "bank": "Bank of the Nile",
        "holder": "Credit console",
        "iban": "EG380019000500000000263180002",
        "bic": "NILEEGCX",
        "reference": "RF18539007547034",
        "unknown": ["x"],
    }
    payment = make_payment(cast.marketing, instructions=told)
    page = admin.get(at(payment)).content.decode()
    for words in ("Bank of the Nile", told["iban"], "NILEEGCX", 'data-copy="RF18539007547034"'):
        assert words in page
    assert "qr-frame" not in page


@pytest.mark.parametrize("code", ["x" * 5000, "", "\u0645\u0631"])
def test_a_code_that_no_qr_code_holds_is_shown_without_one(admin, cast, code):
    payment = make_payment(cast.marketing, instructions={"kind": "voucher", "code": code})
    assert admin.get(at(payment)).status_code == 200
    assert qr_of("x" * 5000) == ""


# --- polling ------------------------------------------------------------------------------------


def test_the_page_asks_on_and_is_told_to_stop_when_it_is_over(admin, payment):
    page = admin.get(at(payment))
    tag = page.context["tag"]
    assert 'hx-trigger="load delay:2s, again"' in page.content.decode()
    same = admin.get(at(payment, "state"), {"tag": tag, "n": 3})
    assert same.status_code == 200
    assert f"?tag={tag}&amp;n=4" in same.content.decode()
    assert "payment-body" not in same.content.decode()
    tell(payment, paid(payment))
    over = admin.get(at(payment, "state"), {"tag": tag, "n": 4})
    assert over.status_code == 286
    assert "are credited to Marketing" in plain(over)
    assert "hx-get" not in over.content.decode()
    assert 'id="payment-poll"' not in admin.get(at(payment)).content.decode()


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("0", 2),
        ("30", 5),
        ("100", 15),
        ("9999", 60),
        ("", 2),
        ("-1", 2),
        ("x", 2),
        ("²", 2),
        ("9" * 50, 2),
    ],
)
def test_it_asks_slower_and_slower_whatever_the_address_says(admin, payment, asked, seconds):
    response = admin.get(at(payment, "state"), {"tag": "?", "n": asked})
    assert f"load delay:{seconds}s" in response.content.decode()
    assert 'hx-swap-oob="true"' in response.content.decode()


def test_a_code_that_comes_later_appears_by_itself(admin, payment):
    tag = admin.get(at(payment)).context["tag"]
    tell(payment, about(payment, What.PENDING, instructions={"kind": "voucher", "code": "A-77"}))
    response = admin.get(at(payment, "state"), {"tag": tag})
    assert response.status_code == 200
    assert "A-77" in plain(response)


# --- continue and cancel ------------------------------------------------------------------------


def test_one_continues_where_one_left(admin, payment):
    assert "Continue to pay" in plain(admin.get(at(payment)))
    for _ in range(2):
        response = admin.post(at(payment, "continue"))
        assert (response.status_code, response.url) == (303, f"{PAGE}/pay/1")


def test_what_is_over_leads_to_its_page(admin, payment):
    tell(payment, paid(payment))
    assert admin.post(at(payment, "continue")).url == at(payment)


def test_one_gives_up_once(admin, payment, paper):
    response = admin.post(at(payment, "cancel"), follow=True)
    assert "The payment is cancelled." in plain(response)
    assert "Cancelled" in plain(response)
    assert "over already" in plain(admin.post(at(payment, "cancel"), follow=True))
    assert paper.cancelled == [payment.pk]
    payment.refresh_from_db()
    assert payment.state == PaymentState.CANCELLED
    # What was paid meanwhile is credited all the same.
    tell(payment, paid(payment))
    assert "are credited" in plain(admin.get(at(payment)))


def test_a_gateway_that_is_down_leaves_it_open(admin, payment, paper):
    paper.is_down = True
    response = admin.post(at(payment, "cancel"), follow=True)
    assert "the payment is not cancelled" in plain(response)
    payment.refresh_from_db()
    assert payment.state == PaymentState.PENDING


# --- who ----------------------------------------------------------------------------------------


def answers(client, payment):
    return [
        client.get(at(payment)).status_code,
        client.get(at(payment, "state")).status_code,
        client.post(at(payment, "continue")).status_code,
        client.post(at(payment, "cancel")).status_code,
    ]


def test_nobody_signs_in_first(client, payment):
    assert answers(client, payment) == [302] * 4
    assert client.get(at(payment)).url.startswith("/auth/")
    payment.refresh_from_db()
    assert payment.state == PaymentState.PENDING


@pytest.mark.parametrize("who", ["stranger", "gulf_admin", "otp_member"])
def test_who_may_not_see_it_finds_nothing(browser, cast, payment, who):
    assert answers(browser(getattr(cast, who)), payment) == [404] * 4


def test_it_is_not_found_under_another_company(browser, cast, payment):
    client = browser(cast.operator)
    assert client.get(reverse("payment-detail", args=["gulf", payment.pk])).status_code == 404
    assert client.get(reverse("payment-detail", args=["nile", uuid4()])).status_code == 404


@pytest.mark.parametrize("who", ["finance", "operator"])
def test_who_only_looks_on_can_neither_pay_nor_cancel(browser, cast, payment, who):
    client = browser(getattr(cast, who))
    assert answers(client, payment) == [200, 200, 403, 403]
    assert "Cancel this payment" not in plain(client.get(at(payment)))
    refusal = plain(client.post(at(payment, "cancel")))
    assert "Only the people of Marketing and the admins of Nile Retail Group" in refusal


@pytest.mark.parametrize("who", ["member", "marketing_admin", "admin"])
def test_its_own_people_can_pay_and_cancel(browser, cast, payment, who):
    assert answers(browser(getattr(cast, who)), payment) == [200, 200, 303, 302]


@pytest.mark.parametrize("name", ["continue", "cancel"])
def test_what_changes_something_is_posted(admin, payment, name):
    assert admin.get(at(payment, name)).status_code == 405


def test_the_queries_are_the_same_however_much_has_happened(admin, cast, payment):
    def count(name):
        with CaptureQueriesContext(connection) as queries:
            admin.get(at(payment, name))
        return len(queries)

    tell(payment, paid(payment))
    before = count("detail"), count("state")
    for n in range(5):
        tell(payment, paid(payment, f"pi_{n}"))
        settlement.credit_arrival(
            payment.arrivals.get(gateway_reference=f"pi_{n}"), by=cast.operator
        )
    assert (count("detail"), count("state")) == before
    assert max(before) <= 18

"""Topping up: the form, its preview, the review, and the start."""

from __future__ import annotations

import re
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import State
from billing import charges, payment_methods, payments, tree
from billing.models import Payment, PaymentMethod, PaymentState
from tests.billing.payments.cast import method_of
from tests.billing.payments.paper import PAGE
from tests.billing.transfer_form import plain
from tests.factories import balance_of, make_branches, set_limit

pytestmark = pytest.mark.django_db

NEW = reverse("payment-new", args=["nile"])
PREVIEW = reverse("payment-preview", args=["nile"])
REVIEW = reverse("payment-review", args=["nile"])
START = reverse("payment-start", args=["nile"])
PAGES = [NEW, PREVIEW, REVIEW, START]


@pytest.fixture
def admin(browser, cast, paper):
    return browser(cast.admin)


def typed(account, amount="250.50", code="card", **more):
    return {
        "account": str(account.pk),
        "amount": amount,
        "method": str(method_of(account, code).pk),
        **more,
    }


def sent(account, amount="250.50", code="card", key=None):
    return typed(account, amount, code, key=str(key or uuid4()))


# --- the form -----------------------------------------------------------------------------------


def test_the_form_offers_the_methods_of_the_country_with_limits_fees_and_times(admin, cast):
    PaymentMethod.objects.filter(country="EG", code="fawry").update(
        fee_percent=Decimal("2.50"), fee_fixed=Decimal(3)
    )
    text = plain(admin.get(NEW))
    assert "Credit or debit card EGP 50.00 to 300,000.00 · No fee Credited within a minute" in text
    assert "EGP 50.00 to 100,000.00 · Fee 2.5 % and EGP 3.00 24 hours to pay" in text
    assert "mada" not in text
    assert "20,000" in text  # a preset


def test_the_master_account_is_chosen_where_nothing_is_said_and_the_address_may_say(admin, cast):
    assert admin.get(NEW).context["form"]["account"].data == str(cast.nile.pk)
    response = admin.get(NEW, {"account": cast.retail.pk, "amount": "100"})
    assert response.context["outlook"].balance.account == cast.retail
    assert response.context["outlook"].after == Decimal("120.50")


def test_an_amount_to_choose_from_comes_into_the_address(admin, cast):
    response = admin.get(NEW, typed(cast.retail, "7", preset="500"))
    assert response.status_code == 302
    assert response.url == f"{NEW}?account={cast.retail.pk}&amount=500&method=" + str(
        method_of(cast.retail).pk
    )


def test_what_is_owed_is_offered_exactly_rounded_up_to_the_currency(admin, cast):
    set_limit(cast.retail, "1000")
    charges.charge(account=cast.retail, amount=Decimal("100.0001"), reference="m")
    response = admin.get(NEW, {"account": cast.retail.pk})
    assert response.context["outlook"].owed == Decimal("79.51")
    assert 'value="79.51"' in response.content.decode()
    assert "Retail branches owes EGP 79.51." in plain(response)
    assert admin.get(NEW, {"account": cast.nile.pk}).context["outlook"].owed is None


def test_a_method_whose_limits_do_not_fit_the_amount_says_so(admin, cast):
    text = plain(admin.get(PREVIEW, typed(cast.nile, "10")))
    assert "Credit or debit card takes EGP 50.00 or more." in text
    assert "Bank transfer takes EGP 1,000.00 or more." in text
    assert "Mobile wallet takes" not in text


def test_the_preview_tells_fee_total_and_the_balance_before_and_after(admin, cast):
    PaymentMethod.objects.filter(country="EG", code="card").update(fee_percent=Decimal("2.75"))
    text = plain(admin.get(PREVIEW, typed(cast.marketing, "100")))
    assert "Credited 100.00 Fee, on top 2.75 You pay EGP 102.75" in text
    assert "Available now 500.00 After 600.00" in text
    assert "hx-swap-oob" in admin.get(PREVIEW, typed(cast.nile)).content.decode()


@pytest.mark.parametrize(
    "amount", ["", "1.", "x", "-1", "0", "1e5", "1_000", "٣", "1.005", "9" * 30]
)
def test_the_preview_answers_whatever_is_typed(admin, cast, amount):
    assert admin.get(PREVIEW, typed(cast.nile, amount)).status_code == 200
    assert admin.get(PREVIEW, {"account": "x\0", "method": "9" * 40}).status_code == 200


def test_without_any_method_the_page_says_so(admin, cast, paper):
    paper.is_available = False
    assert "No way to pay here yet" in plain(admin.get(NEW))
    assert admin.get(REVIEW, typed(cast.nile)).status_code == 422


# --- review -------------------------------------------------------------------------------------


def test_the_review_shows_all_and_carries_it_on_with_a_fresh_key(admin, cast):
    response = admin.get(REVIEW, typed(cast.marketing))
    text = plain(response)
    assert response.status_code == 200
    for words in ("For Marketing", "Credit or debit card", "Pay EGP 250.50", "After 750.50"):
        assert words in text
    assert admin.get(REVIEW, typed(cast.marketing)).context["key"] != response.context["key"]
    assert Payment.objects.count() == 0


def test_only_pages_that_lead_to_the_gateway_let_forms_go_there(admin, cast):
    def policy(address, data=None):
        header = admin.get(address, data).headers["Content-Security-Policy"]
        return re.search(r"form-action ([^;]*)", header)[1]

    assert policy(REVIEW, typed(cast.nile)) == f"'self' {PAGE}"
    assert policy(NEW) == policy(reverse("payment-list", args=["nile"])) == "'self'"


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"amount": "49.99"}, "amount", "takes EGP 50.00 or more"),
        ({"amount": "300000.01"}, "amount", "at most EGP 300,000.00 at once"),
        ({"amount": "100.005"}, "amount", "at most 2"),
        ({"amount": ""}, "amount", "Write how much"),
        ({"amount": "0"}, "amount", "is zero"),
        ({"amount": "1,000"}, "amount", "without commas"),
        ({"method": ""}, "method", "Choose how to pay"),
        ({"method": "0"}, "method", "not offered"),
        ({"account": ""}, "account", "Choose the account"),
        ({"account": "nile"}, "account", "one of this company"),
    ],
)
def test_bad_input_keeps_what_was_typed_and_says_what_is_wrong(
    admin, cast, change, field, sentence
):
    data = typed(cast.marketing) | change
    for response in (
        admin.get(REVIEW, data),
        admin.post(START, data | {"key": str(uuid4())}),
    ):
        assert response.status_code == 422
        [error] = response.context["form"].errors[field]
        assert sentence in error
        assert sentence in plain(response)
        for name, value in data.items():
            assert response.context["form"][name].data == value
    assert Payment.objects.count() == 0


def test_a_method_of_another_country_is_refused(admin, cast):
    data = sent(cast.nile) | {"method": str(method_of(cast.gulf, "knet").pk)}
    assert "method" in admin.post(START, data).context["form"].errors


def test_a_shared_subaccount_points_to_the_master_account(admin, cast):
    response = admin.get(NEW, typed(cast.otp, "75"))
    assert "Top up Nile Retail Group instead." in plain(response)
    assert f'href="{NEW}?account={cast.nile.pk}&amp;amount=75' in response.content.decode()
    assert admin.post(START, sent(cast.otp)).status_code == 422
    assert Payment.objects.count() == 0


def test_three_decimals_and_none(browser, cast, paper):
    gulf = browser(cast.gulf_admin)
    review = reverse("payment-review", args=["gulf"])
    assert "Pay KWD 10.250" in plain(gulf.get(review, typed(cast.gulf, "10.25", "knet")))
    assert "steps of KWD 0.010" in plain(gulf.get(review, typed(cast.gulf, "10.255", "knet")))


# --- start --------------------------------------------------------------------------------------


def test_it_starts_the_payment_and_goes_to_the_hosted_page(admin, cast, paper):
    response = admin.post(START, sent(cast.marketing))
    payment = Payment.objects.get()
    assert (response.status_code, response.url) == (303, f"{PAGE}/pay/{payment.pk}")
    assert (payment.account, payment.amount, payment.by) == (
        cast.marketing,
        Decimal("250.50"),
        cast.admin,
    )
    assert payment.state == PaymentState.PENDING
    at = f"http://testserver/accounts/nile/payments/{payment.pk}/"
    assert paper.checkouts[payment.pk] == (f"{at}?back=1", f"{at}?back=cancelled")
    assert balance_of(cast.marketing).credit == 500


def test_sent_twice_it_is_one_payment(admin, cast, paper):
    data = sent(cast.marketing)
    first, second = admin.post(START, data), admin.post(START, data)
    assert first.url == second.url
    assert (Payment.objects.count(), paper.asked) == (1, 1)
    # Also when it could not be started any more.
    PaymentMethod.objects.update(is_enabled=False)
    assert admin.post(START, data).url == first.url


@pytest.mark.parametrize("amount", ["60", "sNaN"])
def test_the_key_of_another_payment_starts_nothing_and_shows_the_first(admin, cast, amount):
    key = uuid4()
    admin.post(START, sent(cast.marketing, key=key))
    response = admin.post(START, sent(cast.marketing, amount, key=key))
    assert response.status_code == 422
    assert "sent before, as another payment" in plain(response)
    assert Payment.objects.get().get_absolute_url() in response.content.decode()


def test_instructions_lead_to_the_payments_own_page(admin, cast, paper):
    paper.instructions = {"fawry": {"kind": "voucher", "code": "7781234567"}}
    response = admin.post(START, sent(cast.marketing, code="fawry"))
    assert response.url == Payment.objects.get().get_absolute_url()
    assert "7781 2345 67" in plain(admin.get(response.url))


def test_a_gateway_that_is_down_leaves_the_payment_and_says_that_nothing_was_taken(
    admin, cast, paper
):
    paper.is_down = True
    response = admin.post(START, sent(cast.marketing), follow=True)
    payment = Payment.objects.get()
    assert response.redirect_chain == [(payment.get_absolute_url(), 302)]
    assert "No money was taken. Try again" in plain(response)
    assert payment.state == PaymentState.CREATED
    paper.is_down = False
    again = admin.post(reverse("payment-continue", args=["nile", payment.pk]))
    assert (again.status_code, again.url) == (303, f"{PAGE}/pay/{payment.pk}")


@pytest.mark.parametrize(
    "page",
    [
        "javascript:alert(1)//",
        "https://evil.example",
        "https://paper.example@evil.example",
        "https://[",
        "",
    ],
)
def test_nobody_is_sent_to_a_page_that_the_settings_do_not_name(admin, cast, paper, page):
    paper.page = page
    response = admin.post(START, sent(cast.marketing))
    assert response.url == Payment.objects.get().get_absolute_url()
    assert "a page that we do not know" in plain(admin.get(response.url))


@pytest.mark.parametrize("key", ["", "x", "0" * 32, "0B0E9B6C-5B0A-4A55-8C3E-6E2E5B1D7F10"])
def test_without_its_number_nothing_is_started(admin, cast, key):
    response = admin.post(START, typed(cast.marketing, key=key))
    assert response.status_code == 422
    assert Payment.objects.count() == 0


def test_what_has_changed_meanwhile_is_refused_with_a_sentence(admin, cast):
    tree.close(account=cast.retail, by=None)
    response = admin.post(START, sent(cast.retail))
    assert "is closed and takes no payments" in plain(response)
    PaymentMethod.objects.filter(code="card").update(is_enabled=False)
    response = admin.post(START, sent(cast.marketing))
    assert "This way to pay is not offered" in plain(response)
    assert Payment.objects.count() == 0


def test_a_start_that_was_copied_from_the_address_leads_to_the_form(admin):
    assert admin.get(START).url == NEW


# --- who ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_nobody_signs_in_first_and_strangers_find_nothing(client, browser, cast, paper, page):
    assert client.get(page).url.startswith("/auth/")
    for person in (cast.stranger, cast.gulf_admin):
        assert browser(person).get(page).status_code == 404
    assert browser(cast.gulf_admin).post(START, sent(cast.nile)).status_code == 404


@pytest.mark.parametrize(
    ("who", "sentence"),
    [
        ("finance", "Only an admin of Nile Retail Group"),
        ("operator", "Only an admin of Nile Retail Group"),
        ("otp_member", "draws on the balance of Nile Retail Group, which its admins top up"),
    ],
)
@pytest.mark.parametrize("page", [NEW, PREVIEW, REVIEW])
def test_who_may_not_pay_is_told_who_may(browser, cast, paper, who, sentence, page):
    client = browser(getattr(cast, who))
    response = client.get(page)
    assert response.status_code == 403
    assert sentence in plain(response)
    assert client.post(START, sent(cast.nile)).status_code == 403
    assert Payment.objects.count() == 0


@pytest.mark.parametrize("who", ["member", "marketing_admin"])
def test_people_of_a_subaccount_pay_for_their_own_and_for_no_other(browser, cast, paper, who):
    client = browser(getattr(cast, who))
    text = client.get(NEW).content.decode()
    assert "Marketing" in text
    assert "Retail branches" not in text
    assert "10,000.00" not in text
    assert client.post(START, sent(cast.marketing)).status_code == 303
    for other in (cast.nile, cast.retail, cast.otp, cast.gulf):
        response = client.post(START, sent(cast.marketing) | {"account": str(other.pk)})
        assert response.status_code == 422
    assert [each.account for each in Payment.objects.all()] == [cast.marketing]


def test_a_suspended_account_may_be_paid_for(admin, cast):
    tree.suspend(account=cast.marketing)
    cast.marketing.refresh_from_db()
    assert cast.marketing.state == State.SUSPENDED
    assert admin.post(START, sent(cast.marketing)).status_code == 303


@pytest.mark.parametrize(("method", "page"), [("post", NEW), ("post", PREVIEW), ("delete", START)])
def test_other_methods_are_refused(admin, method, page):
    assert getattr(admin, method)(page).status_code == 405


@pytest.mark.parametrize("page", [NEW, PREVIEW, REVIEW])
def test_the_queries_are_the_same_for_many_accounts(admin, cast, page):
    data = typed(cast.nile)

    def count():
        with CaptureQueriesContext(connection) as queries:
            assert admin.get(page, data).status_code == 200
        return len(queries)

    before = count()
    make_branches(cast.nile, 50)
    assert count() == before
    assert before <= 9


def test_presets_pass_the_limits_of_some_method(admin, cast):
    for preset in payment_methods.presets("EGP"):
        assert admin.get(REVIEW, typed(cast.nile, str(preset))).status_code == 200


def test_so_many_payments_may_wait_for_their_money_and_no_more(
    admin, cast, paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payments, "MOST_OPEN", 2)
    for _number in range(2):
        admin.post(START, sent(cast.marketing))
    response = admin.post(START, sent(cast.marketing))
    assert response.status_code == 422
    assert "2 payments that wait for their money" in response.content.decode()
    assert Payment.objects.count() == 2
    # Another account's are its own.
    assert admin.post(START, sent(cast.nile)).status_code == 303

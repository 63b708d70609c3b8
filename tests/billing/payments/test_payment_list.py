"""The history of payments: rows, filters, pages, who sees what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.gateways.protocol import What
from billing.views import payment_list
from tests.billing.payments.cast import about, make_payment, method_of, paid, tell
from tests.billing.transfer_form import plain

pytestmark = pytest.mark.django_db

HISTORY = reverse("payment-list", args=["nile"])


@pytest.fixture
def admin(browser, cast):
    return browser(cast.admin)


def shown(response):
    return [payment.reference for payment in response.context["table"].data]


def test_the_newest_stands_first_with_its_status(admin, cast):
    first, second = make_payment(cast.marketing, by=cast.member), make_payment(cast.retail)
    tell(first, paid(first))
    response = admin.get(HISTORY)
    assert shown(response) == [second.reference, first.reference]
    text = plain(response)
    for words in ("Waiting for the money", "Paid", "Marketing", cast.member.email, "Top up"):
        assert words in text


def test_an_empty_history_teaches(admin, browser, cast):
    assert "No payments yet" in plain(admin.get(HISTORY))
    assert "Top up" not in plain(browser(cast.finance).get(HISTORY))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"status": "paid"}, [0]),
        ({"status": "failed"}, [1]),
        ({"status": "refunded"}, []),
        ({"method": "Bank transfer"}, [2]),
        ({"reference": "rf 98 765"}, [1]),
        ({"date_from": "2026-03-02", "date_to": "2026-03-02"}, [1]),
        ({"date_to": "2026-03-01"}, [0]),
    ],
)
def test_filters_find_what_they_say(admin, cast, given, found):
    bank = method_of(cast.nile, "bank_transfer")
    # The second was made on the 2nd in Cairo, not yet in UTC.
    moments = [datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 22, 30, tzinfo=UTC)]
    payments = [
        make_payment(cast.marketing, created_at=moments[0]),
        make_payment(cast.retail, created_at=moments[1], reference="RF987654321"),
        make_payment(cast.nile, method=bank, method_label=bank.label),
    ]
    tell(payments[0], paid(payments[0]))
    tell(payments[1], about(payments[1], What.FAILED, about="Declined."))
    assert shown(admin.get(HISTORY, given)) == [payments[n].reference for n in found]


def test_one_filters_by_account_and_by_the_number_of_a_receipt(admin, cast):
    payment = make_payment(cast.marketing)
    make_payment(cast.retail)
    tell(payment, paid(payment))
    receipt = payment.arrivals.get().receipt
    for given in ({"account": cast.marketing.pk}, {"reference": receipt}):
        assert shown(admin.get(HISTORY, given)) == [payment.reference]
    assert shown(admin.get(HISTORY, {"reference": "2026-999999"})) == []


@pytest.mark.parametrize(
    "given",
    [
        {"status": "x"},
        {"method": "x"},
        {"account": "0"},
        {"account": "x\0"},
        {"date_from": "x"},
        {"date_from": "2026-02-02", "date_to": "2026-02-01"},
        {"reference": "x" * 51},
    ],
)
def test_a_bad_filter_shows_its_error_and_no_rows(admin, cast, given):
    make_payment(cast.marketing)
    response = admin.get(HISTORY, given)
    assert response.status_code == 200
    assert shown(response) == []
    assert response.context["form"].errors


@pytest.mark.parametrize("given", ["9999-999999999", "²-²", "1-1-1", "2026-", "-"])
def test_odd_references_find_nothing(admin, cast, given):
    make_payment(cast.marketing)
    assert shown(admin.get(HISTORY, {"reference": given})) == []


def test_pages_go_forwards_and_back_without_losing_or_repeating_a_row(admin, cast, monkeypatch):
    monkeypatch.setattr(payment_list, "PAGE_SIZE", 2)
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    # Two of the same moment fall on both sides of an edge.
    for hours in (0, 1, 1, 2, 3):
        make_payment(cast.marketing, created_at=moment + timedelta(hours=hours))
    pages, given = [], {}
    while True:
        response = admin.get(HISTORY, given)
        pages.append(shown(response))
        if not response.context["older"]:
            break
        given = {"before": response.context["older"]}
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len({reference for page in pages for reference in page}) == 5
    back = [pages[-1]]
    while response.context["newer"]:
        response = admin.get(HISTORY, {"after": response.context["newer"]})
        back.append(shown(response))
    assert back == pages[::-1]
    with CaptureQueriesContext(connection) as queries:
        admin.get(HISTORY, {"before": response.context["older"]})
    asked = [query["sql"] for query in queries if 'FROM "billing_payment"' in query["sql"]]
    assert asked
    assert not any("OFFSET" in sql or "COUNT(" in sql for sql in asked)


@pytest.mark.parametrize("given", [{"before": "x"}, {"after": "1"}, {"before": str(uuid4())}])
def test_what_is_no_payment_here_is_no_page(admin, cast, given):
    make_payment(cast.marketing)
    assert admin.get(HISTORY, given).status_code == 404


def test_the_edge_of_a_page_is_ones_own(browser, cast):
    foreign = make_payment(cast.retail)
    assert browser(cast.member).get(HISTORY, {"before": foreign.pk}).status_code == 404


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("admin", {"nile", "marketing"}),
        ("finance", {"nile", "marketing"}),
        ("operator", {"nile", "marketing"}),
        ("member", {"marketing"}),
        ("otp_member", set()),
    ],
)
def test_each_sees_the_payments_of_their_accounts(browser, cast, who, sees):
    payments = {a.code: make_payment(a) for a in (cast.nile, cast.marketing, cast.gulf)}
    response = browser(getattr(cast, who)).get(HISTORY)
    assert set(shown(response)) == {payments[code].reference for code in sees}


def test_strangers_find_nothing_and_nobody_signs_in_first(client, browser, cast):
    assert client.get(HISTORY).url.startswith("/auth/")
    for person in (cast.stranger, cast.gulf_admin):
        assert browser(person).get(HISTORY).status_code == 404
    assert browser(cast.admin).post(HISTORY).status_code == 405


def test_a_fragment_comes_alone_with_its_filter(admin, cast):
    make_payment(cast.marketing)
    page = admin.get(HISTORY, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in page
    assert 'id="payment-filter" hx-swap-oob="true"' in page


def test_the_queries_are_the_same_for_many_rows(admin, cast):
    make_payment(cast.marketing, by=cast.member)

    def count():
        with CaptureQueriesContext(connection) as queries:
            admin.get(HISTORY)
        return len(queries)

    before = count()
    for _ in range(20):
        payment = make_payment(cast.retail, by=cast.admin)
        tell(payment, paid(payment))
    assert count() == before
    assert before <= 10

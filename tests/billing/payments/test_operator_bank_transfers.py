"""Bank transfers that are waited for: found, and confirmed by hand, once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from billing import payments
from billing.models import Arrival, ArrivalState, PaymentState
from billing.verification import verify
from tests.billing.payments.bank import ask
from tests.billing.payments.cast import make_payment
from tests.billing.payments.operators import address, hidden, plain
from tests.factories import balance_of, give

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "bank-transfer-list"


@pytest.fixture
def payment(cast):
    """1,500 asked for Marketing, which has 500."""
    return ask(cast.marketing)


def typed(operator, payment, **more) -> dict[str, str]:
    page = operator.get(address("bank-transfer-confirm", payment.pk))
    fields = {
        "amount": "1500.00",
        "arrived_on": timezone.now().date().isoformat(),
        "note": "FT26324",
        "key": hidden(page, "key"),
        "shown": hidden(page, "shown"),
    }
    return fields | more


def send(operator, payment, fields, **options):
    return operator.post(address("bank-transfer-confirm", payment.pk), fields, **options)


def found(operator, query) -> set:
    return {each.pk for each in operator.get(address(LIST), {"q": query}).context["payments"]}


def test_the_list_has_those_that_wait_and_no_cards(operator, cast, payment):
    make_payment(cast.marketing)
    gone = payments.cancel(ask(cast.retail), by=None)
    shown = operator.get(address(LIST)).context["payments"]
    assert [each.pk for each in shown] == [payment.pk]
    assert found(operator, gone.reference) == {gone.pk}


def test_they_are_found_by_reference_amount_account_and_company(operator, cast, payment):
    other = ask(cast.retail, "2000.50")
    spaced = f" {payment.reference[:4]} {payment.reference[4:].lower()} "
    assert found(operator, spaced) == {payment.pk}
    assert found(operator, "2,000.50") == {other.pk}
    assert found(operator, "EGP 1500") == {payment.pk}
    assert found(operator, "market") == {payment.pk}
    assert found(operator, "nile") == {payment.pk, other.pk}
    assert found(operator, "%") == set()
    assert found(operator, "nobody") == set()


@pytest.mark.parametrize("query", ["x" * 101, "a\0b"])
def test_a_search_that_is_none_says_so_and_shows_nothing(operator, payment, query):
    response = operator.get(address(LIST), {"q": query})
    assert response.status_code == 422
    assert "at most 100 characters" in plain(response)
    assert not response.context["payments"]


def test_the_list_is_bounded_and_goes_on(operator, cast, monkeypatch):
    monkeypatch.setattr(payments, "MOST_OPEN", 60)
    made = [ask(cast.marketing, "1000") for _n in range(53)]
    first = operator.get(address(LIST))
    rest = operator.get(address(LIST), {"before": first.context["next"]})
    shown = [each.pk for each in [*first.context["payments"], *rest.context["payments"]]]
    assert len(first.context["payments"]) == 50
    assert shown == [each.pk for each in reversed(made)]


def test_confirming_the_whole_sum_credits_it_once(operator, cast, payment):
    fields = typed(operator, payment)
    answer = send(operator, payment, fields, follow=True)
    assert "Credited: EGP 1,500.00 arrived for Marketing." in plain(answer)
    again = send(operator, payment, fields, follow=True)
    assert "confirmed when the form was first sent" in plain(again)
    payment.refresh_from_db()
    assert payment.state == PaymentState.PAID
    assert balance_of(cast.marketing).credit == 2000
    event = payment.events.get(what="arrived")
    assert event.by == cast.operator
    assert "FT26324" in event.about
    assert verify().is_clean


def test_another_sum_is_held_in_review(operator, cast, payment):
    answer = send(operator, payment, typed(operator, payment, amount="1499"), follow=True)
    assert "held in review: Another amount" in plain(answer)
    assert payment.arrivals.get().state == ArrivalState.IN_REVIEW
    assert balance_of(cast.marketing).credit == 500


def test_what_is_confirmed_for_a_paid_one_is_held_in_review(operator, cast, payment):
    send(operator, payment, typed(operator, payment))
    page = operator.get(address("bank-transfer-confirm", payment.pk))
    assert "It is paid already." in plain(page)
    send(operator, payment, typed(operator, payment))
    assert Arrival.objects.filter(state=ArrivalState.IN_REVIEW).count() == 1
    assert balance_of(cast.marketing).credit == 2000


def test_figures_that_have_changed_are_shown_and_asked_again(operator, cast, payment):
    fields = typed(operator, payment)
    give(cast.marketing, "1")
    response = send(operator, payment, fields)
    assert response.status_code == 422
    assert "The figures have changed" in plain(response)
    assert "2,001.00" in plain(response)
    assert hidden(response, "key") == fields["key"]
    assert not Arrival.objects.exists()
    fields["shown"] = hidden(response, "shown")
    assert send(operator, payment, fields).status_code == 302
    assert balance_of(cast.marketing).credit == 2001


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"amount": ""}, "Write how much arrived."),
        ({"amount": "0"}, "The amount is zero."),
        ({"amount": "-5"}, "below zero"),
        ({"amount": "1.005"}, "too many decimals"),
        ({"amount": "1e3"}, "Write the amount in digits"),
        ({"amount": "1" * 13}, "too large"),
        ({"arrived_on": ""}, "Write the day on which it arrived."),
        ({"arrived_on": "20/11/2026"}, "year-month-day"),
        ({"arrived_on": "0001-01-01"}, "too long ago"),
        ({"arrived_on": "9999-12-31"}, "still to come"),
        ({"note": "n" * 141}, "at most 140 characters"),
        ({"note": "a\0b"}, "Null characters"),
        ({"key": ""}, "came without its number"),
        ({"key": "x"}, "came without its number"),
    ],
)
def test_what_is_malformed_keeps_what_was_typed_and_says_why(operator, payment, fields, sentence):
    sent = typed(operator, payment) | fields
    response = send(operator, payment, sent)
    assert response.status_code == 422
    assert sentence in plain(response)
    assert not Arrival.objects.exists()
    if "amount" not in fields:
        assert 'value="1500.00"' in response.content.decode()
    if "key" in fields:
        assert hidden(response, "key") != sent["key"]


def test_a_day_before_today_is_taken(operator, cast, payment):
    day = (timezone.now().date() - timedelta(days=30)).isoformat()
    assert send(operator, payment, typed(operator, payment, arrived_on=day)).status_code == 302
    assert balance_of(cast.marketing).credit == Decimal(2000)


def test_a_payment_by_card_is_not_confirmed_by_hand(operator, cast):
    card = make_payment(cast.marketing)
    assert operator.get(address("bank-transfer-confirm", card.pk)).status_code == 404
    assert operator.get(address("payment", card.pk)).status_code == 200

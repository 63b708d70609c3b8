"""Money in review: credited as it came or noted as returned, once, with the figures shown."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing.models import ArrivalState
from billing.payment_trail import Trail
from billing.templatetags.operators import trail_word
from billing.verification import verify
from tests.billing.payments.bank import ask
from tests.billing.payments.camt import camt, entry
from tests.billing.payments.operators import address, hidden, plain, take
from tests.factories import balance_of, give

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def short(cast):
    """1,200 of the 1,500 that were asked for Marketing, which has 500."""
    payment = ask(cast.marketing)
    take(cast, camt(entry("1200.00", payment.reference)))
    return payment.arrivals.get()


def test_the_list_says_why_and_both_figures(operator, short):
    text = plain(operator.get(address("review-list")))
    for said in ("Another amount than was asked for", "EGP 1,200.00", "EGP 1,500.00", "Marketing"):
        assert said in text


def test_the_list_is_bounded_and_goes_on(operator, cast, monkeypatch):
    payment = ask(cast.marketing)
    take(cast, camt(*[entry(f"{n}.00", payment.reference) for n in range(1, 54)]))
    first = operator.get(address("review-list"))
    assert len(first.context["arrivals"]) == 50
    after = {"after": first.context["next"]}
    assert len(operator.get(address("review-list"), after).context["arrivals"]) == 3


def test_the_page_shows_both_balances_before_and_after(operator, short):
    text = plain(operator.get(address("review", short.pk)))
    for figure in ("500.00", "1,700.00", "EGP 1,200.00"):
        assert figure in text


def test_crediting_posts_what_arrived_once(operator, cast, short):
    page = address("review", short.pk)
    fields = {"do": "credit", "shown": hidden(operator.get(page), "shown")}
    answer = operator.post(page, fields, follow=True)
    assert "Credited EGP 1,200.00 to Marketing." in plain(answer)
    again = operator.post(page, fields, follow=True)
    assert "credited already, and not again" in plain(again)
    assert balance_of(cast.marketing).credit == 1700
    short.refresh_from_db()
    assert (short.state, short.ended_by) == (ArrivalState.CREDITED, cast.operator)
    assert verify().is_clean


def test_returning_moves_nothing_and_cannot_be_taken_back(operator, cast, short):
    page = address("review", short.pk)
    shown = hidden(operator.get(page), "shown")
    answer = operator.post(page, {"do": "return", "shown": shown}, follow=True)
    assert "Noted that EGP 1,200.00 went back." in plain(answer)
    again = operator.post(page, {"do": "credit", "shown": shown}, follow=True)
    assert "noted as returned already" in plain(again)
    assert balance_of(cast.marketing).credit == 500


def test_figures_that_have_changed_are_shown_and_asked_again(operator, cast, short):
    page = address("review", short.pk)
    shown = hidden(operator.get(page), "shown")
    give(cast.marketing, "1")
    response = operator.post(page, {"do": "credit", "shown": shown})
    assert response.status_code == 422
    assert "The figures have changed" in plain(response)
    assert "1,701.00" in plain(response)
    assert balance_of(cast.marketing).credit == 501
    fields = {"do": "credit", "shown": hidden(response, "shown")}
    assert operator.post(page, fields).status_code == 302
    assert balance_of(cast.marketing).credit == 1701


@pytest.mark.parametrize("fields", [{}, {"do": "x"}, {"do": "credit"}, {"do": "\0"}])
def test_malformed_nothing_happens(operator, cast, short, fields):
    assert operator.post(address("review", short.pk), fields).status_code == 422
    short.refresh_from_db()
    assert short.state == ArrivalState.IN_REVIEW


def test_another_currency_can_only_go_back(operator, cast):
    payment = ask(cast.marketing)
    take(cast, camt(entry("1500.00", payment.reference, currency="USD")))
    page = address("review", payment.arrivals.get().pk)
    response = operator.get(page)
    assert "It came in USD, and the account is in EGP." in plain(response)
    answer = operator.post(page, {"do": "credit", "shown": "x"})
    assert answer.status_code == 422
    assert balance_of(cast.marketing).credit == Decimal(500)
    fields = {"do": "return", "shown": hidden(response, "shown")}
    assert operator.post(page, fields).status_code == 302


def test_every_word_of_a_trail_is_written_out_for_operators():
    assert [word for word in Trail if trail_word(word) == word.value] == []

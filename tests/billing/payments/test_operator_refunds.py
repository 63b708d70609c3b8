"""Refunds by operators: asked for once, on hold, and confirmed or failed by hand."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from billing import charges, refunds, settlement
from billing.gateways.protocol import Fact, What
from billing.models import Refund, RefundState
from billing.verification import verify
from tests.billing.payments.bank import ask
from tests.billing.payments.operators import address, hidden, plain
from tests.factories import balance_of, give

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def payment(cast):
    """1,500 that came for Marketing, which has 2,000 now."""
    payment = ask(cast.marketing)
    settlement.learn_about(
        payment, [Fact(What.PAID, reference="x", amount=Decimal(1500), currency="EGP")]
    )
    payment.refresh_from_db()
    return payment


@pytest.fixture
def refund(cast, payment):
    """500 of it, set apart."""
    return refunds.request(
        payment=payment, amount=Decimal(500), reason="twice", key=uuid4(), by=cast.operator
    )


def typed(operator, payment, **more) -> dict[str, str]:
    page = operator.get(address("refund-new", payment.pk))
    return {
        "amount": "400",
        "reason": "paid too much",
        "key": hidden(page, "key"),
        "shown": hidden(page, "shown"),
    } | more


def send(operator, payment, fields, **options):
    return operator.post(address("refund-new", payment.pk), fields, **options)


def figures(account) -> tuple[Decimal, Decimal]:
    row = balance_of(account)
    return row.credit, row.on_hold


def test_the_form_offers_all_that_is_left(operator, payment, refund):
    response = operator.get(address("refund-new", payment.pk))
    assert response.context["form"]["amount"].value() == "1000.00"
    assert "EGP 1,000.00 of this payment" in plain(response)


def test_asking_sets_the_credit_apart_once(operator, cast, payment):
    fields = typed(operator, payment)
    answer = send(operator, payment, fields, follow=True)
    assert "EGP 400.00 is set apart. Pay it back at the bank" in plain(answer)
    again = send(operator, payment, fields, follow=True)
    assert "and not again" in plain(again)
    assert figures(cast.marketing) == (2000, 400)
    made = Refund.objects.get()
    assert (made.by, made.reason, made.state) == (cast.operator, "paid too much", "requested")
    assert "paid too much" in plain(operator.get(address("refund-list")))


def test_a_number_of_another_payments_refund_is_renewed(operator, cast, payment, refund):
    other = ask(cast.retail)
    fact = Fact(What.PAID, reference="y", amount=Decimal(1500), currency="EGP")
    settlement.learn_about(other, [fact])
    response = send(operator, other, typed(operator, other, key=str(refund.pk)))
    assert response.status_code == 422
    assert hidden(response, "key") != str(refund.pk)
    assert Refund.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"amount": ""}, "Write how much to give back."),
        ({"amount": "0"}, "The amount is zero."),
        ({"amount": "1500.01"}, "At most EGP 1,500.00 of this payment can still be refunded."),
        ({"amount": "1.001"}, "too many decimals"),
        ({"amount": "9" * 12}, "At most EGP 1,500.00"),
        ({"reason": " "}, "Write why the money goes back."),
        ({"reason": "r" * 301}, "at most 300 characters"),
        ({"reason": "a\0b"}, "Null characters"),
        ({"key": "x"}, "came without its number"),
        ({"shown": "x"}, "The figures have changed"),
    ],
)
def test_what_is_malformed_keeps_what_was_typed_and_says_why(
    operator, cast, payment, fields, sentence
):
    response = send(operator, payment, typed(operator, payment, **fields))
    assert response.status_code == 422
    assert sentence in plain(response)
    assert not Refund.objects.exists()
    if "amount" not in fields:
        assert response.context["form"]["amount"].value() == "400"


def test_spent_credit_is_refused_with_the_figures_and_given_back_past_the_limit_on_purpose(
    operator, cast, payment
):
    charges.charge(account=cast.marketing, amount=Decimal(1900), reference="m")
    response = send(operator, payment, typed(operator, payment))
    assert response.status_code == 422
    assert "Marketing can spend at most EGP 100.00" in plain(response)
    assert send(operator, payment, typed(operator, payment, past_limit="on")).status_code == 302
    made = Refund.objects.get()
    page = address("refund-end", made.pk)
    shown = hidden(operator.get(page), "shown")
    operator.post(page, {"do": "done", "shown": shown})
    assert figures(cast.marketing) == (-300, 0)
    assert verify().is_clean


def test_confirming_posts_it_once(operator, cast, payment, refund):
    page = address("refund-end", refund.pk)
    response = operator.get(page)
    assert "2,000.00 1,500.00 2,000.00" in plain(response)
    fields = {"do": "done", "shown": hidden(response, "shown")}
    assert "Confirmed: EGP 500.00 was paid back." in plain(
        operator.post(page, fields, follow=True)
    )
    assert "confirmed already" in plain(operator.post(page, fields, follow=True))
    assert figures(cast.marketing) == (1500, 0)
    refund.refresh_from_db()
    assert refund.state == RefundState.DONE
    assert "by Bank transfer Partly refunded" in plain(
        operator.get(address("payment", payment.pk))
    )
    assert verify().is_clean


def test_a_failed_one_is_available_again_and_says_why(operator, cast, payment, refund):
    page = address("refund-end", refund.pk)
    shown = hidden(operator.get(page), "shown")
    response = operator.post(page, {"do": "failed", "shown": shown, "why": ""})
    assert response.status_code == 422
    assert "Write why it failed" in plain(response)
    operator.post(page, {"do": "failed", "shown": shown, "why": "account closed"})
    refund.refresh_from_db()
    assert (refund.state, refund.failure) == (RefundState.FAILED, "account closed")
    assert figures(cast.marketing) == (2000, 0)
    again = operator.post(page, {"do": "done", "shown": shown}, follow=True)
    assert "This refund failed already" in plain(again)
    assert figures(cast.marketing) == (2000, 0)


def test_one_that_came_back_after_it_was_done_is_credited_again(operator, cast, payment, refund):
    page = address("refund-end", refund.pk)
    operator.post(page, {"do": "done", "shown": hidden(operator.get(page), "shown")})
    shown = hidden(operator.get(page), "shown")
    operator.post(page, {"do": "failed", "shown": shown, "why": "unknown account"})
    assert figures(cast.marketing) == (2000, 0)
    assert verify().is_clean


def test_figures_that_have_changed_are_shown_and_asked_again(operator, cast, refund):
    page = address("refund-end", refund.pk)
    shown = hidden(operator.get(page), "shown")
    give(cast.marketing, "1")
    response = operator.post(page, {"do": "done", "shown": shown})
    assert response.status_code == 422
    assert "The figures have changed" in plain(response)
    assert figures(cast.marketing) == (2001, 500)


@pytest.mark.parametrize(
    "fields", [{}, {"do": "x"}, {"do": "done"}, {"do": "failed", "why": "w" * 201}, {"do": "\0"}]
)
def test_malformed_nothing_happens(operator, refund, fields):
    assert operator.post(address("refund-end", refund.pk), fields).status_code == 422
    refund.refresh_from_db()
    assert refund.state == RefundState.REQUESTED


def test_a_payment_that_is_not_paid_has_nothing_to_give_back(operator, cast):
    waiting = ask(cast.marketing)
    page = operator.get(address("refund-new", waiting.pk))
    assert "Nothing of this payment is left to give back." in plain(page)

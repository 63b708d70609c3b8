"""Refunds: the credit is on hold while the gateway works, and leaves or returns once."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from billing import caps, charges, refunds
from billing.gateways.protocol import What
from billing.models import Balance, Entry, Kind, Refund, RefundState
from billing.refusals import InsufficientBalance
from billing.verification import verify
from tests.billing.payments.cast import about, make_payment, paid, tell
from tests.factories import balance_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def payment(cast):
    """Retail has 120.50, 100 of it from this payment."""
    payment = make_payment(cast.retail)
    tell(payment, paid(payment))
    return payment


def request(payment, amount, **keywords):
    facts = {"reason": "Asked for", "key": uuid4(), "by": keywords.pop("by", None)}
    return refunds.request(payment=payment, amount=Decimal(amount), **facts, **keywords)


def figures(account) -> tuple[Decimal, Decimal]:
    row: Balance = balance_of(account)
    return row.credit, row.on_hold


def done(payment, refund, what=What.REFUNDED):
    return about(payment, what, refund=str(refund.pk), reference="re_1", amount=refund.amount)


def test_the_credit_is_on_hold_and_leaves_when_the_gateway_confirms(cast, payment):
    refund = request(payment, "40", by=cast.operator)
    assert figures(cast.retail) == (Decimal("120.50"), Decimal(40))
    tell(payment, done(payment, refund))
    tell(payment, done(payment, refund))
    assert figures(cast.retail) == (Decimal("80.50"), 0)
    assert (payment.refunded, payment.refundable) == (40, 60)
    refund.refresh_from_db()
    assert refund.state == RefundState.DONE
    assert verify().is_clean


def test_it_is_available_again_when_the_gateway_fails(cast, payment):
    refund = request(payment, "40", by=cast.operator)
    tell(payment, done(payment, refund, What.REFUND_FAILED))
    assert figures(cast.retail) == (Decimal("120.50"), 0)
    assert payment.refunded == 0
    # It may be asked for anew.
    request(payment, "100", by=cast.operator)
    assert verify().is_clean


def test_a_bank_that_sends_the_money_back_later_restores_the_credit(cast, payment):
    refund = request(payment, "40", by=cast.operator)
    tell(payment, done(payment, refund))
    tell(payment, done(payment, refund, What.REFUND_FAILED))
    tell(payment, done(payment, refund, What.REFUND_FAILED))
    assert figures(cast.retail) == (Decimal("120.50"), 0)
    assert payment.refunded == 0
    assert verify().is_clean


def test_never_more_than_paid_less_refunded_and_under_way(cast, payment):
    request(payment, "40", by=cast.operator)
    with pytest.raises(refunds.MoreThanPaid) as refusal:
        request(payment, "60.01", by=cast.operator)
    assert "At most EGP 60.00" in refusal.value.message
    request(payment, "60", by=cast.operator)
    with pytest.raises(refunds.MoreThanPaid):
        request(payment, "0.01", by=cast.operator)


def test_ten_operators_at_once_refund_no_more_than_was_paid(cast, payment):
    def ask():
        try:
            return request(payment, "30", by=cast.operator).amount
        except refunds.MoreThanPaid:
            return None

    assert sum(filter(None, at_once(*[ask] * 10))) == 90


def test_spent_credit_is_refused_unless_past_the_limit_on_purpose(cast, payment):
    charges.charge(account=cast.retail, amount=Decimal(100), reference="m-1")
    with pytest.raises(InsufficientBalance):
        request(payment, "40", by=cast.operator)
    assert not Refund.objects.exists()
    refund = request(payment, "40", by=cast.operator, past_limit=True)
    assert figures(cast.retail) == (Decimal("20.50"), 0)
    tell(payment, done(payment, refund))
    assert figures(cast.retail) == (Decimal("-19.50"), 0)
    assert verify().is_clean


def test_one_form_sent_twice_is_one_refund(cast, payment):
    key = uuid4()
    for _ in range(2):
        refunds.request(
            payment=payment, amount=Decimal(40), reason="Asked for", key=key, by=cast.operator
        )
    assert Refund.objects.count() == 1
    assert figures(cast.retail) == (Decimal("120.50"), 40)


def test_one_made_at_the_gateway_itself_leaves_the_books_too(cast, payment):
    fact = about(payment, What.REFUNDED, reference="re_9", amount=Decimal(25), about="By hand")
    tell(payment, fact)
    tell(payment, fact)
    assert figures(cast.retail) == (Decimal("95.50"), 0)
    refund = Refund.objects.get()
    assert (refund.by, refund.state, refund.amount) == (None, RefundState.DONE, 25)
    assert verify().is_clean


def test_what_is_set_apart_for_a_refund_does_not_use_up_a_spending_cap(cast, payment):
    caps.change(account=cast.retail, cap=Decimal(10))
    request(payment, "40", by=cast.operator)
    assert charges.charge(account=cast.retail, amount=Decimal(10), reference="m").refusal is None
    assert charges.charge(account=cast.retail, amount=Decimal(1), reference="n").refusal
    assert verify().is_clean


@pytest.mark.parametrize(("amount", "reason"), [("0", "so"), ("-1", "so"), ("1", " ")])
def test_a_refund_of_nothing_or_without_a_reason_is_refused(cast, payment, amount, reason):
    with pytest.raises(ValueError, match="a refund"):
        refunds.request(
            payment=payment, amount=Decimal(amount), reason=reason, key=uuid4(), by=cast.operator
        )


def test_the_entry_is_a_refund_by_whoever_asked(cast, payment):
    refund = request(payment, "40", by=cast.operator)
    tell(payment, done(payment, refund))
    entry = Entry.objects.get(kind=Kind.REFUND)
    assert (entry.amount, entry.by, entry.limit_enforced) == (-40, cast.operator, False)

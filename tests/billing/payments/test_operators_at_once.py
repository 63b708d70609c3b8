"""Two operators at once, or a message in between: nobody does what they have not looked at."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from uuid import uuid4

import pytest
from django.db import connection, transaction

from billing import bank_statements, charges, payment_figures, refunds, settlement
from billing.gateways.protocol import Fact, What
from billing.ledger import StartAgain
from billing.models import Arrival, LineOutcome, Payment, Refund
from billing.payment_figures import PaymentFiguresChanged
from billing.verification import verify
from tests.billing.payments.bank import ask
from tests.billing.payments.camt import camt, entry
from tests.billing.payments.operators import take
from tests.factories import balance_of, give
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def looked(payment) -> str:
    """The figures as a page shows them at this moment."""
    fresh = Payment.objects.get(pk=payment.pk)
    return payment_figures.write(fresh, payment_figures.holder_of(fresh.account))


def one_was_late(results) -> None:
    assert [isinstance(each, PaymentFiguresChanged) for each in results].count(True) == 1


def arrived(payment, amount: str = "1500") -> Fact:
    name = f"hand/{payment.pk}/{uuid4()}"
    return Fact(What.PAID, reference=name, amount=Decimal(amount), currency="EGP")


@pytest.fixture
def paid(cast) -> Payment:
    payment = ask(cast.marketing)
    settlement.learn_about(payment, [arrived(payment)])
    payment.refresh_from_db()
    return payment


def test_two_who_confirm_one_transfer_at_once_credit_it_once_and_nothing_lands_in_review(cast):
    payment = ask(cast.marketing)
    look = partial(payment_figures.check, looked(payment))
    confirm = partial(settlement.learn_about, payment, by=cast.operator, first=look)
    one_was_late(at_once(*[lambda: confirm([arrived(payment)])] * 2))
    assert [each.state for each in payment.arrivals.all()] == ["credited"]
    assert balance_of(cast.marketing).credit == 2000


def test_two_who_credit_two_arrivals_at_once_credit_the_one_that_was_looked_at(cast):
    payment = ask(cast.marketing)
    take(cast, camt(*[entry(amount, payment.reference) for amount in ("700.00", "800.00")]))
    shown = looked(payment)
    credit = partial(settlement.credit_arrival, by=cast.operator, shown=shown)
    one_was_late(at_once(*[partial(credit, each) for each in payment.arrivals.all()]))
    assert Arrival.objects.filter(state="credited").count() == 1
    assert verify().is_clean


def test_two_refunds_at_once_of_what_was_spent_make_one(cast, paid):
    ask_back = partial(
        refunds.request,
        payment=paid,
        amount=Decimal(500),
        reason="twice",
        by=cast.operator,
        past_limit=True,
        shown=looked(paid),
    )
    one_was_late(at_once(*[lambda: ask_back(key=uuid4())] * 2))
    assert Refund.objects.count() == 1


def test_one_who_says_paid_back_and_one_who_says_failed_end_it_once(cast, paid):
    refund = refunds.request(
        payment=paid, amount=Decimal(500), reason="twice", key=uuid4(), by=cast.operator
    )
    look = partial(payment_figures.check, looked(paid))

    def end(what):
        fact = Fact(what, refund=str(refund.pk), about="no such account")
        settlement.learn_about(paid, [fact], by=cast.operator, first=look)

    one_was_late(at_once(*[partial(end, what) for what in (What.REFUNDED, What.REFUND_FAILED)]))
    assert paid.events.filter(what__in=["refunded", "refund_failed"]).count() == 1
    assert verify().is_clean


def test_two_who_assign_two_lines_to_one_payment_at_once_leave_the_second_unmatched(cast):
    payment = ask(cast.marketing)
    lines = take(cast, camt(*[entry("1500.00", f"mistyped {n}") for n in (1, 2)])).lines.all()
    shown = looked(payment)
    assign = partial(bank_statements.assign, payment=payment, by=cast.operator, shown=shown)
    one_was_late(at_once(*[partial(assign, each) for each in lines]))
    outcomes = sorted(lines.values_list("outcome", "payment"))
    assert outcomes == [(LineOutcome.CREDITED, payment.pk), (LineOutcome.UNMATCHED, None)]
    assert balance_of(cast.marketing).credit == 2000


def test_usage_while_the_form_is_sent_cannot_slip_between_looking_and_posting(cast):
    """The balance is locked when it is compared: what is charged meanwhile comes after."""
    payment = ask(cast.marketing)
    shown = looked(payment)
    with transaction.atomic():
        locked = Payment.objects.select_for_update(no_key=True).get(pk=payment.pk)
        payment_figures.check(shown, locked)
        [late] = at_once(lambda: _charge_soon(cast))
        assert late == "waits"
    give(cast.marketing, "1")
    with pytest.raises(PaymentFiguresChanged), transaction.atomic():
        payment_figures.check(shown, payment)


def _charge_soon(cast) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '200ms'")
    try:
        charges.charge(account=cast.marketing, amount=Decimal(1), reference="m")
    except StartAgain:
        return "waits"
    return "done"

"""Money that is told of twice, by hand and by a statement: it is credited once, and ended."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError

from billing import settlement
from billing.gateways.protocol import Fact, What
from billing.models import Arrival, ArrivalState, LineOutcome
from billing.verification import verify
from tests.billing.payments.bank import ask
from tests.billing.payments.camt import camt, entry
from tests.billing.payments.operators import address, hidden, plain, take
from tests.factories import balance_of, give

pytestmark = pytest.mark.django_db(transaction=True)


def confirm(cast, payment, amount: str = "1500") -> Arrival:
    """As an operator confirms it by hand."""
    name = f"hand/{payment.pk}/{uuid4()}"
    fact = Fact(What.PAID, reference=name, amount=Decimal(amount), currency="EGP", about="By hand")
    settlement.learn_about(payment, [fact], by=cast.operator)
    return payment.arrivals.get(gateway_reference=name)


def told(payment) -> list[str]:
    return [each.state for each in payment.arrivals.order_by("pk")]


def test_a_line_that_fits_what_was_confirmed_by_hand_is_that_money_and_credits_nothing(cast):
    payment = ask(cast.marketing)
    by_hand = confirm(cast, payment)
    done = take(cast, camt(entry("1500.00", payment.reference, bank="FT1")))
    [line] = done.lines.all()
    assert (line.outcome, line.arrival.same_as) == (LineOutcome.SAME, by_hand)
    assert told(payment) == [ArrivalState.CREDITED, ArrivalState.SAME]
    assert balance_of(cast.marketing).credit == 2000
    event = payment.events.get(what="same")
    assert (event.amount, event.by) == (1500, cast.operator)
    assert f"Confirmed by hand by {cast.operator}, {by_hand.arrived_at:%Y-%m-%d}" in event.about
    take(cast, camt(entry("1500.00", payment.reference, bank="FT1"), entry("1.00"), number="W-1"))
    assert payment.arrivals.count() == 2
    assert verify().is_clean


def test_a_second_line_after_that_is_money_that_came_twice(cast):
    payment = ask(cast.marketing)
    confirm(cast, payment)
    both = [entry("1500.00", payment.reference, bank=bank) for bank in ("FT1", "FT2")]
    lines = take(cast, camt(*both)).lines.order_by("pk")
    assert [line.outcome for line in lines] == [LineOutcome.SAME, LineOutcome.IN_REVIEW]
    assert lines[1].arrival.reason == "twice"
    assert verify().is_clean


def test_a_line_that_was_assigned_by_hand_is_tied_alike(cast, operator):
    payment = ask(cast.marketing)
    confirm(cast, payment)
    line = take(cast, camt(entry("1500.00", "mistyped"))).lines.get()
    page = address("line-assign", line.pk)
    shown = operator.get(page, {"reference": payment.reference})
    assert "It was confirmed by hand before" in plain(shown)
    fields = {"reference": payment.reference, "shown": hidden(shown, "shown")}
    answer = plain(operator.post(page, fields, follow=True))
    assert "was confirmed by hand before: nothing more is credited" in answer
    assert balance_of(cast.marketing).credit == 2000


@pytest.fixture
def differs(cast):
    """1,495 on a statement, of 1,500 that were confirmed by hand: in review as paid twice."""
    payment = ask(cast.marketing)
    confirm(cast, payment)
    return take(cast, camt(entry("1495.00", payment.reference))).lines.get().arrival


def test_the_same_money_in_another_amount_is_ended_by_an_operator_once(cast, operator, differs):
    page = address("review", differs.pk)
    shown = operator.get(page)
    text = plain(shown)
    assert f"EGP 1,500.00, confirmed by hand by {cast.operator}" in text
    assert "The amounts differ: EGP 1,495.00 is in review." in text
    assert text.index("Or note that it went back") < text.index("confirmed by hand by")
    fields = {"do": "same", "same_as": hidden(shown, "same_as"), "shown": hidden(shown, "shown")}
    answer = operator.post(page, fields, follow=True)
    assert "EGP 1,495.00 is money told of before. Nothing was credited." in plain(answer)
    again = operator.post(page, fields, follow=True)
    assert "noted as told of before already" in plain(again)
    differs.refresh_from_db()
    assert (differs.state, differs.ended_by) == (ArrivalState.SAME, cast.operator)
    assert differs.payment.events.filter(what="same").count() == 1
    assert balance_of(cast.marketing).credit == 2000
    assert verify().is_clean


def test_what_was_confirmed_after_the_statement_told_of_it_is_offered_first(cast, operator):
    payment = ask(cast.marketing)
    take(cast, camt(entry("1500.00", payment.reference)))
    by_hand = confirm(cast, payment)
    page = address("review", by_hand.pk)
    shown = operator.get(page)
    text = plain(shown)
    assert text.index("The same money as is on the statement") < text.index("Credit what arrived")
    fields = {"do": "same", "same_as": hidden(shown, "same_as"), "shown": hidden(shown, "shown")}
    operator.post(page, fields)
    # It stands for the first line, so a second one is other money.
    take(cast, camt(entry("1500.00", payment.reference, bank="FT2"), number="S-2"))
    assert told(payment) == ["credited", "same", "review"]
    assert verify().is_clean


def test_one_that_stands_for_a_line_is_not_another_ones_repeat(cast, operator):
    payment = ask(cast.marketing)
    take(cast, camt(entry("1500.00", payment.reference, bank="FT1")))
    by_hand = confirm(cast, payment)  # of a second transfer, which then is on a statement
    take(cast, camt(entry("1500.00", payment.reference, bank="FT2"), number="S-2"))
    assert told(payment) == ["credited", "review", "same"]
    page = address("review", by_hand.pk)
    assert "told of before" not in plain(operator.get(page))
    first = payment.arrivals.order_by("pk")[0]
    with pytest.raises(ValueError, match="stands for itself"):
        settlement.note_as_same(by_hand, same_as=first, by=cast.operator)


@pytest.mark.parametrize("chosen", ["", "x", "0", "9" * 30, "\0"])
def test_what_is_not_offered_is_refused_and_nothing_happens(cast, operator, differs, chosen):
    page = address("review", differs.pk)
    shown = hidden(operator.get(page), "shown")
    other = confirm(cast, ask(cast.retail))
    for number in (chosen, other.pk, differs.pk):
        answer = operator.post(page, {"do": "same", "same_as": number, "shown": shown})
        assert answer.status_code == 422
        assert "not money that was told of before" in plain(answer)
    differs.refresh_from_db()
    assert differs.state == ArrivalState.IN_REVIEW


def test_figures_that_have_changed_are_shown_and_asked_again(cast, operator, differs):
    page = address("review", differs.pk)
    shown = operator.get(page)
    fields = {"do": "same", "same_as": hidden(shown, "same_as"), "shown": hidden(shown, "shown")}
    give(cast.marketing, "1")
    answer = operator.post(page, fields)
    assert answer.status_code == 422
    assert "The figures have changed" in plain(answer)


def test_the_database_ties_one_line_to_what_was_confirmed_and_the_check_finds_what_is_wrong(cast):
    payment, other = ask(cast.marketing), ask(cast.retail)
    by_hand = confirm(cast, payment)
    both = [entry("1500.00", payment.reference, bank=bank) for bank in ("FT1", "FT2")]
    take(cast, camt(*both))
    second = payment.arrivals.get(state=ArrivalState.IN_REVIEW)
    mine = Arrival.objects.filter(pk=second.pk)
    with pytest.raises(IntegrityError, match="arrival_on_one_statement"):
        mine.update(state=ArrivalState.SAME, same_as=by_hand)
    with pytest.raises(IntegrityError, match="arrival_same_as_another"):
        mine.update(state=ArrivalState.SAME)
    mine.update(state=ArrivalState.SAME, same_as=confirm(cast, other))
    assert not verify().is_clean

"""Bank statements: taken once, matched by reference, and settled by the same rules as ever."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from billing import settlement
from billing.bank_statements import CannotAssign, NotAStatement, assign, go_on, take
from billing.gateways.protocol import Fact, What
from billing.models import (
    Arrival,
    BankLine,
    BankStatement,
    LineOutcome,
    PaymentState,
    ReviewReason,
)
from billing.verification import verify
from tests.billing.payments.bank import ask
from tests.billing.payments.camt import camt, document, entry, share, statement
from tests.billing.payments.cast import make_payment
from tests.factories import balance_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

GERMAN = "DE89370400440532013000"


def upload(cast, content: bytes, **options) -> BankStatement:
    """Take the file, and match what can be."""
    taken = take(content=content, name="bank.xml", by=cast.operator)
    for each in taken:
        go_on(each.statement, by=cast.operator, **options)
    return taken[0].statement


def outcomes(of: BankStatement) -> list[str]:
    return [line.outcome for line in of.lines.order_by("pk")]


def reason(payment) -> str:
    return Arrival.objects.get(payment=payment).reason


def test_a_transfer_is_credited_by_its_reference(cast):
    payment = ask(cast.marketing)
    spaced = " ".join([payment.reference[:4], payment.reference[4:9], payment.reference[9:]])
    done = upload(cast, camt(entry("1500.00", f"top up {spaced.lower()}", bank="FT1")))
    payment.refresh_from_db()
    assert (payment.state, payment.credited) == (PaymentState.PAID, 1500)
    assert balance_of(cast.marketing).credit == 2000
    [line] = done.lines.all()
    assert (line.outcome, line.payment, line.master) == (
        LineOutcome.CREDITED,
        payment,
        cast.nile,
    )
    assert line.arrival.receipt.endswith("-000001")
    assert "Bank statement S-1, booked on 2026-11-20" in payment.events.get(what="arrived").about
    assert verify().is_clean


def test_one_that_comes_after_it_has_expired_is_credited_too(cast):
    payment = ask(cast.marketing)
    settlement.learn_about(payment, [Fact(What.EXPIRED)])
    upload(cast, camt(entry("1500.00", payment.reference)))
    assert balance_of(cast.marketing).credit == 2000


@pytest.mark.parametrize(
    ("amount", "currency", "why"),
    [
        ("1499.99", "EGP", ReviewReason.AMOUNT),
        ("1500.01", "EGP", ReviewReason.AMOUNT),
        ("1500.00", "USD", ReviewReason.CURRENCY),
    ],
)
def test_short_over_and_other_currency_are_held_in_review(cast, amount, currency, why):
    payment = ask(cast.marketing)
    done = upload(cast, camt(entry(amount, payment.reference, currency=currency)))
    assert outcomes(done) == [LineOutcome.IN_REVIEW]
    assert reason(payment) == why
    assert balance_of(cast.marketing).credit == 500


def test_paid_twice_the_second_is_held_in_review(cast):
    payment = ask(cast.marketing)
    both = [entry("1500.00", payment.reference, bank=bank) for bank in ("FT1", "FT2")]
    done = upload(cast, camt(*both))
    assert outcomes(done) == [LineOutcome.CREDITED, LineOutcome.IN_REVIEW]
    assert balance_of(cast.marketing).credit == 2000
    assert verify().is_clean


def test_two_equal_lines_without_a_bank_reference_are_two_movements(cast):
    payment = ask(cast.marketing)
    done = upload(cast, camt(*[entry("1500.00", payment.reference)] * 2))
    assert outcomes(done) == [LineOutcome.CREDITED, LineOutcome.IN_REVIEW]


def test_equal_lines_of_strangers_are_as_many_movements_as_there_are_and_once(cast):
    content = camt(*[entry("70.00", "cash in")] * 3)
    done = upload(cast, content)
    assert outcomes(done) == [LineOutcome.UNMATCHED] * 3
    upload(cast, content)
    upload(cast, content.replace(b">M<", b">N<"))
    weekly = upload(cast, camt(*[entry("70.00", "cash in")] * 4, number="W-1"))
    assert (weekly.known_count, outcomes(weekly)) == (3, [LineOutcome.UNMATCHED])
    assert BankLine.objects.count() == 4


def test_equal_lines_on_two_pages_of_a_statement_are_two_movements(cast):
    payment = ask(cast.marketing)
    line = entry("1500.00", payment.reference)
    pages = [
        statement(line).replace("</Id>", f"</Id><StmtPgntn><PgNb>{n}</PgNb></StmtPgntn>", 1)
        for n in (1, 2)
    ]
    taken = take(content=document(*pages), name="b", by=cast.operator)
    for each in taken:
        go_on(each.statement, by=cast.operator)
    assert [outcomes(each.statement) for each in taken] == [["credited"], ["review"]]
    [again] = take(content=document(pages[1]), name="b", by=cast.operator)
    assert not again.is_new
    assert BankLine.objects.count() == 2


def test_no_and_unknown_references_and_those_of_cards_are_unmatched(cast):
    card = make_payment(cast.marketing, reference="RF8223456789AB")
    done = upload(
        cast,
        camt(
            entry("100.00", "no reference"),
            entry("100.00", "RF82 2345 6789 AB"),
            entry("100.00", "", bank="FT3"),
        ),
    )
    assert outcomes(done) == [LineOutcome.UNMATCHED] * 3
    assert not card.arrivals.exists()


def test_a_line_that_names_two_payments_is_nobodys(cast):
    first, second = ask(cast.marketing), ask(cast.retail)
    done = upload(cast, camt(entry("3000.00", f"{first.reference} {second.reference}")))
    assert outcomes(done) == [LineOutcome.UNMATCHED]


def test_money_out_reversals_and_nothing_are_ignored(cast):
    payment = ask(cast.marketing)
    done = upload(
        cast,
        camt(
            entry("1500.00", payment.reference, sign="DBIT"),
            entry("1500.00", payment.reference, more="<RvslInd>true</RvslInd>"),
            entry("0.00", payment.reference),
        ),
    )
    assert outcomes(done) == [LineOutcome.IGNORED] * 3
    assert balance_of(cast.marketing).credit == 500


def test_each_transfer_of_a_batch_is_its_own_payment(cast):
    first, second = ask(cast.marketing, "1000"), ask(cast.retail, "2000")
    details = share("1000.00", first.reference) + share("2000.00", second.reference)
    done = upload(cast, camt(entry("3000.00", details=details, bank="FT1")))
    assert outcomes(done) == [LineOutcome.CREDITED] * 2
    assert balance_of(cast.marketing).credit == 1500
    assert balance_of(cast.retail).credit == Decimal("2020.50")


def test_the_same_file_twice_changes_nothing_and_says_so(cast):
    payment = ask(cast.marketing)
    content = camt(entry("1500.00", payment.reference))
    upload(cast, content)
    [again] = take(content=content, name="copy.xml", by=cast.admin)
    assert not again.is_new
    assert go_on(again.statement, by=cast.operator) == 0
    assert (BankStatement.objects.count(), Arrival.objects.count()) == (1, 1)


def test_the_same_statement_written_anew_changes_nothing(cast):
    payment = ask(cast.marketing)
    content = camt(entry("1500.00", payment.reference, bank="FT1"))
    upload(cast, content)
    [again] = take(content=content.replace(b">M<", b">N<"), name="b.xml", by=cast.operator)
    assert not again.is_new
    assert BankLine.objects.count() == 1


def test_the_same_statement_with_another_story_is_refused(cast):
    upload(cast, camt(entry("1500.00", "one")))
    with pytest.raises(NotAStatement, match="says otherwise"):
        take(content=camt(entry("1500.00", "one"), entry("7.00")), name="b", by=cast.operator)
    assert BankLine.objects.count() == 1


def test_a_line_in_a_daily_and_a_weekly_statement_is_one_movement(cast):
    payment = ask(cast.marketing)
    line = entry("1500.00", payment.reference, bank="FT1")
    upload(cast, camt(line))
    weekly = upload(cast, camt(line, entry("9.00", bank="FT2"), number="W-1"))
    assert weekly.known_count == 1
    assert outcomes(weekly) == [LineOutcome.UNMATCHED]
    assert Arrival.objects.count() == 1


def test_a_bank_reference_that_is_used_again_for_other_money_is_another_movement(cast):
    first, second = ask(cast.marketing, "1000"), ask(cast.marketing, "2000")
    upload(cast, camt(entry("1000.00", first.reference, bank="1")))
    upload(cast, camt(entry("2000.00", second.reference, bank="1"), number="S-2"))
    assert balance_of(cast.marketing).credit == 3500


def test_a_statement_of_an_account_that_is_not_ours_is_refused(cast):
    payment = ask(cast.marketing)
    content = camt(entry("1500.00", payment.reference), account="GB82WEST12345698765432")
    with pytest.raises(NotAStatement, match="none of the platform's"):
        take(content=content, name="b", by=cast.operator)
    assert not BankStatement.objects.exists()


def test_several_statements_of_a_file_are_taken_each_once(cast):
    content = document(
        statement(entry("1.00"), number="A"),
        statement(entry("2.00", currency="EUR"), number="A", account=GERMAN),
    )
    taken = take(content=content, name="b", by=cast.operator)
    assert [each.is_new for each in taken] == [True, True]
    assert [each.is_new for each in take(content=content, name="b", by=cast.operator)] == [
        False,
        False,
    ]


def test_a_file_with_two_statements_of_one_number_is_refused_before_anything_is_written(cast):
    content = document(statement(entry("1.00"), number="A"), statement(entry("2.00"), number="A"))
    with pytest.raises(NotAStatement, match="two statements with the number A"):
        take(content=content, name="b", by=cast.operator)
    assert not BankStatement.objects.exists()


def test_one_other_story_refuses_the_whole_file_before_anything_is_written(cast):
    upload(cast, camt(entry("1.00"), number="A"))
    content = document(
        statement(entry("3.00"), number="NEW"), statement(entry("2.00"), number="A")
    )
    with pytest.raises(NotAStatement, match="says otherwise"):
        take(content=content, name="b", by=cast.operator)
    assert BankStatement.objects.count() == 1


def test_an_upload_that_was_killed_in_between_is_continued_by_uploading_again(cast, monkeypatch):
    wanted = [ask(cast.marketing, amount) for amount in ("1000", "2000", "3000")]
    content = camt(*[entry(f"{each.amount:.2f}", each.reference) for each in wanted])
    learn, calls = settlement.learn_about, []

    class Killed(BaseException):
        pass

    def die_after_the_second(*args, **kwargs):
        learn(*args, **kwargs)
        calls.append(1)
        if len(calls) == 2:
            raise Killed  # The money is in the books, and the line does not know.

    monkeypatch.setattr(settlement, "learn_about", die_after_the_second)
    with pytest.raises(Killed):
        upload(cast, content)
    monkeypatch.undo()
    assert balance_of(cast.marketing).credit == 3500
    assert outcomes(BankStatement.objects.get()) == ["credited", "waiting", "waiting"]
    done = upload(cast, content)
    assert outcomes(done) == ["credited"] * 3
    assert balance_of(cast.marketing).credit == 6500
    assert Arrival.objects.count() == 3
    assert verify().is_clean


def test_what_there_is_no_time_for_waits_and_is_done_when_going_on(cast):
    payment = ask(cast.marketing)
    done = upload(cast, camt(entry("1500.00", payment.reference)), seconds=-1)
    assert outcomes(done) == [LineOutcome.WAITING]
    assert go_on(done, by=cast.operator) == 0
    assert outcomes(done) == [LineOutcome.CREDITED]


def test_one_file_uploaded_by_four_at_once_credits_once(cast):
    wanted = [ask(cast.marketing, "1000"), ask(cast.retail, "2000")]
    content = camt(*[entry(f"{each.amount:.2f}", each.reference) for each in wanted])
    at_once(*[lambda: upload(cast, content)] * 4)
    assert outcomes(BankStatement.objects.get()) == ["credited"] * 2
    assert balance_of(cast.marketing).credit == 1500
    assert balance_of(cast.retail).credit == Decimal("2020.50")
    assert verify().is_clean


def test_an_unmatched_line_is_assigned_and_the_same_rules_hold(cast):
    whole, short = ask(cast.marketing), ask(cast.retail)
    done = upload(cast, camt(entry("1500.00", "mistyped"), entry("1.00", "mistyped, too")))
    first, second = done.lines.order_by("pk")
    assert assign(first, whole, by=cast.operator).outcome == LineOutcome.CREDITED
    assert assign(first, whole, by=cast.operator).outcome == LineOutcome.CREDITED
    assert assign(second, short, by=cast.operator).outcome == LineOutcome.IN_REVIEW
    assert balance_of(cast.marketing).credit == 2000
    assert whole.events.get(what="credited").by == cast.operator
    with pytest.raises(CannotAssign, match="settled already"):
        assign(first, short, by=cast.operator)
    assert verify().is_clean


def test_two_operators_who_assign_one_line_to_two_payments_at_once_credit_one(cast):
    first, second = ask(cast.marketing), ask(cast.retail)
    line = upload(cast, camt(entry("1500.00", "mistyped"))).lines.get()

    def give(payment):
        try:
            assign(line, payment, by=cast.operator)
        except CannotAssign:
            return "late"
        return "done"

    told = at_once(lambda: give(first), lambda: give(second))
    assert sorted(told) == ["done", "late"]
    assert Arrival.objects.count() == 1
    assert balance_of(cast.marketing).credit + balance_of(cast.retail).credit == Decimal("2020.50")


def test_money_out_and_payments_by_card_are_not_assigned(cast):
    payment, card = ask(cast.marketing), make_payment(cast.marketing)
    done = upload(cast, camt(entry("1500.00", sign="DBIT"), entry("100.00")))
    out, free = done.lines.order_by("pk")
    with pytest.raises(CannotAssign):
        assign(out, payment, by=cast.operator)
    with pytest.raises(CannotAssign, match="not by bank transfer"):
        assign(free, card, by=cast.operator)


def test_what_the_bank_said_stays_also_against_sql(cast):
    first, second = ask(cast.marketing), ask(cast.retail)
    line = upload(cast, camt(entry("1500.00", "mistyped"))).lines.get()
    refused = [
        lambda: BankLine.objects.filter(pk=line.pk).update(amount=9),
        lambda: BankLine.objects.all()._raw_delete("default"),
        lambda: BankStatement.objects.update(name="x"),
        lambda: BankLine.objects.filter(pk=line.pk).update(
            payment=first, master=cast.gulf, outcome=LineOutcome.WAITING
        ),
    ]
    for change in refused:
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assign(line, first, by=cast.operator)
    with pytest.raises(DatabaseError), transaction.atomic():
        BankLine.objects.filter(pk=line.pk).update(payment=second)


def test_a_thousand_lines_that_are_nobodys_take_few_queries(cast, django_assert_max_num_queries):
    content = camt(*[entry("1.00", f"line {number}") for number in range(1000)])
    with django_assert_max_num_queries(26):
        upload(cast, content)
    assert BankLine.objects.filter(outcome=LineOutcome.UNMATCHED).count() == 1000

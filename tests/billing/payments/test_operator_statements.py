"""Statements by upload: taken, told apart, refused in a sentence; unmatched lines are assigned."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from billing.models import Arrival, BankLine, BankStatement, LineOutcome
from billing.verification import verify
from tests.billing.payments.bank import ask
from tests.billing.payments.camt import camt, document, entry, statement
from tests.billing.payments.operators import address, hidden, plain, take, upload
from tests.factories import balance_of, give

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_file_is_taken_and_its_lines_are_told_apart(operator, cast):
    whole, short = ask(cast.marketing), ask(cast.retail)
    content = camt(
        entry("1500.00", whole.reference, bank="FT1"),
        entry("1.00", short.reference),
        entry("2.00", "mistyped"),
        entry("3.00", sign="DBIT"),
    )
    answer = upload(operator, content, follow=True)
    text = plain(answer)
    assert "Took 1 statement." in text
    for said in ("All 4", "Credited 1", "In review 1", "Unmatched 1", "Ignored 1", "FT1"):
        assert said in text
    assert balance_of(cast.marketing).credit == 2000
    only = operator.get(answer.request["PATH_INFO"], {"outcome": "unmatched"})
    assert [line.remittance for line in only.context["lines"]] == ["mistyped"]
    assert verify().is_clean


def test_sent_twice_it_changes_nothing_and_says_so(operator, cast):
    payment = ask(cast.marketing)
    content = camt(entry("1500.00", payment.reference))
    upload(operator, content)
    assert "was taken before: nothing of it is new" in plain(
        upload(operator, content, follow=True)
    )
    assert (Arrival.objects.count(), BankStatement.objects.count()) == (1, 1)


def test_a_file_with_two_statements_leads_to_the_list(operator, cast):
    content = document(statement(entry("1.00"), number="A"), statement(number="B"))
    answer = upload(operator, content, follow=True)
    assert answer.redirect_chain[-1][0] == address("statement-list")
    assert "Took 2 statements." in plain(answer)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"%PDF", "not XML"),
        (b"<a/>", "no camt.053"),
        (camt(head="<!DOCTYPE Document>"), "declares a document type"),
        (camt(account="GB82WEST12345698765432"), "none of the platform's"),
        (camt(entry("1.005")), "more decimals than the currency"),
        (b" " * 10_000_001, "larger than 10 MB"),
    ],
)
def test_what_is_no_statement_is_refused_in_a_sentence(operator, content, sentence):
    response = upload(operator, content)
    assert response.status_code == 422
    assert sentence in plain(response)
    assert not BankStatement.objects.exists()


def test_a_form_without_a_file_says_so(operator):
    for fields in ({}, {"file": "text"}):
        response = operator.post(address("statement-list"), fields)
        assert response.status_code == 422
        assert "Choose the bank's file first." in plain(response)


def test_of_several_files_only_the_first_is_taken(operator, cast):
    files = [SimpleUploadedFile("a.xml", camt(number=name)) for name in ("A", "B")]
    operator.post(address("statement-list"), {"file": files[0], "other": files[1]})
    assert BankStatement.objects.get().statement_id == "A"


def test_a_request_without_an_end_is_not_read_to_it(operator):
    response = upload(operator, b" " * 60_000_000)
    assert response.status_code in {403, 422}
    assert not BankStatement.objects.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "n" * 400, "bank\x00.xml", "حساب.xml", ""])
def test_a_files_name_is_only_a_name(operator, name):
    assert upload(operator, camt(number="N"), name or "x").status_code in {302, 422}
    for found in BankStatement.objects.all():
        assert "/" not in found.name
        assert len(found.name) <= 200


def test_lines_are_bounded_and_go_on(operator, cast):
    done = take(cast, camt(*[entry(f"{n}.00", f"line {n}") for n in range(1, 54)]))
    page = address("statement", done.pk)
    first = operator.get(page, {"outcome": "unmatched"})
    rest = operator.get(page, {"outcome": "unmatched", "after": first.context["next"]})
    assert [len(each.context["lines"]) for each in (first, rest)] == [50, 3]
    assert "outcome=unmatched&amp;after=" in first.content.decode()
    assert operator.get(page, {"outcome": "x"}).status_code == 404


def test_lines_that_wait_are_gone_on_with(operator, cast):
    payment = ask(cast.marketing)
    done = take(cast, camt())
    BankLine.objects.create(
        statement=done,
        account_number=done.account_number,
        key="k",
        is_credit=True,
        amount=1500,
        currency="EGP",
        booked_on="2026-11-20",
        references=payment.reference,
    )
    page = operator.get(address("statement", done.pk))
    assert "1 of 1 lines is still to be matched" in plain(page)
    go_on = address("statement-go-on", done.pk)
    assert "No line of this statement waits" in plain(operator.post(go_on, follow=True))
    operator.post(go_on)
    assert balance_of(cast.marketing).credit == 2000
    assert operator.get(go_on).status_code == 405


# --- assigning ----------------------------------------------------------------------------------


@pytest.fixture
def line(cast):
    """1,500 without a reference that could be read."""
    return take(cast, camt(entry("1500.00", "mistyped"))).lines.get()


def test_payments_that_wait_for_just_this_sum_are_suggested(operator, cast, line):
    payment, other = ask(cast.marketing), ask(cast.retail, "1600")
    response = operator.get(address("line-assign", line.pk))
    assert [each.pk for each in response.context["suggestions"]] == [payment.pk]
    assert other.reference not in response.content.decode()


def test_the_payment_is_shown_before_anything_happens_and_then_credited_once(operator, cast, line):
    payment = ask(cast.marketing)
    page = address("line-assign", line.pk)
    shown = operator.get(page, {"reference": f" {payment.reference.lower()[:5]} "})
    assert "No payment by bank transfer has the reference" in plain(shown)
    spaced = f"{payment.reference[:4]} {payment.reference[4:].lower()}"
    shown = operator.get(page, {"reference": spaced})
    for figure in ("500.00", "2,000.00", "EGP 1,500.00"):
        assert figure in plain(shown)
    assert not Arrival.objects.exists()
    fields = {"reference": payment.reference, "shown": hidden(shown, "shown")}
    answer = operator.post(page, fields, follow=True)
    assert "Credited: EGP 1,500.00 for Marketing." in plain(answer)
    again = operator.post(page, fields, follow=True)
    assert "settled already" in plain(again)
    assert balance_of(cast.marketing).credit == 2000
    assert verify().is_clean


def test_another_sum_goes_to_review_and_the_page_says_so_before(operator, cast, line):
    payment = ask(cast.marketing, "1600")
    page = address("line-assign", line.pk)
    shown = operator.get(page, {"reference": payment.reference})
    assert "It will be held in review: Another amount" in plain(shown)
    fields = {"reference": payment.reference, "shown": hidden(shown, "shown")}
    assert "is held in review" in plain(operator.post(page, fields, follow=True))
    assert balance_of(cast.marketing).credit == 500


def test_a_line_of_another_payment_is_not_assigned_again(operator, cast, line):
    first, second = ask(cast.marketing), ask(cast.retail)
    page = address("line-assign", line.pk)
    shown = {
        each.pk: hidden(operator.get(page, {"reference": each.reference}), "shown")
        for each in (first, second)
    }
    operator.post(page, {"reference": first.reference, "shown": shown[first.pk]})
    operator.post(page, {"reference": second.reference, "shown": shown[second.pk]})
    assert Arrival.objects.get().payment == first


def test_figures_that_have_changed_are_shown_and_asked_again(operator, cast, line):
    payment = ask(cast.marketing)
    page = address("line-assign", line.pk)
    shown = hidden(operator.get(page, {"reference": payment.reference}), "shown")
    give(cast.marketing, "1")
    response = operator.post(page, {"reference": payment.reference, "shown": shown})
    assert response.status_code == 422
    assert "2,001.00" in plain(response)
    assert not Arrival.objects.exists()


@pytest.mark.parametrize("reference", ["", "x", "RF\0", "'; --", "R" * 500, "RF82 2345", "\u0661"])
def test_a_reference_that_is_none_says_so(operator, line, reference):
    page = address("line-assign", line.pk)
    assert operator.post(page, {"reference": reference}).status_code == 422
    assert operator.get(page, {"reference": reference}).status_code in {200, 422}
    line.refresh_from_db()
    assert line.outcome == LineOutcome.UNMATCHED


def test_money_out_is_nobodys(operator, cast):
    out = take(cast, camt(entry("5.00", sign="DBIT"))).lines.get()
    assert operator.get(address("line-assign", out.pk)).status_code == 404

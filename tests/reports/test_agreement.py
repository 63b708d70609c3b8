"""Totals, statements, every kind of file and the journal agree with each other and with SQL."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from pypdf import PdfReader

from billing.models import Balance
from console.money import format_amount
from reports import statements, totals
from tests.reports.books import Books, draw_query, matches, pairs_of
from tests.reports.exports import made
from tests.reports.journals import FORMATS, balances, complaints

pytestmark = pytest.mark.django_db(transaction=True)

QUIET = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def books(db: None) -> Books:
    return Books()


def told_by_csv(content: bytes) -> list[Decimal]:
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    [column] = {name for row in rows for name in row if name.startswith("Amount")} or {""}
    return [Decimal(row[column]) for row in rows]


def told_by_excel(content: bytes) -> list[Decimal]:
    _heading, *lines = load_workbook(io.BytesIO(content)).worksheets[0].iter_rows(values_only=True)
    return [Decimal(str(line[12])) for line in lines]


def told_by_json(content: bytes) -> list[Decimal]:
    found = json.loads(content)
    amounts = [Decimal(row["amount"]) for row in found["rows"]]
    assert found["totals"]["rows"] == len(amounts)
    assert Decimal(found["totals"]["net"]) == sum(amounts)
    return amounts


READERS = {"csv": told_by_csv, "xlsx": told_by_excel, "json": told_by_json}


@QUIET
@given(data=st.data())
def test_every_file_holds_what_the_page_selects(books: Books, data: Any) -> None:
    person = data.draw(st.sampled_from(sorted(books.people)))
    query = draw_query(data, books, person)
    expected = [e for e in books.seen_by(person) if matches(e, query, books.company.zone)]
    amounts = [e.amount for e in sorted(expected, key=lambda e: (e.posted_at, e.holder_id, e.seq))]
    text = urlencode(pairs_of(query))
    for format, read in READERS.items():
        assert read(made(books.people[person], format, text, "books")) == amounts, format
    scope, filters = books.select(person, pairs_of(query))
    assert totals.read_totals(scope, filters).net == sum(amounts)


@settings(QUIET, max_examples=6)
@given(data=st.data())
def test_paper_shows_the_same_totals_and_every_transaction(books: Books, data: Any) -> None:
    person = data.draw(st.sampled_from(sorted(books.people)))
    query = draw_query(data, books, person)
    expected = [e for e in books.seen_by(person) if matches(e, query, books.company.zone)]
    text = urlencode(pairs_of(query))
    pages = PdfReader(io.BytesIO(made(books.people[person], "pdf", text, "books"))).pages
    told = " ".join("\n".join(page.extract_text() for page in pages).split())
    for entry in expected:
        assert entry.reference in told
    money_in = sum((e.amount for e in expected if e.amount > 0), Decimal(0))
    money_out = sum((e.amount for e in expected if e.amount < 0), Decimal(0))
    for total in (money_in, money_out, money_in + money_out):
        assert f"EGP {format_amount(total, 2)}" in told
    scope, filters = books.select(person, pairs_of(query))
    opening = totals.read_totals(scope, filters).opening
    assert (opening is not None) == ("Opening balance" in told)
    if opening is not None:
        assert f"EGP {format_amount(opening, 2)}" in told


@settings(QUIET, max_examples=8)
@given(first=st.integers(28, 31), length=st.integers(0, 3), name=st.sampled_from(["books", "own"]))
def test_a_statement_is_the_selection_of_its_holders_days(
    books: Books, first: int, length: int, name: str
) -> None:
    holder = {"books": books.company, "own": books.own}[name]
    begins = date(2026, 10, first)
    ends = date.fromordinal(begins.toordinal() + length)
    statement = statements.issue(holder=holder, first=begins, last=ends, by=books.admin)
    drawing = books.accounts if name == "books" else [books.own]
    by_number = [("statement", statement.name)]
    by_days = [("date_from", begins), ("date_to", ends)]
    by_days += [("account", each.pk) for each in drawing if each != books.own or name == "own"]
    for asked in (by_number, by_days):
        sums = totals.read_totals(*books.select("admin", asked))
        assert (sums.opening, sums.closing) == (statement.opening, statement.closing)
        assert sums.entries == statement.entries
        for format, read in READERS.items():
            amounts = read(made(books.admin, format, urlencode(asked), "books"))
            assert sum(amounts) == statement.closing - statement.opening


def test_the_whole_is_what_hledger_and_beancount_make_of_the_journals(books: Books) -> None:
    scope, filters = books.select("admin", [])
    sums = totals.read_totals(scope, filters)
    credits = {
        balance.account.code: balance.credit
        for balance in Balance.objects.filter(master=books.company).select_related("account")
    }
    assert sums.closing == sum(credits.values())
    for format in FORMATS:
        journal = made(books.admin, format, "", "books").decode()
        assert not complaints(format, journal)
        told = balances(format, journal)
        customers = {
            name.rpartition(":")[2].lower(): -amount
            for name, amount in told.items()
            if name.startswith("Liabilities:Customers")
        }
        assert customers == {code: credit for code, credit in credits.items() if credit}

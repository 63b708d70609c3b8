"""The finer filters, orders, totals and columns: all agree with plain Python over all entries."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import adjustments
from billing.charges import Charge, charge_many
from billing.models import Entry
from reports import pages, totals
from reports.filters import MOST_ACCOUNTS
from tests.factories import Cast
from tests.reports.books import Books, draw_query, matches, pairs_of
from tests.reports.transactions import address, cells, get, references, shown, spend, text_of

pytestmark = pytest.mark.django_db

CONNECTION = {"host", "port", "user", "password", "dbname"}


@pytest.fixture
def books(db: None) -> Books:
    return Books()


ORDERS: dict[str, Callable[[Entry], Any]] = {
    "": lambda e: (e.posted_at, e.holder_id, e.seq),
    "oldest": lambda e: (e.posted_at, e.holder_id, e.seq),
    "most-in": lambda e: (e.amount, e.posted_at, e.holder_id, e.seq),
    "most-out": lambda e: (e.amount, e.posted_at, e.holder_id, e.seq),
}


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_pages_and_totals_are_those_of_the_entries_that_match(books: Books, data: Any) -> None:
    person = data.draw(st.sampled_from(sorted(books.people)))
    query = draw_query(data, books, person)
    sort = data.draw(st.sampled_from(sorted(ORDERS)))
    scope, filters = books.select(person, [*pairs_of(query), ("sort", sort)])
    expected = [e for e in books.seen_by(person) if matches(e, query, books.company.zone)]
    expected.sort(key=ORDERS[sort], reverse=sort in ("", "most-in"))

    walked: list[Entry] = []
    cursor = ""
    while True:
        page = pages.read_page(filters.qs, books.company, cursor, order=filters.order, size=7)
        walked += page.entries
        cursor = page.next
        if not cursor:
            break
    assert walked == expected

    sums = totals.read_totals(scope, filters)
    assert sums.amount_in == sum((e.amount for e in expected if e.amount > 0), Decimal(0))
    assert sums.amount_out == -sum((e.amount for e in expected if e.amount < 0), Decimal(0))
    if sums.entries is not None:
        assert sums.entries == len(expected)
    assert {each.kind for each in sums.by_kind} == {e.kind for e in expected}
    if sums.opening is not None:
        assert sums.opening == credit_before(books, person, query)


def credit_before(books: Books, person: str, query: dict[str, Any]) -> Decimal:
    """Of the chosen holders: what their entries before the first day came to."""
    mine = {e.account_id for e in books.seen_by(person)}
    holders = set(query.get("account") or mine)
    first = query.get("date_from", date.min)
    return sum(
        (
            e.amount
            for e in books.entries
            if e.holder_id in holders and e.posted_at.astimezone(books.company.zone).date() < first
        ),
        Decimal(0),
    )


class TestOpeningAndClosing:
    def test_are_told_where_the_accounts_are_all_that_moved_the_balance(
        self, books: Books
    ) -> None:
        whole = [("date_from", "2026-10-30"), ("date_to", "2026-10-31")]
        for person, accounts, told in (
            ("admin", [], True),
            ("admin", [books.own], True),
            ("admin", [books.company, books.shared, books.other], True),
            # The other shared subaccount drew on the same balance.
            ("admin", [books.company, books.shared], False),
            ("admin", [books.shared], False),
            ("own", [], True),
            ("shared", [], False),
        ):
            chosen = [("account", account.pk) for account in accounts]
            scope, filters = books.select(person, [*whole, *chosen])
            assert (totals.read_totals(scope, filters).opening is not None) == told

    def test_are_not_told_of_some_kinds_only(self, books: Books) -> None:
        scope, filters = books.select("admin", [("kind", "usage")])
        assert totals.read_totals(scope, filters).opening is None

    def test_closing_is_what_the_balances_say(self, books: Books) -> None:
        scope, filters = books.select("admin", [])
        closing = totals.read_totals(scope, filters).closing
        assert closing == sum((e.amount for e in books.entries), Decimal(0))

    def test_pool_is_in_no_byte_that_a_shared_subaccounts_person_gets(self, books: Books) -> None:
        response = get(books.people["shared"], "books")
        content = text_of(response)
        assert "Opening credit" not in content
        assert "Closing credit" not in content
        assert "Money out" in content


class TestRefused:
    @pytest.mark.parametrize(
        ("query", "field", "sentence"),
        [
            ({"amount_min": "5", "amount_max": "4"}, "amount_max", "Swap the two amounts"),
            ({"amount_min": "1e5"}, "amount_min", "in digits"),
            ({"amount_min": "٣"}, "amount_min", "in digits"),
            ({"amount_max": "-1"}, "amount_max", "without a minus"),
            ({"amount_max": "0.0000001"}, "amount_max", "at most 6"),
            ({"direction": "sideways"}, "direction", "neither"),
            ({"by": "99999999999999999999"}, "by", "not one of the people"),
            ({"by": "x"}, "by", "not one of the people"),
            ({"sort": "password"}, "sort", "no order"),
            ({"columns": ["amount", "password"]}, "columns", "no column"),
            ({"text": "x" * 101}, "text", "at most 100"),
            ({"text": "a\0b"}, "text", "Null characters"),
            ({"date_from": "0001-01-01"}, "date_from", "from the year 2000"),
            ({"date_to": "9999-12-31"}, "date_to", "before the year 2100"),
        ],
    )
    def test_beside_the_field_and_no_rows(
        self, cast: Cast, query: dict[str, Any], field: str, sentence: str
    ) -> None:
        response = get(cast.finance, **query)
        assert shown(response) == []
        [error] = response.context["form"].errors[field]
        assert sentence in error

    def test_ten_thousand_accounts(self, cast: Cast) -> None:
        response = get(cast.finance, account=list(range(1, 10_001)))
        assert shown(response) == []
        assert response.context["form"].errors["account"]

    def test_more_fields_than_are_read_show_nothing_whatever_was_left_out(
        self, cast: Cast
    ) -> None:
        # Cut, it would be no filter at all, and show every account.
        response = get(cast.finance, x=["1"] * 600, account=cast.marketing.pk)
        assert shown(response) == []
        assert f"at most {MOST_ACCOUNTS} accounts" in text_of(response)

    def test_more_accounts_of_ones_own_than_an_address_holds(self, cast: Cast) -> None:
        pk = cast.marketing.pk
        response = get(cast.finance, account=[pk] * (MOST_ACCOUNTS + 1))
        assert f"at most {MOST_ACCOUNTS} accounts" in text_of(response)

    def test_another_companys_person_is_no_author_here(self, cast: Cast) -> None:
        response = get(cast.finance, by=cast.gulf_admin.pk)
        assert "not one of the people" in text_of(response)

    def test_cursor_of_another_order(self, cast: Cast) -> None:
        spend_many(cast, 60)
        cursor = get(cast.finance).context["page"].next
        assert "This link is damaged" in text_of(get(cast.finance, sort="oldest", cursor=cursor))
        by_amount = get(cast.finance, sort="most-out").context["page"].next
        assert "This link is damaged" in text_of(get(cast.finance, cursor=by_amount))
        assert shown(get(cast.finance, sort="most-out", cursor=by_amount))

    def test_cursor_of_another_filter_is_a_place_in_this_one(self, cast: Cast) -> None:
        spend_many(cast, 60)
        cursor = get(cast.finance).context["page"].next
        everything = [entry.pk for entry in shown(get(cast.finance, cursor=cursor))]
        usage = [entry.pk for entry in shown(get(cast.finance, cursor=cursor, kind="usage"))]
        assert usage
        assert set(usage) <= set(everything)


class TestColumns:
    def test_chosen_ones_in_the_pages_order_with_what_a_row_needs(self, cast: Cast) -> None:
        spend(cast.otp, "1", "ref-1")
        response = get(cast.finance, columns=["contra", "reference", "holder"], kind="usage")
        names = list(response.context["table"].columns.names())
        assert names == ["posted_at", "holder", "reference", "contra", "amount"]
        assert cells(response, "holder") == ["Nile Retail Group"]
        assert cells(response, "contra") == ["Usage revenue"]

    def test_operators_have_no_names_for_customers(self, cast: Cast) -> None:
        adjustments.make(
            account=cast.marketing,
            amount=Decimal(1),
            reason="goodwill",
            reference="adj",
            by=cast.operator,
        )
        assert cells(get(cast.finance, columns="by", by="operator"), "by") == ["an operator"]
        assert cells(get(cast.operator, columns="by", by="operator"), "by") == [str(cast.operator)]


class TestTotals:
    def test_stand_on_the_page_when_they_are_quick(self, cast: Cast) -> None:
        content = text_of(get(cast.finance))
        assert "Closing credit" in content
        assert 'hx-trigger="load"' not in content

    def test_come_by_themselves_when_they_are_not(self, cast: Cast) -> None:
        content = text_of(get(cast.finance, by="program"))
        assert "Adding up" in content
        [asked] = re.findall(r'hx-get="([^"]+)"[^>]* hx-trigger="load"', content)
        client = Client(headers={"HX-Request": "true"})
        client.force_login(cast.finance)
        assert "Money in" in client.get(asked).content.decode()


@pytest.mark.django_db(transaction=True)
def test_what_takes_too_long_is_ended_with_a_sentence(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a search through ten million entries would: here somebody keeps the entries locked."""
    monkeypatch.setattr("reports.queries.PATIENCE_SECONDS", 0.2)
    client = Client()
    client.force_login(cast.finance)
    url = connection.get_connection_params()
    with psycopg.connect(**{k: v for k, v in url.items() if k in CONNECTION}) as other:
        other.execute("LOCK TABLE billing_entry")
        page = client.get(address(text="order")).content.decode()
        sums = client.get(reverse("transaction-totals", args=["nile"], query={"text": "order"}))
        other.rollback()
    assert "This search takes too long" in page
    assert 'value="order"' in page
    assert "takes longer than" in sums.content.decode()


def spend_many(cast: Cast, count: int) -> None:
    charge_many(
        master=cast.nile.pk,
        charges=[Charge(cast.marketing.pk, Decimal("0.5"), f"many-{n}") for n in range(count)],
    )


def test_references_of_a_search(cast: Cast) -> None:
    spend(cast.marketing, "1", "Order_17")
    spend(cast.marketing, "1", "OrderX17")
    assert references(get(cast.finance, text="order_")) == ["Order_17"]

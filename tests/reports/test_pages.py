"""Keyset pages: every entry once, in order, whatever is written meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account
from billing.charges import Charge, charge_many
from billing.models import Entry
from reports import pages
from reports.pages import BadCursorError, Cursor, read_cursor, read_page, write_cursor
from tests.factories import Cast, give, make_master, make_subaccount

Key = tuple[datetime, int, int]


def spend(account: Account, count: int, reference: str, moment: datetime | None = None) -> None:
    """``count`` usages in one posting: they bear one moment."""
    charge_many(
        master=account.master_id,
        charges=[
            Charge(account.pk, Decimal("0.01"), f"{reference}-{n}", moment=moment)
            for n in range(count)
        ],
    )


def keys(entries: list[Entry]) -> list[Key]:
    return [(entry.posted_at, entry.holder_id, entry.seq) for entry in entries]


def entries_of(company: Account):
    return Entry.objects.filter(master=company)


def all_of(company: Account) -> list[Key]:
    return sorted(keys(list(entries_of(company))), reverse=True)


def walk(company: Account, size: int) -> list[list[Key]]:
    """All pages from the newest to the oldest."""
    found, cursor = [], ""
    while True:
        page = read_page(entries_of(company), company, cursor, size=size)
        found.append(keys(page.entries))
        if not page.next:
            return found
        cursor = page.next


def flat(found: list[list[Key]]) -> list[Key]:
    return [key for page in found for key in page]


def test_pages_show_every_entry_once_newest_first(cast: Cast) -> None:
    spend(cast.marketing, 7, "a")
    spend(cast.otp, 5, "b")
    walked = walk(cast.nile, size=4)
    assert [len(page) for page in walked] == [4, 4, 4, 3]
    assert flat(walked) == all_of(cast.nile)


def test_entries_of_one_moment_are_told_apart_by_holder_and_seq(cast: Cast) -> None:
    moment = timezone.now()
    spend(cast.marketing, 6, "a", moment)
    spend(cast.otp, 6, "b", moment)
    assert flat(walk(cast.nile, size=5)) == all_of(cast.nile)


def test_newer_leads_back_through_the_same_pages(cast: Cast) -> None:
    spend(cast.marketing, 12, "a")
    first = read_page(entries_of(cast.nile), cast.nile, size=5)
    second = read_page(entries_of(cast.nile), cast.nile, first.next, size=5)
    third = read_page(entries_of(cast.nile), cast.nile, second.next, size=5)
    assert not third.next
    back = read_page(entries_of(cast.nile), cast.nile, third.previous, size=5)
    assert keys(back.entries) == keys(second.entries)
    assert (back.next, back.previous) == (second.next, second.previous)
    again = read_page(entries_of(cast.nile), cast.nile, back.previous, size=5)
    assert keys(again.entries) == keys(first.entries)
    assert (again.previous, again.next) == ("", first.next)


def test_entries_written_meanwhile_move_nothing_on_older_pages(cast: Cast) -> None:
    spend(cast.marketing, 12, "a")
    first = read_page(entries_of(cast.nile), cast.nile, size=5)
    second = read_page(entries_of(cast.nile), cast.nile, first.next, size=5)
    spend(cast.marketing, 8, "b")
    assert read_page(entries_of(cast.nile), cast.nile, first.next, size=5) == second
    # Back again: the page just before, then one that is filled up from the newest.
    before = read_page(entries_of(cast.nile), cast.nile, second.previous, size=5)
    assert keys(before.entries) == keys(first.entries)
    assert before.previous
    between = read_page(entries_of(cast.nile), cast.nile, before.previous, size=5)
    newest = read_page(entries_of(cast.nile), cast.nile, between.previous, size=5)
    assert keys(newest.entries) == all_of(cast.nile)[:5]
    assert not newest.previous


def test_few_newer_entries_make_the_newest_page_a_full_one(cast: Cast) -> None:
    spend(cast.marketing, 12, "a")
    first = read_page(entries_of(cast.nile), cast.nile, size=5)
    second = read_page(entries_of(cast.nile), cast.nile, first.next, size=5)
    spend(cast.marketing, 2, "b")
    before = read_page(entries_of(cast.nile), cast.nile, second.previous, size=5)
    newest = read_page(entries_of(cast.nile), cast.nile, before.previous, size=5)
    assert len(newest.entries) == 5
    assert keys(newest.entries) == all_of(cast.nile)[:5]


def test_a_page_has_no_neighbours_where_there_are_none(cast: Cast) -> None:
    page = read_page(entries_of(cast.gulf), cast.gulf, size=1)
    assert (len(page.entries), page.previous, page.next) == (1, "", "")
    empty = read_page(entries_of(cast.gulf).none(), cast.gulf, size=1)
    assert empty == pages.NO_PAGE


def test_page_beyond_the_oldest_is_empty(cast: Cast) -> None:
    cursor = write_cursor(Cursor("next", timezone.now() - timedelta(days=9), 1, 1), cast.nile)
    assert read_page(entries_of(cast.nile), cast.nile, cursor) == pages.NO_PAGE


def test_page_neither_counts_nor_skips(cast: Cast) -> None:
    spend(cast.marketing, 12, "a")
    page = read_page(entries_of(cast.nile), cast.nile, size=4)
    with CaptureQueriesContext(connection) as caught:
        page = read_page(entries_of(cast.nile), cast.nile, page.next, size=4)
        read_page(entries_of(cast.nile), cast.nile, page.previous, size=4)
    assert len(caught) <= 4
    for query in caught.captured_queries:
        assert "COUNT(" not in query["sql"]
        assert "OFFSET" not in query["sql"]
        assert "LIMIT" in query["sql"]


def test_cursor_survives_its_journey_through_an_address(cast: Cast) -> None:
    cursor = Cursor("previous", timezone.now(), 7, 2**40)
    assert read_cursor(write_cursor(cursor, cast.nile), cast.nile) == cursor


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1],
        lambda text: text[1:],
        lambda text: "x" + text,
        lambda text: text.swapcase(),
        lambda text: text + "\x00",
        lambda text: "\x00",
        lambda text: "older:1:2:3",
        lambda text: ":",
        lambda text: "é" * 5000,
        lambda text: text[: len(text) // 2],
        lambda text: text + "=",
        lambda text: text + "AAAA",
    ],
)
def test_tampered_cursor_is_refused(cast: Cast, spoil) -> None:
    cursor = write_cursor(Cursor("next", timezone.now(), 7, 8), cast.nile)
    with pytest.raises(BadCursorError):
        read_page(entries_of(cast.nile), cast.nile, spoil(cursor))


def test_cursor_does_not_tell_how_many_entries_the_pool_has(cast: Cast) -> None:
    moment = timezone.now()
    texts = [
        write_cursor(Cursor("next", moment, cast.nile.pk, seq), cast.nile)
        for seq in range(10**6, 10**6 + 64)
    ]
    # Neighbours have nothing in common, not even where only the number differs.
    assert len({text[:20] for text in texts}) == len({text[-20:] for text in texts}) == 64


def test_cursor_of_another_company_is_refused(cast: Cast) -> None:
    cursor = write_cursor(Cursor("next", timezone.now(), 7, 8), cast.gulf)
    with pytest.raises(BadCursorError):
        read_cursor(cursor, cast.nile)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    postings=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), min_size=1, max_size=8),
    size=st.integers(1, 6),
)
def test_any_books_are_walked_whole(db, postings: list[tuple[int, int]], size: int) -> None:
    number = Account.objects.count()
    company = make_master(f"c{number}")
    accounts = [company, *(make_subaccount(company, f"s{n}") for n in range(2))]
    for account in accounts:
        give(account, "10", f"open-{account.pk}")
    for turn, (which, count) in enumerate(postings):
        spend(accounts[which], count, f"turn-{turn}")
    assert flat(walk(company, size)) == all_of(company)

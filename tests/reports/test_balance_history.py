"""The credit at the end of each day, in the company's zone, by one statement."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.ledger import Leg, Posting, post, transact
from billing.models import Entry, Kind, Origin
from reports.balance_history import read_history
from tests.console.overview import spend
from tests.factories import Cast, make_subaccount

pytestmark = pytest.mark.django_db

TODAY = date(2025, 11, 23)


def pay(account, amount: str, moment: datetime) -> None:
    posting = Posting(
        Kind.PAYMENT, f"pay-{moment}", (Leg(account.pk, Decimal(amount)),), moment=moment
    )
    transact(lambda: post(master=account.master_id, postings=[posting], origin=Origin.PAYMENT))


@pytest.fixture
def fresh(cast: Cast):
    return make_subaccount(cast.nile, "fresh")


def credits(account, days: int = 5) -> list[Decimal]:
    return [each.credit for each in read_history(account, TODAY, days)]


def test_each_day_ends_with_its_last_entry_and_days_without_keep_it(fresh) -> None:
    pay(fresh, "100", datetime(2025, 11, 20, 9, tzinfo=UTC))
    spend(fresh, "10", moment=datetime(2025, 11, 20, 10, tzinfo=UTC))
    # Cairo's midnight is at ten in the evening of Greenwich.
    spend(fresh, "1", moment=datetime(2025, 11, 21, 21, 59, 59, tzinfo=UTC))
    spend(fresh, "2", moment=datetime(2025, 11, 21, 22, 0, tzinfo=UTC))
    assert credits(fresh) == [0, 90, 89, 87, 87]


def test_several_entries_of_one_moment_end_with_the_highest_number(fresh) -> None:
    moment = datetime(2025, 11, 21, 9, tzinfo=UTC)
    for amount in ("1", "2", "3"):
        spend(fresh, amount, moment=moment)
    assert credits(fresh)[-1] == -6


def test_before_the_first_entry_there_was_nothing(fresh) -> None:
    spend(fresh, "1", moment=datetime(2025, 11, 22, 9, tzinfo=UTC))
    assert [each.is_begun for each in read_history(fresh, TODAY, 3)] == [False, True, True]
    assert not any(each.is_begun for each in read_history(fresh, date(2024, 1, 1), 30))


def test_what_came_before_the_period_counts(fresh) -> None:
    pay(fresh, "70", datetime(2024, 1, 1, tzinfo=UTC))
    assert credits(fresh) == [70] * 5


def test_top_ups_are_counted_on_their_day(fresh) -> None:
    pay(fresh, "100", datetime(2025, 11, 20, 9, tzinfo=UTC))
    pay(fresh, "50", datetime(2025, 11, 20, 21, tzinfo=UTC))
    pay(fresh, "7", datetime(2025, 11, 20, 22, 30, tzinfo=UTC))
    days = read_history(fresh, TODAY, 5)
    assert [(each.top_ups, each.topped_up) for each in days] == [
        (0, 0), (2, 150), (1, 7), (0, 0), (0, 0),
    ]  # fmt: skip


def test_today_is_what_the_balance_says(cast: Cast) -> None:
    spend(cast.otp, "30")  # From the master account's balance.
    today = datetime.now(cast.nile.zone).date()
    assert read_history(cast.nile, today, 30)[-1].credit == 9970


def test_it_is_one_statement_for_any_number_of_days(cast: Cast) -> None:
    for days in (30, 365):
        with CaptureQueriesContext(connection) as queries:
            assert len(read_history(cast.nile, TODAY, days)) == days
        assert len(queries) == 1


def test_the_index_by_holder_and_time_serves_each_day(cast: Cast) -> None:
    """One probe a day; small tables would be read whole, so that is made dear."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
    with CaptureQueriesContext(connection) as queries:
        read_history(cast.nile, TODAY, 90)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {queries[0]['sql']}")
        plan = "\n".join(row for (row,) in cursor.fetchall())
    assert "entry_by_holder_time" in plan
    assert Entry.objects.exists()

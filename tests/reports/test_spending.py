"""What accounts spent, by days of the company's zone: months, weeks, and one against the other."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from reports.spending import (
    NO_USAGE,
    POOL,
    Months,
    Trend,
    compare,
    last_days,
    read_days,
    read_drawn,
    read_usage,
)
from tests.console.overview import reverse_usage, spend
from tests.factories import Cast, give, make_subaccount

TODAY = date(2025, 11, 23)


def noon(month: int, day: int) -> datetime:
    return datetime(2025, month, day, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("today", "until"),
    [
        (date(2026, 11, 23), date(2026, 10, 23)),
        (date(2026, 11, 1), date(2026, 10, 1)),
        (date(2026, 3, 31), date(2026, 2, 28)),
        (date(2028, 3, 30), date(2028, 2, 29)),
        (date(2026, 1, 31), date(2025, 12, 31)),
    ],
)
def test_like_days_are_compared_whatever_the_length_of_months(today: date, until: date) -> None:
    months = Months(today)
    assert months.previous_until == until
    assert months.previous_first == until.replace(day=1)


@pytest.mark.parametrize(
    ("month", "previous", "trend", "words"),
    [
        ("112", "100", Trend.MORE, "12 % more than in October until the 23rd"),
        ("92", "100", Trend.LESS, "8 % less than in October until the 23rd"),
        ("100.4", "100", Trend.SAME, "as much as in October until the 23rd"),
        ("1", "0", Trend.NEW, "nothing was spent in October until the 23rd"),
        ("0", "0", Trend.NONE, "nothing either in October until the 23rd"),
        ("0", "5", Trend.LESS, "100 % less than in October until the 23rd"),
        # More was given back than spent.
        ("-3", "5", Trend.LESS, "100 % less than in October until the 23rd"),
        ("3", "-5", Trend.NEW, "nothing was spent in October until the 23rd"),
        ("100", "10", Trend.MANY, "more than ten times as much as in October until the 23rd"),
    ],
)
def test_this_month_against_the_last_in_words(month, previous, trend, words) -> None:
    change = compare(Decimal(month), Decimal(previous), TODAY)
    assert (change.trend, change.words) == (trend, words)
    assert bool(change.arrow) == (trend not in {Trend.SAME, Trend.NONE})


def test_changes_sort_from_the_least() -> None:
    pairs = [(0, 0), (1, 4), (4, 4), (5, 4), (99, 4), (1, 0)]
    changes = [compare(Decimal(a), Decimal(b), TODAY).order for a, b in pairs]
    assert changes == sorted(changes)


@pytest.mark.django_db
class TestReading:
    def test_the_month_the_last_until_the_same_day_and_seven_whole_days(self, cast: Cast) -> None:
        fresh = make_subaccount(cast.nile, "fresh")
        for month, day, amount in [
            (9, 30, "1000"),
            (10, 1, "1"),
            (10, 23, "2"),
            (10, 24, "4000"),
            (11, 15, "8"),
            (11, 16, "16"),
            (11, 22, "32"),
            (11, 23, "0.5"),
        ]:
            spend(fresh, amount, moment=noon(month, day))
        usage = read_usage(cast.nile, [fresh.pk], TODAY)[fresh.pk]
        assert usage.previous == 3
        assert usage.month == Decimal("56.5")
        # The 16th to the 22nd.
        assert usage.pace == 48

    def test_what_goes_fast_today_counts_for_the_pace_at_once(self, cast: Cast) -> None:
        fresh = make_subaccount(cast.nile, "fresh")
        spend(fresh, "16", moment=noon(11, 16))
        spend(fresh, "32", moment=noon(11, 22))
        spend(fresh, "100", moment=noon(11, 23))
        assert read_usage(cast.nile, [fresh.pk], TODAY)[fresh.pk].pace == 132

    def test_days_are_those_of_the_companys_zone(self, cast: Cast) -> None:
        fresh = make_subaccount(cast.nile, "fresh")
        spend(fresh, "1", moment=datetime(2025, 11, 22, 21, 59, tzinfo=UTC))
        spend(fresh, "2", moment=datetime(2025, 11, 22, 22, 0, tzinfo=UTC))
        days = read_days(cast.nile, [fresh.pk], date(2025, 11, 1))[fresh.pk]
        assert days == {date(2025, 11, 22): 1, date(2025, 11, 23): 2}
        assert last_days(days, TODAY, 3) == [0, 1, 2]

    def test_usage_less_its_reversals_and_nothing_else(self, cast: Cast) -> None:
        spend(cast.marketing, "100")
        reverse_usage(cast.marketing, "30")
        give(cast.marketing, "5")
        assert read_usage(cast.nile, [cast.marketing.pk], _now(cast)).get(
            cast.marketing.pk, NO_USAGE
        ).month == Decimal(70)

    def test_the_pool_is_what_those_who_draw_on_it_spent(self, cast: Cast) -> None:
        spend(cast.otp, "30")
        spend(cast.nile, "12")
        spend(cast.retail, "7")
        today = _now(cast)
        drawing = [cast.nile.pk, cast.otp.pk]
        days = read_days(cast.nile, [cast.retail.pk], today, pool=drawing)
        assert days == {cast.retail.pk: {today: 7}, POOL: {today: 42}}
        assert read_drawn(cast.nile, cast.otp, today) == (42, 30)

    def test_another_companys_totals_are_never_among_them(self, cast: Cast) -> None:
        spend(cast.gulf_sales, "3")
        assert read_usage(cast.nile, [cast.gulf_sales.pk], _now(cast)) == {}


def _now(cast: Cast) -> date:
    return datetime.now(cast.nile.zone).date()

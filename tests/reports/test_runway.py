"""The runway: from what was spent to the day on which nothing is left. No database."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from console.runway_words import words
from reports.runway import HORIZON, WINDOW, Outlook, project

DAY = timedelta(days=1)
TODAY = date(2026, 11, 23)  # a Monday
LONG_AGO = date(2020, 1, 1)

amounts = st.decimals(0, 10_000, places=4)
balances = st.decimals("0.0001", 1_000_000, places=4)


def days(*spent: object, today: date = TODAY) -> dict[date, Decimal]:
    """What was spent on the days before today, yesterday first."""
    return {today - nth * DAY: Decimal(str(each)) for nth, each in enumerate(spent, start=1)}


months = st.lists(amounts, min_size=WINDOW, max_size=WINDOW).map(lambda spent: days(*spent))


def run(available: object, spent: dict[date, Decimal], since: date = LONG_AGO):
    return project(Decimal(str(available)), spent, today=TODAY, since=since)


def test_a_steady_pace_is_a_division() -> None:
    runway = run(100, days(*[10] * WINDOW))
    # Today takes 10 of it, and so do the nine days after.
    assert (runway.days, runway.until) == (9, date(2026, 12, 2))
    assert (runway.soonest, runway.latest, runway.has_range) == (9, 9, True)


def test_what_today_has_spent_already_is_not_spent_again() -> None:
    steady = days(*[10] * WINDOW)
    assert run(100, steady | {TODAY: Decimal(10)}).days == 10
    assert run(100, steady | {TODAY: Decimal(4)}).days == 10
    # More than usual today says nothing of tomorrow.
    assert run(100, steady | {TODAY: Decimal(500)}).days == 10


def test_the_rhythm_of_the_week_decides_on_which_day_it_ends() -> None:
    """An office that sends 70 on Mondays and nothing else: it lasts until a Monday."""
    mondays = {TODAY - week * 7 * DAY: Decimal(70) for week in range(1, 5)}
    for available, weeks in ((70, 0), (71, 1), (140, 1), (141, 2)):
        runway = run(available, mondays)
        assert runway.days == weeks * 7
        assert runway.until is not None
        assert runway.until.weekday() == 0


def test_a_busy_and_a_slow_week_are_the_range() -> None:
    """Weeks of 70, 70, 70 and 140: a busy one is 119, a slow one 70, the average 87.5."""
    spent = days(*[20] * 7, *[10] * 21)
    runway = run(875, spent)
    assert (runway.days, runway.soonest, runway.latest) == (69, 51, 87)


def test_nothing_is_said_where_there_is_nothing_to_spend() -> None:
    for available in (0, "-0.01", -500):
        assert run(available, days(*[10] * WINDOW)) is None
    assert words(None) is None


def test_without_usage_there_is_no_end() -> None:
    runway = run(100, {})
    assert (runway.outlook, runway.days) == (Outlook.IDLE, None)
    assert words(runway).text == "No usage in the last four weeks."
    fresh = run(100, {}, since=TODAY - 3 * DAY)
    assert words(fresh).text == "No usage yet."


def test_what_was_given_back_whole_is_no_usage() -> None:
    assert run(100, days(10, -10)).outlook == Outlook.IDLE


def test_less_than_a_week_is_too_little() -> None:
    for known in range(7):
        runway = run(100, days(*[10] * known) | {TODAY: Decimal(1)}, since=TODAY - known * DAY)
        assert runway.outlook == Outlook.EARLY
        assert words(runway).text == "It can be told after a week of usage."


def test_fewer_than_four_weeks_are_said_and_one_week_has_no_range() -> None:
    ten = run(100, days(*[10] * 10), since=TODAY - 10 * DAY)
    assert (ten.days, ten.history, ten.has_range) == (9, 10, False)
    assert words(ten) == (
        "9 days",
        "until 2 December at the pace of the 10 days that are known",
    )
    assert run(100, days(*[10] * 14), since=TODAY - 14 * DAY).has_range


def test_spending_from_before_the_account_was_opened_here_counts() -> None:
    """Its history was imported: it was opened here today."""
    assert run(100, days(*[10] * WINDOW), since=TODAY).history == WINDOW


def test_in_words() -> None:
    assert words(run(100, days(*[10] * WINDOW))) == (
        "9 days",
        "until 2 December at the pace of the last four weeks",
    )
    assert words(run(875, days(*[20] * 7, *[10] * 21))) == (
        "69 days",
        "until 31 January at the pace of the last four weeks (51 to 87)",
    )
    assert words(run(20, days(*[10] * WINDOW))).figure == "1 day"
    assert words(run(5, days(*[10] * WINDOW))) == (
        "Until today",
        "used up today at the pace of the last four weeks",
    )
    assert words(run(10**6, days(*[10] * WINDOW))) == (
        "More than a year",
        "at the pace of the last four weeks",
    )
    far = words(run(4500, days(*[20] * 7, *[10] * 21)))
    assert far.figure == "359 days"
    assert far.text.endswith("at the pace of the last four weeks (264 to more than 365)")
    assert words(run(5000, days(*[20] * 7, *[10] * 21))).text == (
        "at the pace of the last four weeks (at least 294 days)"
    )


@given(balances, months)
def test_the_range_holds_the_answer(available: Decimal, spent: dict[date, Decimal]) -> None:
    runway = run(available, spent)
    if runway.outlook not in {Outlook.DAYS, Outlook.BEYOND}:
        return
    low, middle, high = (
        HORIZON + 1 if each is None else each
        for each in (runway.soonest, runway.days, runway.latest)
    )
    assert 0 <= low <= middle <= high
    assert (runway.until is None) == (runway.days is None)


@given(balances, balances, months)
def test_more_credit_lasts_no_shorter(
    some: Decimal, more: Decimal, spent: dict[date, Decimal]
) -> None:
    less, much = run(some, spent), run(some + more, spent)
    assert less.outlook == Outlook.BEYOND or much.days is None or less.days <= much.days


@given(balances, months)
def test_twice_the_money_at_twice_the_prices_lasts_as_long(
    available: Decimal, spent: dict[date, Decimal]
) -> None:
    dear = {day: amount * 2 for day, amount in spent.items()}
    one, other = run(available, spent), run(available * 2, dear)
    assert (one.days, one.soonest, one.latest) == (other.days, other.soonest, other.latest)


@given(balances, st.dictionaries(st.integers(-40, 40), st.decimals(-9999, 9999, places=3)))
def test_whatever_was_spent_there_is_an_answer(
    available: Decimal, spent: dict[int, Decimal]
) -> None:
    """Days of reversals, days long ago, and a clock that is behind."""
    runway = run(available, {TODAY + nth * DAY: each for nth, each in spent.items()})
    assert 0 <= runway.history <= WINDOW
    assert runway.days is None or 0 <= runway.days <= HORIZON
    assert words(runway).text

"""The geometry of charts and their facts in words. No database."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Account
from console.money import MINUS
from reports.balance_history import BalanceDay
from reports.charts import BOTTOM, TOP, balance_chart, labels_of, scale_of
from reports.spending_charts import sparkline, spending_chart

TODAY = date(2026, 11, 23)
DAY = timedelta(days=1)
NILE = Account(pk=1, master_id=1, code="nile", name="Nile", currency="EGP", country="EG")
NILE.master = NILE

amounts = st.decimals(-(10**14), 10**14, places=6)


def history(*credits: object, top_ups: dict[int, int] | None = None) -> list[BalanceDay]:
    """The last days, today last; None before the first entry."""
    first = TODAY - (len(credits) - 1) * DAY
    paid = top_ups or {}
    return [
        BalanceDay(
            first + nth * DAY,
            Decimal(str(credit or 0)),
            credit is not None,
            int(nth in paid),
            Decimal(paid.get(nth, 0)),
        )
        for nth, credit in enumerate(credits)
    ]


def drawn(*credits: object, limit: object = 0, top_ups: dict[int, int] | None = None):
    days = history(*credits, top_ups=top_ups)
    return balance_chart(NILE, NILE, days, Decimal(str(limit)))


@given(amounts, amounts)
def test_a_scale_holds_what_it_is_for_and_zero_with_few_lines(a: Decimal, b: Decimal) -> None:
    low, high = sorted((a, b))
    scale = scale_of(low, high)
    assert scale.low <= min(low, 0)
    assert scale.high >= max(high, 0)
    assert any(level.is_zero for level in scale.levels())
    assert 2 <= len(scale.levels()) <= 6
    for value in (low, high, Decimal(0)):
        assert TOP <= scale.y(value) <= BOTTOM


def test_it_says_the_facts_in_words() -> None:
    chart = drawn(500, 100, -50, 900, 800, top_ups={3: 1000})
    assert chart.spoken == (
        "Credit at the end of each day from 19 November 2026 to 23 November 2026, in EGP:"
        f" now 800.00; lowest {MINUS}50.00, on 21 November 2026;"
        " highest 900.00, on 22 November 2026; 1 top-up, of 1,000.00."
    )
    assert drawn(1, 2).spoken.endswith("no top-ups.")
    assert "2 top-ups, together 30.00" in drawn(1, 2, top_ups={0: 10, 1: 20}).spoken


def test_the_limit_is_drawn_where_a_good_part_of_it_was_used() -> None:
    assert drawn(100, -40, limit=100).limit_y
    assert not drawn(100, -40, limit=10_000).limit_y
    assert not drawn(100, 40, limit=100).limit_y
    # Past the limit on purpose: the line is still within the drawing.
    chart = drawn(100, -500, limit=100)
    assert TOP <= float(chart.limit_y) <= BOTTOM


def test_the_line_begins_with_the_first_entry() -> None:
    chart = drawn(None, None, 100, 50, 25)
    assert chart.line.startswith("500 ")
    assert chart.lowest.credit == 25
    assert chart.highest.day == TODAY - 2 * DAY


def test_an_account_without_entries_has_an_empty_drawing() -> None:
    chart = drawn(*[None] * 30)
    assert chart.line == ""
    assert "now 0.00" in chart.spoken
    assert chart.levels[0].text == "0"


def test_four_days_are_named_at_equal_distances() -> None:
    for days in (30, 90):
        labels = labels_of([TODAY - nth * DAY for nth in range(days - 1, -1, -1)])
        assert len(labels) == 4
        assert (labels[0].x, labels[0].anchor) == ("0.00%", "start")
        assert (labels[-1].x, labels[-1].anchor, labels[-1].text) == ("100.00%", "end", "23 Nov")
    year = labels_of([TODAY - nth * DAY for nth in range(364, -1, -1)])
    assert [label.text for label in year] == ["Nov 2025", "Mar 2026", "Jul 2026", "Nov 2026"]


def test_a_year_of_spending_is_drawn_by_week_and_adds_up() -> None:
    spent = [(TODAY - nth * DAY, Decimal(nth % 9)) for nth in range(364, -1, -1)]
    chart = spending_chart(NILE, spent)
    assert chart.is_by_week
    assert len(chart.parts) == 53
    assert chart.total == sum(amount for _day, amount in spent)
    assert chart.parts[-1].last == TODAY
    assert (chart.parts[-1].last - chart.parts[-1].first).days == 6
    assert chart.parts[0].first == spent[0][0]
    assert "Spent by week" in chart.spoken


def test_days_of_spending_are_bars_and_days_without_are_not() -> None:
    chart = spending_chart(NILE, [(TODAY - DAY, Decimal(10)), (TODAY, Decimal(0))])
    assert len(chart.bars) == 1
    assert "most on 22 November 2026, 10.00" in chart.spoken


def test_a_day_that_gave_back_stands_below_zero() -> None:
    chart = spending_chart(NILE, [(TODAY - DAY, Decimal(10)), (TODAY, Decimal(-5))])
    spent, back = chart.bars
    assert float(spent.y) + float(spent.height) == float(back.y)


def test_a_sparkline_has_a_bar_for_each_day_with_spending() -> None:
    assert sparkline([Decimal(0)] * 28) == ""
    assert sparkline([Decimal(-5), Decimal(0)]) == ""
    assert sparkline([Decimal(10), Decimal(0), Decimal("0.01"), Decimal(5)]) == (
        "M1 22v-20M7 22v-1M10 22v-10"
    )

"""The filter of the transactions: what it lets through, and what it refuses."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing.ledger import Leg, Posting, post, transact
from billing.models import Kind, Origin
from console.days import periods_of
from tests.factories import Cast, make_subaccount
from tests.reports.transactions import (
    cells,
    finance_with_history,
    get,
    references,
    shown,
    spend,
    text_of,
)

pytestmark = pytest.mark.django_db


class TestFilters:
    def test_account_from_a_link_elsewhere(self, cast: Cast) -> None:
        response = get(cast.finance, account=cast.retail.pk)
        assert {entry.account_id for entry in shown(response)} == {cast.retail.pk}

    def test_several_accounts_and_kinds(self, cast: Cast) -> None:
        spend(cast.retail, "1", "usage")
        spend(cast.otp, "1", "other")
        adjusted = Posting(Kind.ADJUSTMENT, "adj", (Leg(cast.retail.pk, Decimal(1)),))
        transact(lambda: post(master=cast.nile.pk, postings=[adjusted], origin=Origin.CONSOLE))
        response = get(
            cast.finance, account=[cast.retail.pk, cast.nile.pk], kind=["usage", "adjustment"]
        )
        assert references(response) == ["adj", "usage"]

    def test_days_are_whole_and_both_inclusive(self) -> None:
        finance = finance_with_history(
            datetime(2026, 1, 31, 21, 59, 59, 999999, tzinfo=UTC),
            datetime(2026, 1, 31, 22, 0, tzinfo=UTC),
            datetime(2026, 2, 28, 21, 59, 59, 999999, tzinfo=UTC),
            datetime(2026, 2, 28, 22, 0, tzinfo=UTC),
        )
        response = get(finance, "delta", date_from="2026-02-01", date_to="2026-02-28")
        assert references(response) == ["at-2", "at-1"]

    def test_day_begins_at_one_where_clocks_spring_forward_at_midnight(self) -> None:
        # Cairo, Friday 24 April 2026: 00:00 does not exist, 23:59 is followed by 01:00.
        finance = finance_with_history(
            datetime(2026, 4, 23, 21, 59, 59, tzinfo=UTC),
            datetime(2026, 4, 23, 22, 0, tzinfo=UTC),
            datetime(2026, 4, 24, 20, 59, 59, tzinfo=UTC),
            datetime(2026, 4, 24, 21, 0, tzinfo=UTC),
        )
        response = get(finance, "delta", date_from="2026-04-24", date_to="2026-04-24")
        assert cells(response, "posted_at") == ["24 Apr 2026, 23:59", "24 Apr 2026, 01:00"]

    def test_day_of_25_hours_is_whole(self) -> None:
        # Cairo, Thursday 29 October 2026: 23:00 to 24:00 comes twice.
        finance = finance_with_history(
            datetime(2026, 10, 28, 21, 0, tzinfo=UTC),
            datetime(2026, 10, 29, 20, 30, tzinfo=UTC),
            datetime(2026, 10, 29, 21, 30, tzinfo=UTC),
            datetime(2026, 10, 29, 22, 0, tzinfo=UTC),
        )
        response = get(finance, "delta", date_from="2026-10-29", date_to="2026-10-29")
        assert references(response) == ["at-2", "at-1", "at-0"]

    def test_zone_at_an_odd_offset(self) -> None:
        finance = finance_with_history(
            datetime(2026, 3, 1, 18, 14, 59, tzinfo=UTC),
            datetime(2026, 3, 1, 18, 15, tzinfo=UTC),
            zone="Asia/Kathmandu",
        )
        assert references(get(finance, "delta", date_from="2026-03-02")) == ["at-1"]

    def test_empty_fields_filter_nothing(self, cast: Cast) -> None:
        assert shown(get(cast.finance, date_from="", date_to="", cursor=""))

    def test_periods_are_links_that_keep_the_other_filters(self, cast: Cast, time_machine) -> None:
        # Already December in Cairo.
        time_machine.move_to(datetime(2026, 11, 30, 22, 30, tzinfo=UTC))
        content = text_of(get(cast.finance, kind="usage", cursor=""))
        assert "date_from=2026-12-01&amp;date_to=2026-12-31" in content
        assert "date_from=2026-11-01&amp;date_to=2026-11-30" in content
        # Weeks begin on Saturday there.
        assert "date_from=2026-11-28&amp;date_to=2026-12-04" in content
        assert content.count("?kind=usage") >= 4

    @pytest.mark.parametrize(
        ("today", "this_month", "last_month"),
        [
            ("2026-01-31", ("2026-01-01", "2026-01-31"), ("2025-12-01", "2025-12-31")),
            ("2028-03-01", ("2028-03-01", "2028-03-31"), ("2028-02-01", "2028-02-29")),
            ("2026-12-31", ("2026-12-01", "2026-12-31"), ("2026-11-01", "2026-11-30")),
        ],
    )
    def test_months_are_whole(self, today: str, this_month, last_month) -> None:
        periods = periods_of(date.fromisoformat(today))
        found = [(str(period.first), str(period.last)) for period in periods[:2]]
        assert found == [this_month, last_month]

    def test_current_period_is_marked(self, cast: Cast, time_machine) -> None:
        time_machine.move_to(datetime(2026, 11, 15, 12, tzinfo=UTC))
        content = text_of(get(cast.finance, date_from="2026-11-01", date_to="2026-11-30"))
        [current] = re.findall(r'<a[^>]*aria-current="true"[^>]*>\s*([^<]*?)\s*</a>', content)
        assert current == "This month"

    def test_filter_stays_in_the_form(self, cast: Cast) -> None:
        form = get(cast.finance, date_from="2026-01-02", kind="usage").context["filters"].form
        assert 'value="2026-01-02"' in str(form["date_from"])
        assert re.search(r'value="usage"[^>]* checked', str(form["kind"]))

    def test_many_accounts_are_offered_in_a_list_that_scrolls(self, cast: Cast) -> None:
        for number in range(40):
            make_subaccount(cast.nile, f"extra-{number}")
        response = get(cast.finance, account=cast.retail.pk)
        assert "<select" in str(response.context["filters"].form["account"])
        assert {entry.account_id for entry in shown(response)} == {cast.retail.pk}


BAD = [
    ("date_from", "nonsense"),
    ("date_from", "2026-02-30"),
    ("date_from", "0001-01-01"),
    ("date_to", "9999-12-31"),
    ("date_from", "9999-12-31"),
    ("date_to", "0001-01-01"),
    ("date_from", "10000-01-01"),
    ("date_to", "2026-01-01\x00"),
    ("date_to", "\x00"),
    ("kind", "bribe"),
    ("kind", ""),
    ("kind", "usage\x00"),
    ("account", ""),
    ("account", "nonsense"),
    ("account", "0"),
    ("account", "-1"),
    ("account", "\x00"),
    ("account", "9" * 40),
    ("account", "\N{ARABIC-INDIC DIGIT ONE}"),
    ("account", "1 OR 1=1"),
]


class TestBadInput:
    @pytest.mark.parametrize(("field", "value"), BAD)
    def test_bad_value_shows_an_error_beside_the_field_and_no_rows(
        self, cast: Cast, field: str, value: str
    ) -> None:
        response = get(cast.finance, **{field: value})
        assert shown(response) == []
        assert list(response.context["filters"].form.errors) == [field]
        assert f'id="id_{field}_error"' in text_of(response)

    @pytest.mark.parametrize(("field", "value"), BAD)
    def test_bad_value_among_good_ones_still_shows_no_rows(
        self, cast: Cast, field: str, value: str
    ) -> None:
        good = {"kind": ["payment"], "account": [cast.retail.pk], "date_from": "2020-01-01"}
        response = get(
            cast.finance,
            **(
                good
                | {
                    field: [*good.get(field, []), value]
                    if isinstance(good.get(field), list)
                    else value
                }
            ),
        )
        assert shown(response) == []

    def test_reversed_range_is_refused(self, cast: Cast) -> None:
        response = get(cast.finance, date_from="2026-03-02", date_to="2026-03-01")
        assert shown(response) == []
        assert response.context["filters"].form.errors == {
            "date_to": ["This day is before From. Swap the two days."]
        }
        # Both are days: the picker stays.
        assert '<input type="date" name="date_to" value="2026-03-01"' in text_of(response)

    @pytest.mark.parametrize(
        ("query", "focused"),
        [
            ({"date_to": "nonsense", "date_from": "nonsense"}, 'name="date_from"'),
            ({"date_from": "2026-03-02", "date_to": "2026-03-01"}, 'name="date_to"'),
            ({"date_to": "nonsense", "kind": "bribe"}, 'name="date_to"'),
            ({"kind": "bribe"}, 'id="id_kind_picker"'),
            ({"account": "0"}, 'id="id_account_picker"'),
        ],
    )
    def test_first_wrong_field_has_the_focus(self, cast: Cast, query, focused: str) -> None:
        [found] = re.findall(r"<[^>]* autofocus[ >][^>]*", text_of(get(cast.finance, **query)))
        assert focused in found

    def test_what_was_typed_stays_in_the_form(self, cast: Cast) -> None:
        response = get(cast.finance, date_from="32 May", date_to="2026-03-01")
        # As text: a date input would show it empty.
        assert '<input type="text" name="date_from" value="32 May"' in text_of(response)
        assert '<input type="date" name="date_to" value="2026-03-01"' in text_of(response)

    @pytest.mark.parametrize("who", ["admin", "member", "operator"])
    def test_account_of_another_company_is_refused(self, cast: Cast, who: str) -> None:
        for account in (cast.gulf, cast.gulf_sales):
            response = get(getattr(cast, who), account=account.pk)
            assert shown(response) == []
            assert list(response.context["filters"].form.errors) == ["account"]
            assert account.name not in text_of(response)

    def test_account_that_a_member_does_not_see_is_refused(self, cast: Cast) -> None:
        for account in (cast.nile, cast.retail):
            response = get(cast.member, account=[account.pk, cast.marketing.pk])
            assert shown(response) == []
            assert list(response.context["filters"].form.errors) == ["account"]

    @pytest.mark.parametrize("cursor", ["x", "\x00", ":", "a:b", "e30:e30", "é" * 200])
    def test_damaged_cursor_is_said_plainly(self, cast: Cast, cursor: str) -> None:
        response = get(cast.finance, cursor=cursor)
        assert shown(response) == []
        assert "This link is damaged" in text_of(response)

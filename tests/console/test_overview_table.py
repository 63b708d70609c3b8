"""The overview: the table of subaccounts and the last movements."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from accounts.models import Role
from billing import transfers
from billing.models import Kind
from console.money import MINUS
from tests.console.overview import HX, codes, get, spend, text_of
from tests.factories import Cast, make_master, make_member, make_subaccount

pytestmark = pytest.mark.django_db


class TestTable:
    def test_who_spent_most_comes_first(self, cast: Cast) -> None:
        spend(cast.retail, "5")
        spend(cast.otp, "9")
        assert codes(get(cast.admin)) == ["otp", "retail", "marketing"]

    @pytest.mark.parametrize(
        ("sort", "expected"),
        [
            ("name", ["marketing", "otp", "retail"]),
            ("-name", ["retail", "otp", "marketing"]),
            # The shared one has no balance of its own: last, either way.
            ("available", ["retail", "marketing", "otp"]),
            ("-available", ["marketing", "retail", "otp"]),
        ],
    )
    def test_sorting(self, cast: Cast, sort: str, expected: list[str]) -> None:
        assert codes(get(cast.admin, sort=sort)) == expected

    def test_search_by_name_or_code(self, cast: Cast) -> None:
        assert codes(get(cast.admin, q="BRANCH")) == ["retail"]
        assert codes(get(cast.admin, q="otp")) == ["otp"]

    def test_a_search_says_how_many_of_all_it_found(self, cast: Cast) -> None:
        assert ">1 of 3</p>" in text_of(get(cast.admin, q="otp"))
        assert "of 3</p>" not in text_of(get(cast.admin))

    def test_a_search_without_result_offers_all(self, cast: Cast) -> None:
        text = text_of(get(cast.admin, q="<nothing>"))
        assert "“&lt;nothing&gt;”" in text
        assert "Show all subaccounts" in text

    def test_twenty_five_a_page(self, cast: Cast) -> None:
        for number in range(26):
            make_subaccount(cast.nile, f"depot-{number:02}")
        assert len(codes(get(cast.admin, q="depot"))) == 25
        second = get(cast.admin, q="depot", sort="name", page=2)
        assert codes(second) == ["depot-25"]
        assert "26 to 26 of 26" in text_of(second)

    def test_a_page_past_the_last_is_the_last(self, cast: Cast) -> None:
        for number in range(26):
            make_subaccount(cast.nile, f"depot-{number:02}")
        assert codes(get(cast.admin, q="depot", sort="name", page=9)) == ["depot-25"]
        assert codes(get(cast.admin, q="nothing", page=2)) == []

    @pytest.mark.parametrize(
        "query",
        [
            {"sort": "credit"},
            {"sort": "--name"},
            {"sort": ""},
            {"show": "all"},
            {"movements": "usage"},
            {"page": "0"},
            {"page": "x"},
            {"page": "\x00"},
        ],
    )
    def test_an_address_that_makes_no_sense_is_404(self, cast: Cast, query) -> None:
        assert get(cast.admin, **query).status_code == 404

    def test_odd_searches_find_nothing_and_break_nothing(self, cast: Cast) -> None:
        for q in ("\x00", "%", "'; --", "٣", "x" * 5000):
            assert codes(get(cast.admin, q=q)) == []

    def test_htmx_gets_the_table_alone(self, cast: Cast) -> None:
        response = get(cast.admin, headers=HX, sort="name")
        text = text_of(response)
        assert text.lstrip().startswith('<div id="subaccount-table"')
        assert "HX-Request" in response.headers["Vary"]

    def test_history_gets_the_whole_page(self, cast: Cast) -> None:
        headers = HX | {"HX-History-Restore-Request": "true"}
        assert "<!DOCTYPE html>" in text_of(get(cast.admin, headers=headers))


class TestMovements:
    def test_ten_newest_first(self, cast: Cast) -> None:
        for number in range(12):
            spend(cast.marketing, "1", f"use-{number}")
        movements = get(cast.admin, movements="all").context["movements"]
        shown = [movement.entry.reference for movement in movements]
        assert shown == [f"use-{number}" for number in range(11, 1, -1)]

    def test_usage_can_be_left_out(self, cast: Cast) -> None:
        spend(cast.marketing, "1")
        response = get(cast.admin, movements="without-usage")
        kinds = {movement.entry.kind for movement in response.context["movements"]}
        assert kinds == {Kind.PAYMENT}

    def test_who_sees_the_tree_begins_without_usage(self, cast: Cast) -> None:
        spend(cast.marketing, "1")
        response = get(cast.finance)
        assert response.context["without_usage"]
        assert {each.entry.kind for each in response.context["movements"]} == {Kind.PAYMENT}
        text = text_of(response)
        assert "?movements=all" in text
        assert "?movements=without-usage" in text

    def test_who_sees_a_part_begins_with_all(self, cast: Cast) -> None:
        spend(cast.marketing, "1")
        response = get(cast.member)
        assert not response.context["without_usage"]
        kinds = [each.entry.kind for each in response.context["movements"]]
        assert kinds == [Kind.USAGE, Kind.PAYMENT]

    def test_where_there_is_but_usage_it_is_shown(self, db) -> None:
        company = make_master("delta")
        admin = make_member(company, Role.MASTER_ADMIN, "admin@delta.example")
        spend(company, "1")
        response = get(admin, "delta")
        assert [each.entry.kind for each in response.context["movements"]] == [Kind.USAGE]
        assert not response.context["without_usage"]

    def test_a_transfer_is_one_movement_for_who_sees_both_sides(self, cast: Cast) -> None:
        for number in range(12):
            there = number % 2
            transfers.make(
                source=cast.nile if there else cast.marketing,
                destination=cast.marketing if there else cast.nile,
                amount=Decimal(number + 1),
                key=uuid4(),
                by=cast.admin,
                note=f"week {number}",
            )
        movements = get(cast.admin).context["movements"]
        assert [each.detail for each in movements] == [f"week {each}" for each in range(11, 1, -1)]
        assert movements[0].title == "Nile Retail Group → Marketing"
        assert movements[0].amount == "12.00"
        assert not movements[0].is_in
        assert movements[1].title == "Marketing → Nile Retail Group"
        one_side = get(cast.member).context["movements"][0]
        assert one_side.title == "Transfer from Nile Retail Group"
        assert one_side.is_in

    def test_htmx_gets_the_movements_alone(self, cast: Cast) -> None:
        response = get(
            cast.admin, headers=HX | {"HX-Target": "last-movements"}, movements="without-usage"
        )
        assert 'id="last-movements"' in text_of(response)
        assert "<h1" not in text_of(response)
        assert "subaccount-table" not in text_of(response)

    def test_signs_and_words(self, cast: Cast) -> None:
        spend(cast.otp, "68.3625")
        text = text_of(get(cast.admin, movements="all"))
        assert f"{MINUS}68.3625" in text
        assert '<span class="in">+10,000.00' in text

    def test_an_empty_company_is_told_what_will_be_here(self, db) -> None:
        company = make_master("fresh")
        text = text_of(get(make_member(company, Role.MASTER_ADMIN, "a@fresh.example"), "fresh"))
        assert "No subaccounts yet" in text
        assert "No movements yet" in text
        assert "There is nothing to spend yet." in text

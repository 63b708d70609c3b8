"""The history's filter: what it lets through, what it refuses, and how a batch stands in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing import transfers
from billing.models import Transfer
from billing.transfer_batches import Line, make_many
from tests.billing.transfer_form import plain
from tests.factories import make_subaccount

pytestmark = pytest.mark.django_db

NILE = reverse("transfer-list", args=["nile"])


def move(source, destination, amount="10", **more):
    fields = {"by": None} | more
    return transfers.make(
        source=source, destination=destination, amount=Decimal(amount), key=uuid4(), **fields
    )


def shown(client, **filters) -> list[Transfer]:
    response = client.get(NILE, filters)
    assert response.status_code == 200
    return list(response.context["table"].data.data)


def wrong(client, field: str, sentence: str, **filters) -> None:
    """The filter says what is wrong, keeps what was typed, and shows no rows."""
    response = client.get(NILE, filters)
    assert response.status_code == 200
    assert list(response.context["table"].data) == []
    assert sentence in str(response.context["form"].errors[field])
    assert "The filter is not right" in plain(response)
    assert response.context["form"][field].value() == filters[field]


@pytest.fixture
def batch(cast):
    return make_many(
        source=cast.nile,
        lines=[Line(cast.marketing, Decimal(30)), Line(cast.retail, Decimal("12.50"))],
        key=uuid4(),
        by=cast.admin,
        note="for Ramadan",
    )


# --- works ------------------------------------------------------------------------------------


def test_days_are_whole_and_the_companys(admin, cast):
    made = [move(cast.nile, cast.marketing, n) for n in range(1, 5)]
    # Cairo is two hours ahead: the first of February begins at 22:00 of 31 January.
    moments = [
        "2026-01-31 21:59:59",
        "2026-01-31 22:00",
        "2026-02-28 21:59:59",
        "2026-02-28 22:00",
    ]
    for transfer, moment in zip(made, moments, strict=True):
        at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        Transfer.objects.filter(pk=transfer.pk).update(created_at=at)
    found = shown(admin, date_from="2026-02-01", date_to="2026-02-28")
    assert found == [made[2], made[1]]


def test_an_account_on_either_side(admin, cast):
    there, back = move(cast.nile, cast.marketing), move(cast.marketing, cast.nile, "3")
    move(cast.nile, cast.retail)
    assert shown(admin, account=cast.marketing.pk) == [back, there]


def test_who_made_it(admin, client, cast):
    mine = move(cast.nile, cast.marketing, by=cast.admin)
    theirs = move(cast.nile, cast.marketing, by=cast.operator)
    none = move(cast.nile, cast.marketing)
    for who, found in (
        (cast.admin.pk, [mine]),
        ("operator", [theirs]),
        ("platform", [none]),
        ("", [none, theirs, mine]),
    ):
        assert shown(admin, by=who) == found
    # To customers operators have no names, and cannot be asked for by number.
    wrong(admin, "by", "has made no transfer that you can see", by=str(cast.operator.pk))
    assert "operator@platform" not in admin.get(NILE).content.decode()
    client.force_login(cast.operator)
    assert shown(client, by=cast.operator.pk) == [theirs]


def test_amounts_between_two_bounds_both_inclusive(admin, cast):
    made = [move(cast.nile, cast.marketing, n) for n in ("1", "2.50", "3")]
    assert shown(admin, min="2.50", max="3") == [made[2], made[1]]
    assert shown(admin, min="3.01") == []


def test_text_of_the_note_whatever_the_case_and_taken_as_it_is(admin, cast):
    ramadan = move(cast.nile, cast.marketing, note="For Ramadan")
    percent = move(cast.nile, cast.marketing, note="100% sure_thing")
    assert shown(admin, note="ramadan") == [ramadan]
    assert shown(admin, note="0% s") == [percent]
    assert shown(admin, note="%") == [percent]
    assert shown(admin, note="_") == [percent]


def test_all_conditions_together_and_the_address_keeps_them_over_pages(admin, cast, monkeypatch):
    monkeypatch.setattr("billing.views.transfer_list.PAGE_SIZE", 1)
    made = [move(cast.nile, cast.marketing, "5", note="x") for _ in range(2)]
    move(cast.nile, cast.retail, "5", note="x")
    filters = {"account": cast.marketing.pk, "min": "5", "note": "x"}
    response = admin.get(NILE, filters)
    assert list(response.context["table"].data.data) == [made[1]]
    older = re.search(r'id="transfer-table-older" href="([^"]*)"', response.content.decode())[1]
    address = older.replace("&amp;", "&")
    for part in (f"account={cast.marketing.pk}", "min=5", "note=x", f"before={made[1].pk}"):
        assert part in address
    following = admin.get(NILE + address)
    assert list(following.context["table"].data.data) == [made[0]]


def test_none_that_fit_are_said_so_with_the_way_out(admin, cast):
    move(cast.nile, cast.marketing)
    text = plain(admin.get(NILE, {"note": "nowhere"}))
    assert "No transfer fits the filter" in text
    assert "Show all transfers" in text


def test_a_swap_brings_the_filter_along_once(admin, cast):
    move(cast.nile, cast.marketing)
    response = admin.get(NILE, {"min": "x"}, headers={"HX-Request": "true"})
    text = response.content.decode()
    assert text.count('id="transfer-filter"') == 1
    assert 'hx-swap-oob="true"' in text
    assert 'hx-swap-oob="true"' not in admin.get(NILE).content.decode()


# --- refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("date_from", "yesterday", "Write the day as year-month-day"),
        ("date_from", "2026-02-30", "Write the day as year-month-day"),
        ("date_to", "1999-12-31", "from the year 2000 on"),
        ("date_to", "9999-12-31", "before the year 2100"),
        ("min", "1,5", "without commas or spaces"),
        ("min", "1.005", "too many decimals"),
        ("max", "0", "above zero"),
        ("max", "-1", "above zero"),
        ("max", "9" * 5000, "too large"),
        ("by", "999999", "has made no transfer"),
        ("by", "x", "has made no transfer"),
        ("account", "0", "not one of the accounts"),
        ("account", "x\x00", "not one of the accounts"),
        ("note", "n" * 201, "at most 200 characters"),
        ("note", "a\x00b", "Null characters"),
    ],
)
def test_a_bad_filter_shows_its_error_and_no_rows(admin, cast, field, value, sentence):
    move(cast.nile, cast.marketing)
    wrong(admin, field, sentence, **{field: value})


def test_what_contradicts_itself_is_said(admin, cast):
    move(cast.nile, cast.marketing)
    wrong(admin, "date_to", "before From", date_from="2026-02-02", date_to="2026-02-01")
    wrong(admin, "max", "less than the least", min="5", max="4")


def test_another_companys_account_is_no_choice(admin, cast):
    wrong(admin, "account", "not one of the accounts", account=str(cast.gulf_sales.pk))


def test_a_member_can_only_ask_for_what_is_theirs(client, cast):
    move(cast.nile, cast.retail, "333")
    mine = move(cast.nile, cast.marketing)
    client.force_login(cast.member)
    assert shown(client, min="1") == [mine]
    wrong(client, "account", "not one of the accounts", account=str(cast.retail.pk))


# --- batches ----------------------------------------------------------------------------------


def test_to_who_sees_all_a_batch_is_one_row_that_leads_to_its_page(admin, cast, batch):
    other = move(cast.nile, cast.retail, "3")
    response = admin.get(NILE)
    rows = response.context["table"].data.data
    assert [row.pk for row in rows] == [other.pk, batch.transfers.get(line=0).pk]
    text = plain(response)
    assert "2 accounts" in text
    assert "42.50" in text
    assert batch.get_absolute_url() in response.content.decode()
    # By its note, person or day it is found as such.
    for filters in ({"note": "ramadan"}, {"by": cast.admin.pk}, {"date_from": "2020-01-01"}):
        assert "2 accounts" in plain(admin.get(NILE, filters))


@pytest.mark.parametrize("filters", [{"account": "retail"}, {"max": "12.50"}])
def test_asked_for_single_lines_it_shows_them(admin, cast, batch, filters):
    if "account" in filters:
        filters = {"account": cast.retail.pk}
    line = batch.transfers.get(line=1)
    assert shown(admin, **filters) == [line]
    response = admin.get(NILE, filters)
    assert line.get_absolute_url() in response.content.decode()
    assert "2 accounts" not in plain(response)


def test_a_member_sees_their_line_and_not_the_batch(client, cast, batch):
    client.force_login(cast.member)
    response = client.get(NILE)
    assert list(response.context["table"].data.data) == [batch.transfers.get(line=0)]
    for hidden in ("42.50", "2 accounts", "Retail branches"):
        assert hidden not in response.content.decode()


def test_what_was_moved_back_is_marked(admin, cast):
    part, whole = move(cast.nile, cast.marketing), move(cast.nile, cast.marketing)
    transfers.reverse(transfer=part, amount=Decimal(1), key=uuid4(), by=None)
    transfers.reverse(transfer=whole, key=uuid4(), by=None)
    table = admin.get(NILE).context["table"]
    notes = [re.sub(r"<[^>]*>", "", str(row.get_cell("note"))).strip() for row in table.rows]
    assert notes == ["Moves back", "Moves back", "Moved back", "Partly moved back"]


# --- speed ------------------------------------------------------------------------------------


def test_the_number_of_queries_does_not_grow(admin, cast, batch):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            admin.get(NILE, {"min": "1", "account": cast.nile.pk})
            admin.get(NILE)
        return len(captured)

    few = queries()
    accounts = [make_subaccount(cast.nile, f"b-{number}") for number in range(20)]
    for _ in range(3):
        make_many(
            source=cast.nile,
            lines=[Line(account, Decimal(1)) for account in accounts],
            key=uuid4(),
            by=cast.finance,
        )
    assert queries() == few <= 22  # with the number of unseen notices on each of the pages

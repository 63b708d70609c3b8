"""The list of subaccounts: search, filter, order, pages, and who sees it."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import BalanceMode
from billing import tree
from billing.views import subaccounts as views
from tests.billing.accounts_pages import address, charge, plain, signed_in
from tests.factories import (
    give,
    make_branches,
    make_master,
    make_member,
    make_subaccount,
    set_limit,
)

pytestmark = pytest.mark.django_db

NILE = address("list")
HX = {"HX-Request": "true"}


def codes(response) -> list[str]:
    assert response.status_code == 200
    return [row.record.account.code for row in response.context["page"].object_list]


def row(response, name: str) -> str:
    """The row of the account with this name, as text."""
    rows = re.findall(r'<tr role="row".*?</tr>', response.content.decode(), re.S)
    [found] = [each for each in rows if f">{name}</a>" in each]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", found))


# --- works ------------------------------------------------------------------------------------


def test_each_row_has_name_code_mode_state_and_what_it_can_spend(admin, cast):
    set_limit(cast.retail, "100")
    charge(cast.retail, "30.505")
    response = admin.get(NILE)
    assert codes(response) == ["marketing", "otp", "retail"]
    retail = row(response, "Retail branches")
    for text in ("retail", "Allocated", "Active", "89.99", "100.00 limit"):
        assert text in retail
    otp = row(response, "OTP and security")
    assert "Shared" in otp
    assert "10,000" not in plain(response)
    assert "Available, EGP" in plain(response)


def test_each_row_leads_to_the_account_its_transactions_and_a_transfer(admin, cast):
    text = admin.get(NILE).content.decode()
    assert f'href="{address("detail", cast.retail)}"' in text
    assert f'{reverse("transaction-list", args=["nile"])}?account={cast.retail.pk}"' in text
    assert f'{reverse("transfer-new", args=["nile"])}?to={cast.retail.pk}"' in text
    # Who draws on the shared balance cannot receive.
    assert f"?to={cast.otp.pk}" not in text


def test_the_sidebar_leads_to_it_for_those_who_see_the_tree(cast):
    overview = reverse("overview", args=["nile"])
    for who, shown in (("admin", True), ("finance", True), ("operator", True), ("member", False)):
        text = signed_in(getattr(cast, who)).get(overview).content.decode()
        assert (f'<a href="{NILE}"' in text) is shown
    assert 'aria-current="page"' in signed_in(cast.admin).get(NILE).content.decode()


def test_the_overviews_table_leads_to_the_accounts_page(admin, cast):
    text = admin.get(reverse("overview", args=["nile"])).content.decode()
    for account in (cast.marketing, cast.retail, cast.otp):
        assert f'href="{address("detail", account)}">{account}</a>' in text


def test_a_company_without_subaccounts_is_offered_the_first_step(cast):
    solo = make_master("solo")
    admin = signed_in(make_member(solo, "master_admin", "admin@solo.example"))
    text = plain(admin.get(address("list", company="solo")))
    assert "No subaccounts yet" in text
    assert "Open the first one" in text
    operator = signed_in(cast.operator).get(address("list", company="solo"))
    assert "Open the first one" not in plain(operator)


# --- search -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "BRANCH"}, ["retail"]),
        ({"q": "otp"}, ["otp"]),
        ({"q": " security "}, ["otp"]),
        ({"q": "nile"}, []),
        ({"q": "%"}, []),
        ({"q": "_"}, []),
        ({"mode": "shared"}, ["otp"]),
        ({"mode": "allocated"}, ["marketing", "retail"]),
        ({"mode": "allocated", "q": "a", "state": "active"}, ["marketing", "retail"]),
        ({"mode": "", "q": "", "state": ""}, ["marketing", "otp", "retail"]),
    ],
)
def test_search_by_name_or_code_and_filter_by_mode(admin, query, expected):
    assert codes(admin.get(NILE, query)) == expected


def test_a_name_in_another_script_is_found_in_either_case(admin, cast):
    make_subaccount(cast.nile, "athens", name="ΑΘΗΝΑ")
    assert codes(admin.get(NILE, {"q": "αθη"})) == ["athens"]


def by_state(admin) -> dict[str, list[str]]:
    states = ("active", "restricted", "suspended", "closed")
    return {state: codes(admin.get(NILE, {"state": state})) for state in states}


def test_each_account_is_found_under_the_state_that_its_row_shows(admin, cast):
    empty = make_subaccount(cast.nile, "empty")
    gone = make_subaccount(cast.nile, "gone")
    tree.close(account=gone, by=None)
    tree.suspend(account=cast.marketing)
    assert by_state(admin) == {
        "active": ["otp", "retail"],
        "restricted": ["empty"],
        "suspended": ["marketing"],
        "closed": ["gone"],
    }
    response = admin.get(NILE)
    for name, state in (
        (empty.name, "Restricted"),
        ("Marketing", "Suspended"),
        ("Gone", "Closed"),
        ("Retail branches", "Active"),
    ):
        assert state in row(response, name)


def test_who_draws_on_an_empty_balance_is_restricted(admin, cast):
    charge(cast.nile, "10000")
    states = by_state(admin)
    assert states["restricted"] == ["otp"]
    assert states["active"] == ["marketing", "retail"]
    assert "Restricted" in row(admin.get(NILE), "OTP and security")


def test_a_suspended_company_suspends_all_that_is_not_closed(admin, cast):
    tree.close(account=cast.retail, by=None)
    tree.suspend(account=cast.nile)
    assert by_state(admin) == {
        "active": [],
        "restricted": [],
        "suspended": ["marketing", "otp"],
        "closed": ["retail"],
    }
    assert "Suspended" in row(admin.get(NILE), "OTP and security")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"mode": "x"}, "“x” is not a balance mode."),
        ({"mode": "x\x00"}, ""),
        ({"state": "lower"}, "“lower” is not a state of an account."),
        ({"cap": "x"}, "“x” says nothing of a spending cap."),
        ({"cap": "any\x00"}, ""),
        ({"q": "x" * 101}, "at most 100 characters"),
        ({"q": "a\x00"}, "Null characters"),
    ],
)
def test_a_bad_search_shows_its_errors_and_no_rows(admin, query, sentence):
    response = admin.get(NILE, query)
    assert codes(response) == []
    assert "The search cannot be used" in plain(response)
    assert sentence in plain(response)


def test_a_search_without_result_offers_all(admin):
    response = admin.get(NILE, {"q": "<nothing>"})
    assert "No subaccount found" in plain(response)
    assert "<nothing>" not in response.content.decode()
    assert f'href="{NILE}"' in response.content.decode()


# --- order and pages --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["Big", "marketing", "otp", "retail", "gone"]),
        ("-name", ["retail", "otp", "marketing", "Big", "gone"]),
        ("code", ["marketing", "otp", "retail", "zz", "gone"]),
        ("available", ["retail", "marketing", "zz", "otp", "gone"]),
        ("-available", ["zz", "marketing", "retail", "otp", "gone"]),
    ],
)
def test_sorting_leaves_the_shared_and_the_closed_behind(admin, cast, sort, expected):
    give(make_subaccount(cast.nile, "zz", name="big"), "900")
    tree.close(account=make_subaccount(cast.nile, "gone", name="AAA"), by=None)
    assert codes(admin.get(NILE, {"sort": sort})) == [
        "zz" if code == "Big" else code for code in expected
    ]


def test_pages_follow_each_other_without_gap_or_repetition(admin, cast, monkeypatch):
    monkeypatch.setattr(views, "PAGE_SIZE", 2)
    make_subaccount(cast.nile, "north")
    make_subaccount(cast.nile, "south")
    first = admin.get(NILE)
    assert "1 to 2 of 5" in plain(first)
    assert '?page=2"' in first.content.decode()
    pages = [codes(admin.get(NILE, {"page": page})) for page in (1, 2, 3)]
    assert pages == [["marketing", "north"], ["otp", "retail"], ["south"]]


def test_another_order_begins_on_its_first_page(admin, monkeypatch):
    monkeypatch.setattr(views, "PAGE_SIZE", 2)
    text = admin.get(NILE, {"page": 2, "q": "t"}).content.decode()
    assert 'id="sort-available" href="?q=t&amp;sort=available"' in text


def test_a_page_past_the_last_is_the_last(admin, cast, monkeypatch):
    monkeypatch.setattr(views, "PAGE_SIZE", 2)
    assert codes(admin.get(NILE, {"page": 9})) == ["retail"]
    assert codes(admin.get(NILE, {"page": 9, "q": "nothing"})) == []


@pytest.mark.parametrize(
    "query",
    [
        {"sort": "credit"},
        {"sort": "--name"},
        {"sort": ""},
        {"sort": "state"},
        {"page": "0"},
        {"page": "-1"},
        {"page": "x"},
        {"page": "1\x00"},
        {"page": "9" * 5000},
        {"page": "\u0661"},
    ],
)
def test_an_address_that_makes_no_sense_is_404(admin, query):
    assert admin.get(NILE, query).status_code == 404


def test_the_size_of_a_page_is_not_the_readers_to_choose(admin, cast):
    assert codes(admin.get(NILE, {"per_page": "0"})) == ["marketing", "otp", "retail"]
    assert len(codes(admin.get(NILE, {"per_page": "1"}))) == 3


def test_htmx_gets_the_table_alone_and_the_search_keeps_the_order(admin):
    response = admin.get(NILE, {"sort": "-name", "q": "a"}, headers=HX)
    text = response.content.decode()
    assert "<html" not in text
    assert text.count('id="subaccount-table"') == 1
    assert '<input type="hidden" name="sort" value="-name" form="subaccount-filter">' in text


# --- access -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["admin", "finance", "operator"])
def test_who_sees_the_tree_sees_all(cast, who):
    assert codes(signed_in(getattr(cast, who)).get(NILE)) == ["marketing", "otp", "retail"]


@pytest.mark.parametrize("who", ["member", "marketing_admin", "otp_member"])
def test_who_sees_only_parts_gets_403_with_a_sentence(cast, who):
    response = signed_in(getattr(cast, who)).get(NILE)
    assert response.status_code == 403
    assert "it is for its finance staff and admins" in plain(response)


@pytest.mark.parametrize("who", ["stranger", "gulf_admin"])
def test_a_stranger_and_another_companys_admin_get_404(cast, who):
    assert signed_in(getattr(cast, who)).get(NILE).status_code == 404


def test_who_is_not_signed_in_is_asked_to(client, cast):
    assert client.get(NILE)["Location"].startswith(reverse("account_login"))


def test_only_who_may_open_and_move_is_offered_to(cast):
    for who, offered in (("admin", True), ("finance", False), ("operator", False)):
        text = signed_in(getattr(cast, who)).get(NILE).content.decode()
        assert (address("new") in text) is offered
        assert (reverse("transfer-new", args=["nile"]) in text) is offered


def test_it_is_only_read(admin):
    assert admin.post(NILE).status_code == 405


# --- speed ------------------------------------------------------------------------------------


def test_the_number_of_queries_does_not_grow(admin, cast):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            admin.get(NILE, {"q": "a", "sort": "-available"})
        return len(captured)

    few = queries()
    make_branches(cast.nile, 1_000, BalanceMode.ALLOCATED, BalanceMode.SHARED)
    assert queries() == few <= 10  # one of them the number of unseen notices

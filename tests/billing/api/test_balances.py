"""What can be spent: the balance of an account, and the list of subaccounts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.models import BalanceMode
from billing import holds, tree
from billing.charges import charge
from tests.billing.api.conftest import Program
from tests.factories import make_subaccount, set_limit

pytestmark = pytest.mark.django_db


def balance(program, account, master="nile"):
    answer = program.get(f"masters/{master}/accounts/{account}/balance")
    assert answer.status_code == 200
    return answer.json()


def test_available_is_credit_and_limit_without_what_is_on_hold(nile, cast):
    set_limit(cast.marketing, "250.5")
    charge(account=cast.marketing, amount=Decimal("0.0075"), reference="m-1")
    holds.hold(
        account=cast.marketing,
        amount=Decimal(100),
        reference="h",
        expires_in=timedelta(hours=1),
    )
    assert balance(nile, "marketing") == {
        "account": "marketing",
        "holder": "marketing",
        "mode": "allocated",
        "state": "active",
        "currency": "EGP",
        "credit": "499.992500",
        "credit_limit": "250.500000",
        "on_hold": "100.000000",
        "available": "650.492500",
        "restricted": False,
        "spending_cap": None,
    }


def test_a_shared_account_shows_the_balance_that_it_draws_on(nile):
    found = balance(nile, "otp")
    assert (found["holder"], found["mode"]) == ("nile", "shared")
    assert found["available"] == "10000.000000"


def test_the_master_account_has_a_balance_of_its_own(nile):
    assert balance(nile, "nile")["credit"] == "10000.000000"


def test_nothing_left_is_restricted_until_money_comes_in(nile, cast):
    charge(account=cast.retail, amount=Decimal("20.50"), reference="all")
    found = balance(nile, "retail")
    assert (found["available"], found["restricted"]) == ("0.000000", True)


def test_a_debt_is_negative(nile, cast):
    charge(account=cast.retail, amount=Decimal("30.75"), reference="late", enforce_limit=False)
    assert balance(nile, "retail")["credit"] == "-10.250000"


def test_a_suspended_company_suspends_its_accounts(nile, cast):
    tree.suspend(account=cast.nile)
    assert balance(nile, "marketing")["state"] == "suspended"
    tree.restore(account=cast.nile)
    tree.suspend(account=cast.marketing)
    assert balance(nile, "marketing")["state"] == "suspended"
    assert balance(nile, "retail")["state"] == "active"


def test_two_companies_may_have_accounts_of_one_code(platform, cast):
    make_subaccount(cast.gulf, "marketing")
    assert balance(platform, "marketing")["credit"] == "500.000000"
    assert balance(platform, "marketing", "gulf")["currency"] == "KWD"
    assert balance(platform, "marketing", "gulf")["credit"] == "0.000000"


def test_a_balance_costs_two_queries(nile, django_assert_num_queries):
    balance(nile, "otp")  # which notes that the key is in use
    with django_assert_num_queries(2):
        balance(nile, "otp")


def test_the_list_has_every_subaccount_once_page_by_page(nile, cast):
    for number in range(7):
        mode = BalanceMode.SHARED if number % 2 else BalanceMode.ALLOCATED
        make_subaccount(cast.nile, f"brand-{number}", mode=mode)
    codes = []
    after = ""
    while True:
        page = nile.get(f"masters/nile/subaccounts?limit=3&after={after}").json()
        assert len(page["subaccounts"]) <= 3
        codes += [each["account"] for each in page["subaccounts"]]
        after = page["next"]
        if after is None:
            break
    assert codes == sorted(
        [*(f"brand-{number}" for number in range(7)), "marketing", "otp", "retail"]
    )
    [otp] = [
        each
        for each in nile.get("masters/nile/subaccounts").json()["subaccounts"]
        if each["account"] == "otp"
    ]
    assert otp == {"name": "OTP and security", **balance(nile, "otp")}


def test_the_list_costs_three_queries_however_long(nile, cast, django_assert_num_queries):
    nile.get("masters/nile/subaccounts")
    for number in range(20):
        make_subaccount(cast.nile, f"brand-{number}")
    with django_assert_num_queries(3):
        assert len(nile.get("masters/nile/subaccounts").json()["subaccounts"]) == 23


def test_a_full_last_page_says_that_it_is_the_last(nile):
    page = nile.get("masters/nile/subaccounts?limit=3").json()
    assert [each["account"] for each in page["subaccounts"]] == ["marketing", "otp", "retail"]
    assert page["next"] is None


WRONG_QUERIES = [
    ("limit=0", "limit"),
    ("limit=1001", "limit"),
    ("limit=-1", "limit"),
    ("limit=1_0", "limit"),
    ("limit=1e2", "limit"),
    ("limit=%D9%A3", "limit"),
    ("limit=", "limit"),
    ("limit=%00", "limit"),
    ("limit=" + "9" * 5000, "limit"),
    ("after=%00", "after"),
    ("after=A", "after"),
    ("after=" + "a" * 41, "after"),
    ("limit=1&limit=2", "limit"),
    ("page=2", "page"),
]


def test_a_wrong_parameter_is_told_and_lists_nothing(nile):
    for query, field in WRONG_QUERIES:
        answer = nile.get(f"masters/nile/subaccounts?{query}")
        assert answer.status_code == 422, query
        assert [error["field"] for error in answer.json()["errors"]] == [field], query


def test_very_many_parameters_are_refused(nile):
    query = "&".join(f"a{number}=1" for number in range(600))
    answer = nile.get(f"masters/nile/subaccounts?{query}")
    assert answer.status_code == 400
    assert answer.json()["type"] == "/api/v1/problems/bad-request"


def test_a_key_of_the_platform_reads_every_company(cast, key_of):
    program = Program(key_of(None))
    for master in ("nile", "gulf"):
        assert program.get(f"masters/{master}/subaccounts").status_code == 200

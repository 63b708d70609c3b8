"""What can be spent: the balance of an account, and the list of subaccounts."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import BalanceMode
from billing import holds, tree
from billing.charges import charge
from billing.locking import clock
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


def at(moment) -> str:
    return moment.isoformat().replace("+", "%2B")


def test_a_balance_is_told_as_of_a_past_moment(nile, cast, django_assert_num_queries):
    set_limit(cast.otp.company, "50")
    charge(account=cast.otp, amount=Decimal(10), reference="m-1")
    holds.hold(account=cast.otp, amount=Decimal(5), reference="h")
    then = clock()
    before = balance(nile, "otp")
    tree.allocate(account=cast.otp)
    tree.suspend(account=cast.nile)
    charge(account=cast.nile, amount=Decimal(1), reference="m-2", enforce_limit=False)
    with django_assert_num_queries(3):
        found = nile.get(f"masters/nile/accounts/otp/balance?at={at(then)}").json()
    assert datetime.fromisoformat(found.pop("at")) == then
    # What was left of its cap then is not told.
    del before["spending_cap"]
    assert found == before
    assert found["available"] == "10035.000000"
    now = nile.get(f"masters/nile/accounts/nile/balance?at={at(clock())}").json()
    now.pop("at")
    assert now | {"spending_cap": None} == balance(nile, "nile")


def test_before_it_was_opened_an_account_has_no_balance(nile, cast):
    then = clock()
    make_subaccount(cast.nile, "later")
    answer = nile.get(f"masters/nile/accounts/later/balance?at={at(then)}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["message"] == "The account had not been opened then."
    listed = nile.get(f"masters/nile/subaccounts?at={at(then)}").json()["subaccounts"]
    assert [each["account"] for each in listed] == ["marketing", "otp", "retail"]
    assert [each["credit"] for each in listed] == ["500.000000", "10000.000000", "20.500000"]
    listed = nile.get(f"masters/nile/subaccounts?at={at(clock())}").json()["subaccounts"]
    assert len(listed) == 4


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "yesterday",
        "2026-03-31",
        "2026-03-31T23:59:00",
        "2026-03-31T23:59:00+02:00",
        "2999-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "%00",
        "2026-03-31T23:59:00Z&at=2026-03-31T23:59:00Z",
    ],
)
def test_a_moment_that_is_none_is_refused(nile, moment):
    for path in ("accounts/marketing/balance", "subaccounts"):
        answer = nile.get(f"masters/nile/{path}?at={moment}")
        assert answer.status_code == 422, path
        assert [error["field"] for error in answer.json()["errors"]] == ["at"]


def test_a_moment_a_little_ahead_has_not_come(nile):
    ahead = clock() + timedelta(minutes=5)
    answer = nile.get(f"masters/nile/accounts/marketing/balance?at={at(ahead)}")
    assert answer.json()["errors"][0]["message"] == "This moment has not come yet."


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

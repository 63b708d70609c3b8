"""The spending cap as a program meets it: refused with figures, and told with the balance."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from billing import caps, charges
from tests.billing.accounts_pages import charge, hold

pytestmark = pytest.mark.django_db

TYPE = "/api/v1/problems/spending-cap"


@pytest.fixture
def capped(cast):
    """Marketing may spend 100 a month and has spent 60, and 15 are on hold."""
    caps.change(account=cast.marketing, cap=Decimal(100), by=cast.admin)
    charge(cast.marketing, "60", "m-60")
    hold(cast.marketing, "15", "h-15")
    return cast.marketing


def balance(program, account="marketing"):
    answer = program.get(f"masters/nile/accounts/{account}/balance")
    assert answer.status_code == 200
    return answer.json()


def test_a_charge_past_the_cap_is_402_with_a_type_of_its_own(nile, capped):
    path = "masters/nile/accounts/marketing/charges"
    answer = nile.post(path, {"amount": "25.0001"}, Idempotency_Key="m-1")
    assert answer.status_code == 402
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": TYPE,
        "title": "The spending cap of the month is reached",
        "status": 402,
        "detail": "Marketing can spend at most EGP 25.00 more this month:"
        " its spending cap is 100.00.",
        "account": "marketing",
        "currency": "EGP",
        "cap": "100.000000",
        "used": "75.000000",
        "left": "25.000000",
        "short_by": "0.000100",
    }
    # Its reference is free: what fits is taken under the same one.
    assert nile.post(path, {"amount": "25"}, Idempotency_Key="m-1").status_code == 201
    answer = nile.post(path, {"amount": "0.0001"}, Idempotency_Key="m-2")
    assert answer.json()["left"] == "0.000000"
    assert "has used up its spending cap of EGP 100.00" in answer.json()["detail"]


def test_a_hold_past_the_cap_is_refused_alike(nile, capped):
    path = "masters/nile/accounts/marketing/holds"
    answer = nile.post(path, {"amount": "26"}, Idempotency_Key="h-1")
    assert (answer.status_code, answer.json()["type"]) == (402, TYPE)
    assert answer.json()["short_by"] == "1.000000"
    assert nile.post(path, {"amount": "25"}, Idempotency_Key="h-1").status_code == 201


def test_a_batch_is_decided_one_after_the_other(nile, cast):
    caps.change(account=cast.otp, cap=Decimal(100))
    rows = [
        {"reference": f"b-{amount}", "account": "otp", "amount": amount}
        for amount in ("60", "70", "30")
    ]
    first, second, third = nile.post("masters/nile/charges", {"charges": rows}).json()["results"]
    assert (first["status"], third["status"]) == ("accepted", "accepted")
    assert second == {
        "status": "refused",
        "reference": "b-70",
        "account": "otp",
        "code": "spending_cap",
        "type": TYPE,
        "detail": "OTP and security can spend at most EGP 40.00 more this month:"
        " its spending cap is 100.00.",
        "cap": "100.000000",
        "used": "60.000000",
        "left": "40.000000",
        "short_by": "30.000000",
    }
    lines = "\n".join(map(json.dumps, rows))
    answer = nile.post("masters/nile/charges", lines, content_type="application/x-ndjson")
    told = [json.loads(line) for line in answer.content.splitlines()]
    assert [each["status"] for each in told] == ["replayed", "refused", "replayed"]
    assert told[1]["used"] == "90.000000"


def test_past_the_limit_is_past_the_cap_too(nile, capped):
    path = "masters/nile/accounts/marketing/charges"
    body = {"amount": "200", "enforce_limit": False}
    assert nile.post(path, body, Idempotency_Key="late").status_code == 201
    assert balance(nile)["spending_cap"]["left"] == "0.000000"


def test_a_capture_is_never_refused_by_it(nile, capped):
    held = hold(capped, "20", "h-20")
    caps.change(account=capped, cap=Decimal(0), by=None)
    answer = nile.post(f"masters/nile/holds/{held.id}/captures", {}, Idempotency_Key="c-1")
    assert answer.status_code == 201


def test_the_balance_says_how_the_account_stands_with_its_cap(nile, capped):
    assert balance(nile)["spending_cap"] == {
        "amount": "100.000000",
        "hard": True,
        "spent": "60.000000",
        "on_hold": "15.000000",
        "left": "25.000000",
    }
    charges.reverse(master=capped.master_id, reference="m-60", reason="by mistake")
    assert balance(nile)["spending_cap"]["spent"] == "0.000000"
    assert balance(nile, "retail")["spending_cap"] is None
    assert balance(nile, "nile")["spending_cap"] is None


def test_of_a_shared_account_it_is_its_own_cap_beside_the_pools_figures(nile, cast):
    caps.change(account=cast.otp, cap=Decimal("5.5"), is_hard=False)
    charge(cast.otp, "7")
    found = balance(nile, "otp")
    assert (found["holder"], found["credit"]) == ("nile", "9993.000000")
    assert found["spending_cap"] == {
        "amount": "5.500000",
        "hard": False,
        "spent": "7.000000",
        "on_hold": "0.000000",
        "left": "0.000000",
    }


def test_the_list_has_the_caps_too(nile, capped):
    shown = nile.get("masters/nile/subaccounts").json()["subaccounts"]
    found = {each["account"]: each["spending_cap"] for each in shown}
    assert found["marketing"]["left"] == "25.000000"
    assert (found["otp"], found["retail"]) == (None, None)


def test_only_a_cap_costs_one_more_query(nile, cast, django_assert_num_queries):
    nile.get("masters/nile/subaccounts")  # which notes that the key is in use
    with django_assert_num_queries(2):
        balance(nile, "otp")
    for account in (cast.otp, cast.marketing, cast.retail):
        caps.change(account=account, cap=Decimal(1))
    with django_assert_num_queries(3):
        balance(nile, "otp")
    with django_assert_num_queries(4):
        nile.get("masters/nile/subaccounts")


def test_the_problem_type_explains_itself(nile):
    answer = nile.client.get(TYPE)
    assert answer.status_code == 200
    assert "next month" in answer.json()["explanation"]

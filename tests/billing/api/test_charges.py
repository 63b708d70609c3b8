"""POST .../accounts/{account}/charges: one usage, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction

from accounts.models import Scope
from billing import tree
from billing.models import Balance, Entry, Origin
from tests.billing.api.conftest import Program, make_key
from tests.factories import balance_of, give
from tests.threads import at_once

pytestmark = pytest.mark.django_db
PATH = "masters/nile/accounts/marketing/charges"


def charge(program, body, reference="msg-17", path=PATH):
    return program.post(path, body, idempotency_key=reference)


def problem(answer, status, slug):
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert document["type"] == f"/api/v1/problems/{slug}"
    return document


def test_a_charge_is_in_the_books(nile, cast):
    body = {
        "amount": "0.0075",
        "description": "رسالة",
        "occurred_at": "2026-11-03T14:05:00+02:00",
    }
    answer = charge(nile, body)
    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer.headers
    found = answer.json()
    entry = Entry.objects.get(origin=Origin.API)
    assert datetime.fromisoformat(found.pop("posted_at")) == entry.posted_at
    assert found == {
        "status": "accepted",
        "reference": "msg-17",
        "account": "marketing",
        "holder": "marketing",
        "amount": "0.007500",
        "currency": "EGP",
        "seq": 2,
        "balance_after": "499.992500",
    }
    assert entry.description == "رسالة"
    assert entry.occurred_at == datetime(2026, 11, 3, 12, 5, tzinfo=UTC)
    assert (entry.account, entry.amount) == (cast.marketing, Decimal("-0.0075"))


def test_sent_again_it_is_replayed_and_says_so(nile, cast):
    first = charge(nile, {"amount": "10"})
    # Written otherwise, it is the same amount.
    again = charge(nile, {"amount": "10.00", "description": "told otherwise"})
    assert again.status_code == 200
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json() | {"status": "replayed"}
    assert balance_of(cast.marketing).credit == Decimal(490)


def test_a_shared_account_names_its_holder(nile, cast):
    answer = charge(nile, {"amount": "1"}, path="masters/nile/accounts/otp/charges")
    assert answer.json()["holder"] == "nile"
    assert answer.json()["account"] == "otp"


def test_the_same_reference_for_something_else_is_a_conflict(nile, cast):
    charge(nile, {"amount": "10"})
    for path, amount in ((PATH, "11"), ("masters/nile/accounts/retail/charges", "10")):
        document = problem(charge(nile, {"amount": amount}, path=path), 409, "reference-conflict")
        assert "msg-17" in document["detail"]
        assert "holder" not in document
    assert Entry.objects.filter(origin=Origin.API).count() == 1


def test_references_of_two_companies_do_not_meet(platform, cast):
    for master, account in (("nile", "marketing"), ("gulf", "gulf")):
        answer = charge(
            platform, {"amount": "1"}, path=f"masters/{master}/accounts/{account}/charges"
        )
        assert answer.status_code == 201


def test_too_much_is_refused_with_the_figures(nile, cast):
    document = problem(charge(nile, {"amount": "520.5"}), 402, "insufficient-balance")
    assert document == {
        "type": "/api/v1/problems/insufficient-balance",
        "title": "The available balance is too low",
        "status": 402,
        "detail": "Marketing can spend at most EGP 500.00: 20.50 less than asked for.",
        "account": "marketing",
        "holder": "marketing",
        "currency": "EGP",
        "available": "500.000000",
        "short_by": "20.500000",
    }
    assert not Entry.objects.filter(origin=Origin.API).exists()
    # The reference is still free.
    give(cast.marketing, "100")
    assert charge(nile, {"amount": "520.5"}).status_code == 201


def test_a_shared_account_is_refused_with_its_holders_figures(nile):
    answer = charge(nile, {"amount": "10001"}, path="masters/nile/accounts/otp/charges")
    document = problem(answer, 402, "insufficient-balance")
    assert (document["account"], document["holder"]) == ("otp", "nile")
    assert document["short_by"] == "1.000000"


def test_a_suspended_account_and_a_suspended_company_are_refused(nile, cast):
    for account in (cast.marketing, cast.nile):
        tree.suspend(account=account)
        document = problem(charge(nile, {"amount": "1"}), 409, "account-suspended")
        assert document["account"] == "marketing"
        assert "holder" not in document
        tree.restore(account=account)
    assert charge(nile, {"amount": "1"}).status_code == 201


def test_a_balance_that_the_books_could_not_hold_is_refused(nile, cast):
    Balance.objects.filter(account=cast.marketing).update(credit=Decimal("-99999999999999"))
    body = {"amount": "999999999999", "enforce_limit": False}
    problem(charge(nile, body), 409, "balance-too-large")


def test_what_has_happened_is_recorded_past_the_limit_by_who_may(nile, cast):
    tree.suspend(account=cast.marketing)
    answer = charge(nile, {"amount": "600", "enforce_limit": False})
    assert answer.status_code == 201
    assert answer.json()["balance_after"] == "-100.000000"

    program = Program(make_key(cast.nile, Scope.CHARGES_WRITE))
    body = {"amount": "1", "enforce_limit": False}
    document = problem(charge(program, body, "msg-18"), 403, "scope-missing")
    assert document["scope"] == "charges:past-limit"
    assert not Entry.objects.filter(reference="msg-18").exists()
    # Said explicitly, the default needs nothing more.
    tree.restore(account=cast.marketing)
    body = {"amount": "1", "enforce_limit": True}
    problem(charge(program, body, "msg-18"), 402, "insufficient-balance")


NO_AMOUNTS = [
    1,
    1.5,
    0,
    True,
    None,
    [],
    {},
    ["1"],
    "",
    " 1",
    "1 ",
    "1e5",
    "1_000",
    "1,000",
    "NaN",
    "Infinity",
    "-1",
    "+1",
    "0",
    "0.000000",
    ".5",
    "5.",
    "0.0000001",
    "1.0000000",
    "1000000000000",
    "9" * 5000,
    "\u0661\u0662",
    "\uff11",
    "1\x00",
    "1\n",
    "0x10",
    "1/2",
]


def test_what_is_no_amount_is_refused(nile):
    for amount in NO_AMOUNTS:
        document = problem(charge(nile, {"amount": amount}), 422, "invalid")
        [error] = document["errors"]
        assert error["field"] == "amount", amount
        assert error["message"]
    assert not Entry.objects.filter(origin=Origin.API).exists()


def test_an_amount_of_many_zeros_is_read_and_not_remembered(nile, cast):
    assert charge(nile, {"amount": "0" * 5000 + "1"}).status_code == 201
    assert balance_of(cast.marketing).credit == Decimal(499)


NOT_VALID = [
    {"amount": "1", "description": "x" * 501},
    {"amount": "1", "description": "a\x00b"},
    {"amount": "1", "description": None},
    {"amount": "1", "description": 5},
    {"amount": "1", "occurred_at": "yesterday"},
    {"amount": "1", "occurred_at": "2026-11-03"},
    {"amount": "1", "occurred_at": "2026-11-03T14:05:00"},
    {"amount": "1", "occurred_at": "2026-W45-2T14:05:00Z"},
    {"amount": "1", "occurred_at": "20261103T140500Z"},
    {"amount": "1", "occurred_at": "1999-12-31T23:59:59Z"},
    {"amount": "1", "occurred_at": "9999-12-31T23:59:59-23:59"},
    {"amount": "1", "occurred_at": "2026-13-03T14:05:00Z"},
    {"amount": "1", "occurred_at": 1762171500},
    {"amount": "1", "occurred_at": None},
    {"amount": "1", "enforce_limit": "false"},
    {"amount": "1", "enforce_limit": 0},
    {"amount": "1", "enforce_limit": None},
    {"amount": "1", "enforced_limit": False},
    {"amount": "1", "reference": "x"},
    {"amount": "1", "account": "retail"},
    {"amount": "1", "": ""},
    {},
    {"description": "nothing"},
]


def test_what_is_not_valid_is_told_by_field(nile):
    for body in NOT_VALID:
        [error] = problem(charge(nile, body), 422, "invalid")["errors"]
        # The one field beside a good amount, or the amount that is missing.
        [wrong] = [name for name in body if name != "amount"] if "amount" in body else ["amount"]
        assert error["field"] == wrong, body
    assert not Entry.objects.filter(origin=Origin.API).exists()


def test_every_wrong_field_is_told_at_once(nile):
    body = {"amount": 1, "description": 2, "occurred_at": 3, "enforce_limit": 4}
    document = problem(charge(nile, body), 422, "invalid")
    assert {error["field"] for error in document["errors"]} == set(body)


def test_tomorrow_is_not_over_in_every_time_zone(nile):
    soon = datetime.now(UTC) + timedelta(hours=23)
    assert charge(nile, {"amount": "1", "occurred_at": soon.isoformat()}).status_code == 201


def test_a_header_that_is_no_reference_is_refused(nile):
    for reference in ("", " ", "\t", "x" * 201, "a\x7fb", "r\u00e9f", "\u0645", "a\tb", "\u00a0"):
        document = problem(charge(nile, {"amount": "1"}, reference), 422, "invalid")
        assert [error["field"] for error in document["errors"]] == ["Idempotency-Key"]


def test_two_references_in_one_header_are_refused(nile):
    """As servers join two headers of one name; it would be charged as a third reference."""
    for reference in ("msg-17,msg-18", "msg-17, msg-18", ",", "msg-17,"):
        document = problem(charge(nile, {"amount": "1"}, reference), 422, "invalid")
        assert [error["field"] for error in document["errors"]] == ["Idempotency-Key"]
        assert "comma" in document["detail"]
    assert not Entry.objects.filter(origin=Origin.API).exists()
    # In a batch there is no such doubt.
    row = {"reference": "msg-17,msg-18", "account": "marketing", "amount": "1"}
    answer = nile.post("masters/nile/charges", {"charges": [row]})
    assert answer.json()["results"][0]["status"] == "accepted"


def test_without_a_reference_nothing_is_charged(nile):
    document = problem(nile.post(PATH, {"amount": "1"}), 422, "invalid")
    assert [error["field"] for error in document["errors"]] == ["Idempotency-Key"]


def test_the_longest_reference_and_description_are_kept(nile):
    body = {"amount": "999999999999.999999", "description": "م" * 500, "enforce_limit": False}
    assert charge(nile, body, "x" * 200).status_code == 201
    entry = Entry.objects.get(reference="x" * 200)
    assert entry.description == "م" * 500
    assert entry.amount == Decimal("-999999999999.999999")


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_with_one_reference_are_one_charge(nile, cast):
    answers = at_once(*[lambda: charge(nile, {"amount": "1"})] * 12)
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len({answer.json()["seq"] for answer in answers}) == 1
    assert balance_of(cast.marketing).credit == Decimal(499)


@pytest.mark.django_db(transaction=True)
def test_whoever_finds_the_balance_locked_is_told_to_try_again(nile, cast, caplog):
    def impatiently():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '20ms'")
        return charge(nile, {"amount": "1"})

    charge(nile, {"amount": "1"}, "first")  # which notes that the key is in use
    with transaction.atomic():
        list(Balance.objects.select_for_update().filter(account=cast.marketing))
        [answer] = at_once(impatiently)
    problem(answer, 503, "try-again")
    assert answer.headers["Retry-After"] == "1"
    # One line, and no alarm: a busy account is no trouble of ours.
    [line] = [each for each in caplog.records if PATH in each.getMessage()]
    assert (line.levelname, line.exc_info) == ("WARNING", None)
    assert charge(nile, {"amount": "1"}).status_code == 201


def test_a_mistake_of_ours_is_a_problem_too(nile, monkeypatch, caplog):
    def broken(**asked):
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr("billing.api.charges.charge_many", broken)
    nile.client.raise_request_exception = False
    answer = charge(nile, {"amount": "1"})
    document = problem(answer, 500, "internal-error")
    assert "secret" not in str(document)
    assert "the secret of the house" in caplog.text

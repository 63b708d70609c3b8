"""POST masters/{master}/charges: up to 5,000 usages, a result for each."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from accounts.models import Scope
from billing import tree
from billing.api.rows import MOST_BYTES
from billing.models import Entry, Origin
from tests.billing.api.conftest import Program, make_key
from tests.factories import balance_of, give, set_limit
from tests.threads import at_once

pytestmark = pytest.mark.django_db
PATH = "masters/nile/charges"
NDJSON = "application/x-ndjson"


def row(reference="r-1", account="retail", amount="1", **more):
    return {"reference": reference, "account": account, "amount": amount, **more}


def results(answer):
    assert answer.status_code == 200, answer.content
    if answer.headers["Content-Type"] == NDJSON:
        return [json.loads(line) for line in answer.content.splitlines()]
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()["results"]


def charge(program, *rows):
    return results(program.post(PATH, {"charges": list(rows)}))


def charge_lines(program, *lines):
    body = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return results(program.post(PATH, body, content_type=NDJSON))


def posted():
    return Entry.objects.filter(origin=Origin.API).count()


@pytest.fixture(params=["json", "ndjson"])
def send(request, nile):
    """Charge the rows in either of the two forms."""
    how = charge if request.param == "json" else charge_lines
    return lambda *rows: how(nile, *rows)


def test_each_row_has_its_result_in_its_place(send, cast):
    accepted, shared, refused, replayed, conflict, invalid = send(
        row("a", "marketing", "0.0075", description="SMS", occurred_at="2026-11-03T12:00:00Z"),
        row("b", "otp", "2"),
        row("c", "retail", "30"),
        row("a", "marketing", "0.00750"),
        row("a", "marketing", "0.008"),
        row("d", "atlantis", 5),
    )
    entries = {entry.reference: entry for entry in Entry.objects.filter(origin=Origin.API)}
    assert entries.keys() == {"a", "b"}
    assert accepted == {
        "status": "accepted",
        "reference": "a",
        "account": "marketing",
        "holder": "marketing",
        "seq": 2,
        "balance_after": "499.992500",
        "posted_at": entries["a"].posted_at.isoformat().replace("+00:00", "Z"),
    }
    assert (shared["holder"], shared["balance_after"]) == ("nile", "9998.000000")
    assert refused == {
        "status": "refused",
        "reference": "c",
        "account": "retail",
        "code": "insufficient_balance",
        "type": "/api/v1/problems/insufficient-balance",
        "detail": "Retail branches can spend at most EGP 20.50: 9.50 less than asked for.",
        "available": "20.500000",
        "short_by": "9.500000",
    }
    assert replayed == accepted | {"status": "replayed"}
    assert (conflict["status"], conflict["code"]) == ("conflict", "conflict")
    assert conflict["type"] == "/api/v1/problems/reference-conflict"
    assert invalid["status"] == "invalid"
    assert (invalid["reference"], invalid["account"]) == ("d", "atlantis")
    assert [error["field"] for error in invalid["errors"]] == ["account", "amount"]
    assert entries["a"].description == "SMS"
    assert entries["a"].occurred_at.isoformat() == "2026-11-03T12:00:00+00:00"


def test_they_are_decided_one_after_the_other(send, cast):
    give(cast.retail, "79.50")
    found = send(row("a", amount="60"), row("b", amount="70"), row("c", amount="30"))
    assert [each["status"] for each in found] == ["accepted", "refused", "accepted"]
    assert found[1]["available"] == "40.000000"
    assert balance_of(cast.retail).credit == Decimal(10)


def test_sent_again_all_of_it_is_replayed(send, cast):
    rows = [row(f"r-{number}", amount="0.5") for number in range(30)]
    first = send(*rows)
    again = send(*rows)
    assert {each["status"] for each in first} == {"accepted"}
    assert again == [each | {"status": "replayed"} for each in first]
    assert posted() == 30


def test_all_of_unicode_may_be_in_a_reference(send):
    reference = "رسالة 17 \N{GRINNING FACE}é"
    [found] = send(row(reference))
    assert (found["status"], found["reference"]) == ("accepted", reference)
    assert Entry.objects.filter(reference=reference).exists()


BAD_ROWS = [
    (5, [""]),
    (None, [""]),
    ([], [""]),
    ("x", [""]),
    ({}, ["reference", "account", "amount"]),
    (row(reference=""), ["reference"]),
    (row(reference=" \t"), ["reference"]),
    (row(reference="x" * 201), ["reference"]),
    (row(reference="a\x00b"), ["reference"]),
    (row(reference="a\u202eb"), ["reference"]),
    (row(reference=17), ["reference"]),
    (row(reference=["r"]), ["reference"]),
    (row(reference=None), ["reference"]),
    (row(account=""), ["account"]),
    (row(account="RETAIL"), ["account"]),
    (row(account="sales"), ["account"]),
    (row(account="a\x00"), ["account"]),
    (row(account=["retail"]), ["account"]),
    (row(account={"code": "retail"}), ["account"]),
    (row(account=None), ["account"]),
    (row(account=1), ["account"]),
    (row(amount=1), ["amount"]),
    (row(amount=1.5), ["amount"]),
    (row(amount="1e5"), ["amount"]),
    (row(amount="1_000"), ["amount"]),
    (row(amount="NaN"), ["amount"]),
    (row(amount="\u0661"), ["amount"]),
    (row(amount="-1"), ["amount"]),
    (row(amount="0"), ["amount"]),
    (row(amount="9" * 13), ["amount"]),
    (row(amount="0.0000001"), ["amount"]),
    (row(amount=["1"]), ["amount"]),
    (row(amount=10**300), ["amount"]),
    (row(description="x" * 501), ["description"]),
    (row(description="\x00"), ["description"]),
    (row(description=["x"]), ["description"]),
    (row(occurred_at="2026-11-03"), ["occurred_at"]),
    (row(occurred_at=7), ["occurred_at"]),
    (row(enforce_limit="no"), ["enforce_limit"]),
    (row(enforce_limit=None), ["enforce_limit"]),
    (row(refrence="r"), ["refrence"]),
    (row(amount=1, account=2, reference=3), ["reference", "account", "amount"]),
]


def test_a_row_that_is_no_charge_stops_no_other(send):
    for number, (bad, fields) in enumerate(BAD_ROWS):
        before, wrong, behind = send(row(f"b-{number}", "otp"), bad, row(f"a-{number}", "otp"))
        assert (before["status"], behind["status"]) == ("accepted", "accepted"), bad
        assert wrong["status"] == "invalid", bad
        assert [error["field"] for error in wrong["errors"]] == fields, bad
        assert all(error["message"] for error in wrong["errors"]), bad
    assert posted() == 2 * len(BAD_ROWS)


def test_unknown_fields_by_the_thousand_are_answered_with_a_few(nile):
    wrong = dict.fromkeys((f"{number:x}" for number in range(3_000)), 1)
    for how in (charge, charge_lines):
        found = how(nile, *[wrong] * 20)
        told = [error["field"] for error in found[0]["errors"]]
        assert told == ["0", "1", "2", "3", "4", ""]
        # 2,995 unknown ones, and three that are missing.
        assert found[0]["errors"][-1]["message"] == "And 2,998 more."
        assert len(json.dumps(found)) < 20 * 500


def test_a_field_that_stands_twice_makes_its_row_invalid_alone(nile):
    twins = '{"reference": "b", "account": "retail", "amount": "1", "amount": "2"}'
    good = json.dumps(row("a"))
    answer = nile.post(PATH, f'{{"charges": [{good}, {twins}]}}')
    assert [each["status"] for each in results(answer)] == ["accepted", "invalid"]
    found = charge_lines(nile, json.dumps(row("c")), twins, twins.replace(" ", ""))
    assert [each["status"] for each in found] == ["accepted", "invalid", "invalid"]
    assert posted() == 2


def test_a_number_that_is_none_spoils_the_json_but_only_its_line_of_ndjson(nile):
    bad = row(amount=10**400)
    answer = nile.post(PATH, {"charges": [row("a"), bad]})
    assert answer.status_code == 422
    assert answer.json()["type"] == "/api/v1/problems/malformed"
    found = charge_lines(nile, row("a"), bad)
    assert [each["status"] for each in found] == ["accepted", "invalid"]


def test_quotes_and_colons_in_a_text_are_no_twins(send):
    found = send(row("a", description='a": "b" : \\": {"c":'), row('r":', description='":'))
    assert [each["status"] for each in found] == ["accepted", "accepted"]


def test_a_line_that_is_no_json_stops_no_other(nile):
    lines = [
        json.dumps(row("a")).encode(),
        b"nonsense",
        b'{"reference": "\xff"}',
        b"\x00",
        b"[" * 5_000,
        b'{"a":' * 1_500 + b"1" + b"}" * 1_500,
        b'{"reference": "x"',
        json.dumps(row("b")).encode(),
    ]
    found = results(nile.post(PATH, b"\n".join(lines), content_type=NDJSON))
    assert [each["status"] for each in found] == ["accepted", *["invalid"] * 6, "accepted"]


def test_empty_lines_and_windows_line_ends_are_no_rows(nile):
    body = f"\r\n{json.dumps(row('a'))}\r\n\r\n  \n{json.dumps(row('b'))}\n\n"
    found = results(nile.post(PATH, body, content_type=NDJSON))
    assert [each["reference"] for each in found] == ["a", "b"]
    assert results(nile.post(PATH, body, content_type=NDJSON))[0]["status"] == "replayed"


@pytest.mark.parametrize("body", ["", "\n\n", " \r\n"])
def test_no_lines_at_all_are_malformed(nile, body):
    answer = nile.post(PATH, body, content_type=NDJSON)
    assert answer.status_code == 422
    assert answer.json()["type"] == "/api/v1/problems/malformed"


def test_5000_are_taken_and_5001_are_not(nile, cast, django_assert_max_num_queries):
    set_limit(cast.otp.master, "100000")
    rows = [row(f"r-{number}", "otp", "0.01") for number in range(5_001)]
    for body, kind in (
        ({"charges": rows}, "application/json"),
        ("\n".join(map(json.dumps, rows)), NDJSON),
    ):
        answer = nile.post(PATH, body, content_type=kind)
        assert answer.status_code == 413
        assert answer.json()["limit"] == 5_000
    assert posted() == 0
    with django_assert_max_num_queries(12):
        found = charge(nile, *rows[:5_000])
    assert {each["status"] for each in found} == {"accepted"}
    assert [each["seq"] for each in found] == list(range(2, 5_002))
    assert posted() == 5_000


def test_5000_with_all_that_can_be_said_are_not_too_many_bytes():
    full = row("م" * 200, "a" * 40, "9" * 12 + "." + "9" * 6, description="م" * 500)
    full |= {"occurred_at": "2026-11-03T12:05:00.123456+02:00", "enforce_limit": False}
    body = json.dumps({"charges": [full] * 5_000}, ensure_ascii=False).encode()
    assert len(body) < MOST_BYTES


def test_one_byte_too_many_is_refused(nile):
    answer = nile.post(PATH, b" " * (MOST_BYTES + 1))
    assert answer.status_code == 413
    assert answer.json()["limit"] == MOST_BYTES


def test_past_the_limit_is_for_whoever_may_and_else_nothing_is_posted(nile, cast):
    rows = [row("a"), row("b", amount="100", enforce_limit=False)]
    program = Program(make_key(cast.nile, Scope.CHARGES_WRITE))
    answer = program.post(PATH, {"charges": rows})
    assert answer.status_code == 403
    assert answer.json()["scope"] == "charges:past-limit"
    assert posted() == 0
    assert [each["status"] for each in charge(nile, *rows)] == ["accepted", "accepted"]
    assert balance_of(cast.retail).credit == Decimal("-80.5")


def test_each_refusal_has_its_code(nile, cast):
    tree.suspend(account=cast.retail)
    suspended, fine = charge(nile, row("a"), row("b", "marketing"))
    assert (suspended["code"], suspended["type"]) == (
        "suspended",
        "/api/v1/problems/account-suspended",
    )
    assert "available" not in suspended
    assert fine["status"] == "accepted"


def test_of_nothing_but_invalid_rows_nothing_is_posted(nile):
    assert [each["status"] for each in charge(nile, 1, 2, 3)] == ["invalid"] * 3


@pytest.mark.django_db(transaction=True)
def test_one_batch_sent_by_many_at_once_is_posted_once(nile, cast):
    rows = [row(f"r-{number}", "otp", "0.01") for number in range(60)]
    found = at_once(*[lambda: nile.post(PATH, {"charges": rows})] * 4)
    told = [results(answer) for answer in found if answer.status_code == 200]
    statuses = [{each["status"] for each in rows} for rows in told]
    assert statuses.count({"accepted"}) == 1
    assert statuses.count({"replayed"}) == len(statuses) - 1
    # Who met two changes at once was told to try again, and can.
    assert {answer.status_code for answer in found} <= {200, 503}
    assert posted() == 60

"""Holds over HTTP: placed once, captured in parts, given back."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from billing import holds, tree
from billing.models import Entry, Hold
from tests.threads import at_once

pytestmark = pytest.mark.django_db
PATH = "masters/nile/accounts/marketing/holds"


def place(program, amount="100", reference="campaign", path=PATH, **body):
    return program.post(path, {"amount": amount, **body}, idempotency_key=reference)


def capture(program, held, reference="c-1", **body):
    path = f"masters/nile/holds/{held['id']}/captures"
    return program.post(path, body, idempotency_key=reference)


def release(program, held, body=None):
    return program.post(f"masters/nile/holds/{held['id']}/release", body)


def look(program, held):
    answer = program.get(f"masters/nile/holds/{held['id']}")
    assert answer.status_code == 200
    return answer.json()


def on_hold(program):
    return program.get("masters/nile/accounts/marketing/balance").json()["on_hold"]


def problem(answer, status, slug):
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert document["type"] == f"/api/v1/problems/{slug}"
    return document


def test_a_hold_reserves_credit(nile):
    answer = place(nile, "100.5", expires_in=3600, description="Ramadan")
    assert answer.status_code == 201
    held = answer.json()
    placed = datetime.fromisoformat(held["placed_at"])
    assert datetime.fromisoformat(held["expires_at"]) - placed == timedelta(hours=1)
    assert held == {
        "id": held["id"],
        "reference": "campaign",
        "account": "marketing",
        "holder": "marketing",
        "currency": "EGP",
        "amount": "100.500000",
        "captured": "0.000000",
        "remaining": "100.500000",
        "state": "open",
        "description": "Ramadan",
        "placed_at": held["placed_at"],
        "expires_at": held["expires_at"],
        "ended_at": None,
    }
    assert look(nile, held) == held
    assert on_hold(nile) == "100.500000"


def test_without_a_time_it_holds_for_a_day(nile):
    held = place(nile).json()
    placed, expires = map(datetime.fromisoformat, (held["placed_at"], held["expires_at"]))
    assert expires - placed == timedelta(days=1)


def test_sent_again_it_is_the_same_hold_as_it_is_by_then(nile):
    held = place(nile).json()
    capture(nile, held, amount="40")
    again = place(nile)
    assert again.status_code == 200
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == held | {"captured": "40.000000", "remaining": "60.000000"}
    assert Hold.objects.count() == 1


def test_the_same_reference_for_another_amount_is_a_conflict(nile):
    place(nile)
    problem(place(nile, "101"), 409, "reference-conflict")


def test_a_hold_and_a_charge_may_have_one_reference(nile):
    place(nile, reference="x")
    answer = nile.post(
        "masters/nile/accounts/marketing/charges", {"amount": "1"}, idempotency_key="x"
    )
    assert answer.status_code == 201


def test_a_shared_account_holds_its_masters_credit(nile):
    held = place(nile, path="masters/nile/accounts/otp/holds").json()
    assert (held["account"], held["holder"]) == ("otp", "nile")
    captured = capture(nile, held, amount="1").json()
    assert (captured["account"], captured["holder"]) == ("otp", "nile")


def test_more_than_is_available_is_not_held(nile):
    document = problem(place(nile, "500.000001"), 402, "insufficient-balance")
    assert (document["available"], document["short_by"]) == ("500.000000", "0.000001")
    assert not Hold.objects.exists()


def test_what_is_on_hold_cannot_be_charged(nile):
    place(nile, "450")
    answer = nile.post(
        "masters/nile/accounts/marketing/charges", {"amount": "51"}, idempotency_key="m"
    )
    assert problem(answer, 402, "insufficient-balance")["short_by"] == "1.000000"


def test_a_suspended_account_holds_nothing_new(nile, cast):
    tree.suspend(account=cast.marketing)
    problem(place(nile), 409, "account-suspended")


NO_HOLDS = [
    ({}, "amount"),
    ({"amount": 5}, "amount"),
    ({"amount": "0"}, "amount"),
    ({"amount": None}, "amount"),
    ({"amount": "1", "expires_in": 0}, "expires_in"),
    ({"amount": "1", "expires_in": -1}, "expires_in"),
    ({"amount": "1", "expires_in": 31 * 86_400 + 1}, "expires_in"),
    ({"amount": "1", "expires_in": 10**30}, "expires_in"),
    ({"amount": "1", "expires_in": 1.5}, "expires_in"),
    ({"amount": "1", "expires_in": True}, "expires_in"),
    ({"amount": "1", "expires_in": "60"}, "expires_in"),
    ({"amount": "1", "description": "\x00"}, "description"),
    ({"amount": "1", "final": True}, "final"),
]


def test_what_is_not_valid_holds_nothing(nile):
    for body, field in NO_HOLDS:
        document = problem(nile.post(PATH, body, idempotency_key="r"), 422, "invalid")
        assert [error["field"] for error in document["errors"]] == [field], body
    assert not Hold.objects.exists()


def test_the_longest_time_is_31_days(nile):
    assert place(nile, expires_in=31 * 86_400).status_code == 201


def test_a_hold_is_captured_in_parts_and_the_last_part_ends_it(nile):
    held = place(nile).json()
    first = capture(nile, held, "c-1", amount="30", description="first half")
    assert first.status_code == 201
    found = first.json()
    assert found["status"] == "accepted"
    assert (found["amount"], found["balance_after"]) == ("30.000000", "470.000000")
    assert look(nile, held)["remaining"] == "70.000000"
    assert on_hold(nile) == "70.000000"

    # Without an amount: all that remains.
    rest = capture(nile, held, "c-2")
    assert rest.json()["amount"] == "70.000000"
    ended = look(nile, held)
    assert (ended["state"], ended["remaining"]) == ("captured", "0.000000")
    assert ended["ended_at"] is not None
    assert on_hold(nile) == "0.000000"
    entries = Entry.objects.filter(hold_id=held["id"]).order_by("seq")
    assert [entry.reference for entry in entries] == ["c-1", "c-2"]
    assert entries[0].description == "first half"


def test_a_final_part_gives_the_rest_back(nile):
    held = place(nile).json()
    assert capture(nile, held, amount="30", final=True).status_code == 201
    assert look(nile, held)["state"] == "captured"
    assert on_hold(nile) == "0.000000"


def test_a_capture_sent_again_is_replayed_also_when_the_hold_has_ended(nile):
    held = place(nile).json()
    first = capture(nile, held, amount="100")
    again = capture(nile, held, amount="100")
    assert again.status_code == 200
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json() | {"status": "replayed"}


def test_a_captures_reference_used_for_something_else_is_a_conflict(nile):
    held = place(nile).json()
    capture(nile, held, "c-1", amount="10")
    problem(capture(nile, held, "c-1", amount="11"), 409, "reference-conflict")


def test_more_than_is_held_is_not_captured(nile):
    held = place(nile).json()
    document = problem(capture(nile, held, amount="100.000001"), 409, "more-than-held")
    assert (document["remaining"], document["asked"]) == ("100.000000", "100.000001")
    assert "holder" not in document
    assert look(nile, held)["captured"] == "0.000000"


def test_a_released_hold_is_free_and_not_captured(nile):
    held = place(nile).json()
    answer = release(nile, held)
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["remaining"]) == ("released", "0.000000")
    assert on_hold(nile) == "0.000000"
    # A second time it is answered with the same.
    assert release(nile, held).json() == answer.json()
    assert problem(capture(nile, held), 409, "hold-ended")["state"] == "released"


def test_a_captured_hold_stays_captured_when_it_is_released(nile):
    held = place(nile).json()
    capture(nile, held)
    assert release(nile, held).json()["state"] == "captured"


def test_a_hold_past_its_time_is_not_captured(nile, cast):
    # Over HTTP the shortest time is a second.
    short = timedelta(milliseconds=1)
    placed = holds.hold(account=cast.marketing, amount=10, reference="short", expires_in=short)
    held = {"id": placed.hold.id}
    time.sleep(0.01)
    assert problem(capture(nile, held), 409, "hold-ended")["state"] == "expired"
    assert release(nile, held).json()["state"] == "expired"


NO_CAPTURES = [
    ({"amount": None}, "amount"),
    ({"amount": 5}, "amount"),
    ({"amount": "-5"}, "amount"),
    ({"final": "yes"}, "final"),
    ({"final": None}, "final"),
    ({"occurred_at": "now"}, "occurred_at"),
    ({"expires_in": 5}, "expires_in"),
]


def test_a_capture_that_is_not_valid_takes_nothing(nile):
    held = place(nile).json()
    for body, field in NO_CAPTURES:
        document = problem(capture(nile, held, **body), 422, "invalid")
        assert [error["field"] for error in document["errors"]] == [field], body
    assert look(nile, held) == held


def test_a_capture_without_a_reference_takes_nothing(nile):
    held = place(nile).json()
    document = problem(capture(nile, held, ""), 422, "invalid")
    assert document["errors"][0]["field"] == "Idempotency-Key"
    assert look(nile, held) == held


@pytest.mark.parametrize("kind", [None, "application/json", "text/plain"])
def test_a_capture_without_a_body_takes_nothing(nile, kind):
    """Nothing sent is not "everything": it may have been lost on the way."""
    held = place(nile).json()
    path = f"masters/nile/holds/{held['id']}/captures"
    more = {} if kind is None else {"content_type": kind}
    problem(nile.post(path, None, idempotency_key="c-1", **more), 422, "malformed")
    assert look(nile, held) == held
    assert capture(nile, held).json()["amount"] == "100.000000"


def test_a_release_of_a_part_is_not_understood_as_one_of_all(nile):
    held = place(nile).json()
    problem(release(nile, held, {"amount": "5"}), 422, "invalid")
    problem(release(nile, held, "nonsense"), 422, "malformed")
    problem(release(nile, held, []), 422, "malformed")
    assert look(nile, held) == held
    assert release(nile, held, {}).json()["state"] == "released"


def test_an_unknown_hold_is_not_there(nile):
    unknown = {"id": str(uuid4())}
    for answer in (
        nile.get(f"masters/nile/holds/{unknown['id']}"),
        capture(nile, unknown),
        release(nile, unknown),
    ):
        problem(answer, 404, "not-found")


@pytest.mark.django_db(transaction=True)
def test_capture_and_release_at_once_have_one_winner(nile):
    held = place(nile).json()
    captured, released = at_once(lambda: capture(nile, held), lambda: release(nile, held))
    assert released.status_code == 200
    state = look(nile, held)["state"]
    assert captured.status_code == {"captured": 201, "released": 409}[state]
    assert Entry.objects.filter(hold_id=held["id"]).count() == (state == "captured")
    assert on_hold(nile) == "0.000000"

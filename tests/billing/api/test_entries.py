"""Following a holder's books by its seq: nothing missed, nothing twice."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing import holds
from billing.charges import Charge, charge, charge_many
from billing.models import Entry
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def test_an_entry_says_what_moved_the_balance(nile, cast):
    at = datetime(2026, 11, 3, 12, 5, tzinfo=UTC)
    held = holds.hold(account=cast.otp, amount=Decimal(2), reference="h").hold
    charge(account=cast.otp, amount=Decimal("0.0075"), reference="m-1", description="SMS", at=at)
    holds.capture(master=cast.nile.pk, hold=held.id, reference="c-1")
    found = nile.get("masters/nile/accounts/nile/entries?after=1").json()
    assert found["next"] == 3
    assert found["more"] is False
    usage, captured = found["entries"]
    assert usage.pop("posted_at").endswith("Z")
    assert usage == {
        "seq": 2,
        "account": "otp",
        "kind": "usage",
        "origin": "api",
        "reference": "m-1",
        "description": "SMS",
        "amount": "-0.007500",
        "balance_after": "9999.992500",
        "occurred_at": "2026-11-03T12:05:00Z",
        "hold": None,
    }
    assert captured["hold"] == str(held.id)
    assert captured["occurred_at"] is None


def test_the_entries_of_a_shared_account_are_its_holders(nile, cast):
    charge(account=cast.otp, amount=Decimal(1), reference="m-1")
    page = nile.get("masters/nile/accounts/otp/entries").json()
    assert page == {"entries": [], "next": 0, "more": False}


def test_whoever_has_read_all_is_told_where_to_go_on(nile, cast):
    page = nile.get("masters/nile/accounts/nile/entries?after=1").json()
    assert page == {"entries": [], "next": 1, "more": False}
    charge(account=cast.nile, amount=Decimal(1), reference="m-1")
    page = nile.get(f"masters/nile/accounts/nile/entries?after={page['next']}").json()
    assert [entry["reference"] for entry in page["entries"]] == ["m-1"]


def test_a_page_costs_three_queries_however_many_accounts_it_names(
    nile, cast, django_assert_num_queries
):
    charge_many(
        master=cast.nile.pk,
        charges=[
            Charge(account.pk, Decimal(1), f"m-{number}")
            for number in range(40)
            for account in [cast.otp if number % 2 else cast.nile]
        ],
    )
    nile.get("masters/nile/subaccounts")
    with django_assert_num_queries(3) as asked:
        page = nile.get("masters/nile/accounts/nile/entries?limit=30").json()
    assert len(page["entries"]) == 30
    assert page["more"] is True
    for query in asked.captured_queries:
        assert "count(" not in query["sql"].lower()
        assert "offset" not in query["sql"].lower()


WRONG_CURSORS = [
    "after=-1",
    "after=x",
    "after=9223372036854775808",
    "after=1.0",
    "after=",
    "limit=0",
    "limit=1001",
]


def test_a_wrong_cursor_is_told_and_never_begins_anew(nile):
    for query in WRONG_CURSORS:
        answer = nile.get(f"masters/nile/accounts/nile/entries?{query}")
        assert answer.status_code == 422, query
        assert answer.json()["type"] == "/api/v1/problems/invalid"


def test_the_last_seq_there_can_be_is_behind_everything(nile):
    page = nile.get(f"masters/nile/accounts/nile/entries?after={2**63 - 1}").json()
    assert page["entries"] == []


@pytest.mark.django_db(transaction=True)
def test_while_it_is_being_written_nothing_is_missed_and_nothing_read_twice(nile, cast):
    """Two writers, of one holder, in transactions of different length, and two readers."""
    finished = threading.Event()
    rounds = 15

    def write(name, account, size):
        for number in range(rounds):
            charges = [
                Charge(account.pk, Decimal("0.01"), f"{name}-{number}-{row}")
                for row in range(size)
            ]
            charge_many(master=cast.nile.pk, charges=charges)

    def write_all():
        try:
            at_once(
                lambda: write("small", cast.otp, 1),
                lambda: write("large", cast.nile, 60),
            )
        finally:
            finished.set()

    def follow():
        seen = []
        after, last = 0, False
        while True:
            # Whether all was written is asked before reading: what came before it must be there.
            last = finished.is_set()
            page = nile.get(f"masters/nile/accounts/nile/entries?after={after}&limit=7").json()
            seen += [entry["seq"] for entry in page["entries"]]
            after = page["next"]
            if last and not page["more"]:
                return seen

    _nothing, *followed = at_once(write_all, follow, follow)
    total = 1 + rounds * 61
    assert Entry.objects.filter(master=cast.nile, holder=cast.nile).count() == total
    assert followed == [list(range(1, total + 1))] * 2

"""Charges: what becomes of each, what is refused and how, and what cannot be kept."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import charges, limits, tree
from billing.charges import Charge
from billing.models import Entry, Kind, Origin
from billing.postings import Status
from tests.factories import balance_of, give, set_limit

pytestmark = pytest.mark.django_db


def charge(account, amount="1", reference="m-1", **keywords):
    return charges.charge(account=account, amount=Decimal(amount), reference=reference, **keywords)


def test_an_accepted_charge_is_an_entry_with_all_that_was_said(cast):
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    outcome = charge(cast.marketing, "0.0075", description="SMS to Egypt", at=at)
    [entry] = outcome.entries
    assert outcome.status == Status.ACCEPTED
    assert (entry.kind, entry.origin, entry.reference) == (Kind.USAGE, Origin.API, "m-1")
    assert (entry.amount, entry.balance_after) == (Decimal("-0.0075"), Decimal("499.9925"))
    assert (entry.description, entry.occurred_at) == ("SMS to Egypt", at)
    assert entry.posted_at > at


def test_each_of_a_batch_has_its_own_result(cast):
    charge(cast.retail, "0.50", "old")
    batch = [
        Charge(cast.retail.pk, Decimal(15), "m-1"),
        Charge(cast.retail.pk, Decimal(6), "m-2"),
        Charge(cast.otp.pk, Decimal(1), "m-3"),
        Charge(cast.retail.pk, Decimal("0.50"), "old"),
        Charge(cast.retail.pk, Decimal("0.51"), "old"),
        Charge(cast.retail.pk, Decimal(5), "m-4"),
    ]
    outcomes = charges.charge_many(master=cast.nile.pk, charges=batch)
    assert [outcome.status for outcome in outcomes] == [
        "accepted",
        "refused",
        "accepted",
        "replayed",
        "conflict",
        "accepted",
    ]
    assert (outcomes[1].refusal.available, outcomes[1].refusal.short_by) == (5, 1)
    assert outcomes[2].rows[0].holder_id == cast.nile.pk
    assert outcomes[4].refusal.reference == "old"
    assert balance_of(cast.retail).credit == 0


def test_an_account_that_spent_everything_is_restricted_until_money_comes_in(cast):
    charge(cast.retail, "20.50")
    assert balance_of(cast.retail).is_restricted
    refusal = charge(cast.retail, "0.000001", "m-2").refusal
    assert refusal.code == "insufficient_balance"
    assert (refusal.available, refusal.short_by) == (0, Decimal("0.000001"))
    give(cast.retail, "0.000001")
    assert not balance_of(cast.retail).is_restricted
    assert charge(cast.retail, "0.000001", "m-2").status == Status.ACCEPTED


def test_a_limit_cut_below_what_is_used_stops_charges_and_not_money(cast):
    set_limit(cast.retail, "100")
    charge(cast.retail, "100.50")  # credit is -80
    limits.change(account=cast.retail, limit=Decimal(30), reason="late payer")
    refusal = charge(cast.retail, "1", "m-2").refusal
    assert (refusal.available, refusal.short_by) == (-50, 51)
    give(cast.retail, "50.5")
    assert charge(cast.retail, "0.5", "m-2").status == Status.ACCEPTED
    assert charge(cast.retail, "0.5", "m-3").status == Status.REFUSED


def test_what_has_happened_is_recorded_past_the_limit_and_while_suspended(cast):
    tree.suspend(account=cast.retail)
    assert charge(cast.retail, "1").refusal.code == "suspended"
    assert charge(cast.retail, "100", enforce_limit=False).status == Status.ACCEPTED
    assert balance_of(cast.retail).credit == Decimal("-79.5")
    tree.restore(account=cast.retail)
    assert charge(cast.retail, "1", "m-2").refusal.available == Decimal("-79.5")


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": Decimal(0)},
        {"amount": Decimal(-1)},
        {"amount": Decimal("NaN")},
        {"amount": Decimal("sNaN")},
        {"amount": Decimal("Infinity")},
        {"amount": Decimal("0.0000001")},
        {"amount": Decimal("1e14")},
        {"reference": ""},
        {"reference": " \u00a0"},
        {"reference": "x" * 201},
        {"reference": "line\nbreak"},
        {"reference": "nul\x00"},
        {"reference": "half a surrogate \udc00"},
        {"reference": "turned \u202e round"},
        {"reference": "m-1 "},
        {"reference": " m-1"},
        {"reference": "m-\u200b1"},
        {"reference": "m\u00a01"},
        {"description": "x" * 501},
        {"description": "nul\x00"},
        {"description": "\ud800"},
    ],
    ids=repr,
)
@pytest.mark.parametrize("size", [1, 50])
def test_what_cannot_be_kept_is_an_error_and_nothing_is_written(cast, wrong, size):
    right = {"account": cast.retail.pk, "amount": Decimal("0.01")}
    batch = [Charge(reference=f"m-{n}", **right) for n in range(size - 1)]
    batch.append(Charge(**({"reference": "last"} | right | wrong)))
    with pytest.raises(ValueError, match=r"\w"):
        charges.charge_many(master=cast.nile.pk, charges=batch)
    assert not Entry.objects.filter(kind=Kind.USAGE).exists()


@pytest.mark.parametrize(
    "reference", ["ü", "رسالة 17", "a b", "x" * 200, "🙂", "a/b?c=%00", "\\N"]
)
@pytest.mark.parametrize("size", [1, 50])
def test_a_reference_may_be_what_the_caller_likes(cast, reference, size):
    batch = [Charge(cast.retail.pk, Decimal("0.01"), f"m-{n}") for n in range(size - 1)]
    batch.append(Charge(cast.retail.pk, Decimal("0.01"), reference, "tab\tand\nline\\end"))
    for status in (Status.ACCEPTED, Status.REPLAYED):
        outcome = charges.charge_many(master=cast.nile.pk, charges=batch)[-1]
        assert outcome.status == status
        assert outcome.rows[0].reference == reference
        assert outcome.rows[0].description == "tab\tand\nline\\end"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("who", ["marketing", "otp"])
def test_a_charge_takes_five_statements_with_begin_and_commit(cast, who):
    """Lock, one read, one writing statement: each more is paid by every message."""
    account = getattr(cast, who)
    charge(account, "1", "warm")
    with CaptureQueriesContext(connection) as queries:
        charge(account, "1", "m-1")
    assert [query["sql"].split()[0] for query in queries] == [
        "BEGIN",
        "SELECT",
        "SELECT",
        "WITH",
        "COMMIT",
    ]

"""Many entries are written by COPY in a format of our own: what comes back is what went in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import ledger_sql
from billing.api.entries import PAGE
from billing.ledger import Leg, Posting, Status, post, transact
from billing.models import Entry, Kind, Origin
from tests.factories import balance_of, give

pytestmark = pytest.mark.django_db

AWKWARD = [
    "\\",
    "\\N",
    "\\.",
    "a\tb",
    "a\nb",
    "a\r\nb",
    "\x01\x7f",
    "'\"$1%s{}",
    "\u0627\u0644\u0642\u0627\u0647\u0631\u0629 \U0001f4f1 \u2028",
    " ",
    "NULL",
]


def post_all(account, postings, by=None):
    return transact(
        lambda: post(master=account.master_id, postings=postings, origin=Origin.API, by=by)
    )


def charges(account, texts, **more):
    return [
        Posting(Kind.USAGE, f"{n} {text}", (Leg(account.pk, Decimal("-0.01")),), text, **more)
        for n, text in enumerate(texts)
    ]


@pytest.mark.parametrize("copies", [1, 20])
def test_awkward_text_comes_back_as_it_was_few_or_many(cast, copies):
    postings = charges(cast.marketing, AWKWARD * copies)
    assert (len(postings) < ledger_sql.BULK) == (copies == 1)
    first = post_all(cast.marketing, postings, by=cast.admin.pk)
    again = post_all(cast.marketing, postings)
    assert {outcome.status for outcome in again} == {Status.REPLAYED}
    assert [list(o.rows) for o in again] == [list(o.rows) for o in first]
    assert first[0].rows[0].by_id == cast.admin.pk


def test_moments_of_any_zone_and_amounts_to_the_last_micro_come_back(cast):
    give(cast.nile, "99000000000000")
    moments = [
        None,
        datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        datetime(2026, 3, 1, tzinfo=UTC),
    ]
    amounts = [Decimal("-0.000001"), Decimal("-1E+6"), Decimal("-12345678901234.654321")]
    postings = [
        Posting(
            Kind.ADJUSTMENT,
            f"a-{n}",
            (Leg(cast.nile.pk, amounts[n % 3] if n < 3 else Decimal("-0.1")),),
            occurred_at=moments[n % 3],
        )
        for n in range(60)
    ]
    outcomes = post_all(cast.nile, postings)
    entries = {entry.reference: entry for entry in Entry.objects.filter(origin=Origin.API)}
    for posting, outcome in zip(postings, outcomes, strict=True):
        entry = entries[posting.reference]
        assert entry.amount == posting.legs[0].amount
        assert entry.occurred_at == posting.occurred_at
        assert entry.balance_after == outcome.rows[0].balance_after
    assert balance_of(cast.nile).credit == outcomes[-1].rows[0].balance_after


def test_what_goes_wrong_while_rows_are_written_leaves_no_trace(cast):
    postings = charges(cast.marketing, ["x"] * 300)
    late = Decimal("1")
    postings.append(
        Posting(
            Kind.PAYMENT,
            "p-1",
            (Leg(cast.marketing.pk, late),),
            moment=datetime(2020, 1, 1, tzinfo=UTC),
        )
    )
    with pytest.raises(ValueError, match="before the holder's last"):
        post_all(cast.marketing, postings)
    assert not Entry.objects.filter(origin=Origin.API).exists()
    assert balance_of(cast.marketing).credit == 500
    # The connection is fit for the next.
    assert post_all(cast.marketing, postings[:300])[0].status == Status.ACCEPTED


def test_a_batch_of_nothing_but_refusals_writes_nothing(cast):
    postings = [
        Posting(Kind.USAGE, f"m-{n}", (Leg(cast.retail.pk, Decimal(-100)),)) for n in range(60)
    ]
    outcomes = post_all(cast.retail, postings)
    assert {outcome.status for outcome in outcomes} == {Status.REFUSED}
    assert balance_of(cast.retail).last_seq == 1


def test_many_are_decided_as_one_by_one_and_answered_in_their_order(cast):
    """Holder after holder inside, which nobody is to notice."""
    amounts = ["60", "10", "70", "30", "10", "300", "0.50", "200"]
    accounts = [cast.marketing, cast.retail, cast.marketing, cast.otp, cast.retail]
    postings = [
        Posting(
            Kind.USAGE,
            f"msg-{n}",
            (Leg(accounts[n % 5].pk, -Decimal(amounts[n % 8])),),
        )
        for n in range(ledger_sql.BULK * 3)
    ]
    outcomes = post_all(cast.nile, postings)
    alone = {cast.marketing.pk: Decimal(500), cast.retail.pk: Decimal("20.50")}
    alone[cast.otp.pk] = Decimal(10_000)
    for posting, outcome in zip(postings, outcomes, strict=True):
        [leg] = posting.legs
        fits = alone[leg.account] + leg.amount >= 0
        assert outcome.status == (Status.ACCEPTED if fits else Status.REFUSED)
        if fits:
            alone[leg.account] += leg.amount
            [row] = outcome.rows
            assert (row.reference, row.balance_after) == (posting.reference, alone[leg.account])
    assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED, Status.REFUSED}
    assert list(post_all(cast.nile, postings)[0].rows) == list(outcomes[0].rows)


def test_a_reference_named_twice_among_many_goes_to_the_first_that_names_it(cast):
    texts = [str(n) for n in range(ledger_sql.BULK * 2)]
    # The other holder's account has the lower number, and its posting comes later.
    first = Posting(Kind.USAGE, "twice", (Leg(cast.retail.pk, Decimal(-1)),))
    second = Posting(Kind.USAGE, "twice", (Leg(cast.marketing.pk, Decimal(-1)),))
    assert cast.marketing.pk < cast.retail.pk
    outcomes = post_all(cast.nile, [first, *charges(cast.marketing, texts), second])
    assert (outcomes[0].status, outcomes[-1].status) == (Status.ACCEPTED, Status.CONFLICT)


def test_references_are_looked_up_by_their_index_before_the_statistics_know_the_company(cast):
    def post_thousands(account):
        for batch in range(3):
            texts = [f"{batch} {n}" for n in range(1000)]
            outcomes = post_all(account, charges(account, texts))
            assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED}

    post_thousands(cast.marketing)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE billing_entry")
    post_thousands(cast.gulf)
    with connection.cursor() as cursor:
        asked = {"master": cast.gulf.pk, "accounts": "{}", "origin": "api", "references": '["x"]'}
        for statement in (ledger_sql.READ_ONE_BY_ONE, ledger_sql.READ_IN_ONE_PASS):
            cursor.execute(f"EXPLAIN {statement}", asked)
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "entry_reference_unique" in plan, plan
            assert "entry_by" not in plan, plan
        named = Entry.objects.named(master=cast.gulf.pk, origin="api", reference="x")
        assert "entry_reference_unique" in named.explain()
        cursor.execute(f"EXPLAIN {PAGE}", [cast.gulf.pk, cast.gulf.pk, 1000, 100])
        plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "billing_entry_pkey" in plan, plan


def test_without_statistics_references_are_looked_up_one_by_one(cast, monkeypatch):
    """In one pass each of them would be compared with all entries of the company."""
    monkeypatch.setattr(ledger_sql, "_databases_with_statistics", set())

    def statement_that_reads(name):
        with CaptureQueriesContext(connection) as queries:
            post_all(cast.marketing, charges(cast.marketing, [f"{name} {n}" for n in range(50)]))
        [statement] = [query["sql"] for query in queries if "json_array" in query["sql"]]
        return statement

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM pg_statistic WHERE starelid = 'billing_entry'::regclass")
        assert "LATERAL" in statement_that_reads("before")
        cursor.execute("EXPLAIN " + statement_that_reads("still before"))
        plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "entry_reference_unique" in plan, plan
        cursor.execute("ANALYZE billing_entry")
    assert "LATERAL" not in statement_that_reads("after")


@pytest.mark.parametrize(("threshold", "prepared"), [(0, True), (None, False)])
def test_single_charges_are_planned_once_or_each_time_as_the_settings_say(
    cast, monkeypatch, threshold, prepared
):
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    monkeypatch.setattr(connection.connection, "prepare_threshold", threshold)
    for number in range(3):
        [outcome] = post_all(cast.marketing, charges(cast.marketing, [f"{threshold} {number}"]))
        assert outcome.status == Status.ACCEPTED
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        [[found]] = cursor.fetchall()
    assert bool(found) == prepared

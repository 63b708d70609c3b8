"""Many entries are written by COPY in a format of our own: what comes back is what went in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from billing import ledger_sql
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

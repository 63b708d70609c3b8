"""``make_many()``: all lines or none, every refused line named, once, at once, quickly."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4, uuid5

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, State
from billing import shown, transfers, tree
from billing.models import TOO_LARGE, Balance, Entry, Kind, Transfer, TransferBatch
from billing.transfer_batches import (
    KeyConflict,
    Line,
    LinesRefused,
    make_many,
    preview_many,
)
from billing.verification import verify
from tests.factories import balance_of, give, make_branches, make_subaccount, set_limit
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two(cast):
    """From Nile (10,000): 30 to Marketing (500) and 12.50 to Retail (20.50)."""
    return {
        "source": cast.nile,
        "lines": [Line(cast.marketing, Decimal(30)), Line(cast.retail, Decimal("12.50"))],
        "key": uuid4(),
        "by": cast.admin,
        "note": "for Ramadan",
    }


def rows() -> tuple[int, int, int]:
    return TransferBatch.objects.count(), Transfer.objects.count(), Entry.objects.count()


def refused(arguments, kind) -> transfers.Refused:
    """The refusal, which is the preview's, and leaves no trace."""
    before = rows()
    told = preview_many(source=arguments["source"], lines=arguments["lines"])
    assert not told.is_possible
    with pytest.raises(kind) as caught:
        make_many(**arguments)
    assert rows() == before
    if isinstance(caught.value, LinesRefused):
        assert told.refused_lines == len(caught.value.refusals)
        for at, refusal in caught.value.refusals.items():
            assert str(told.lines[at].refusal) == str(refusal)
    else:
        assert str(told.refusal) == str(caught.value)
    return caught.value


# --- works ------------------------------------------------------------------------------------


def test_every_line_is_a_transfer_of_two_entries_at_one_moment(cast, two):
    batch = make_many(**two)
    assert (batch.count, batch.total, batch.source) == (2, Decimal("42.50"), cast.nile)
    made = list(batch.transfers.order_by("line"))
    assert [(each.line, each.destination, each.amount) for each in made] == [
        (0, cast.marketing, 30),
        (1, cast.retail, Decimal("12.50")),
    ]
    for each in made:
        assert (each.source, each.note, each.by) == (cast.nile, "for Ramadan", cast.admin)
        entries = Entry.objects.filter(reference=each.reference).order_by("leg")
        assert [(entry.account_id, entry.amount, entry.kind) for entry in entries] == [
            (cast.nile.pk, -each.amount, Kind.TRANSFER),
            (each.destination_id, each.amount, Kind.TRANSFER),
        ]
        moments = {entry.posted_at for entry in entries} | {each.created_at, batch.created_at}
        assert len(moments) == 1
    assert balance_of(cast.nile).credit == Decimal("9957.50")
    assert balance_of(cast.retail).credit == Decimal(33)
    assert verify().is_clean


def test_the_preview_tells_all_balances_and_writes_nothing(cast, two):
    before = rows()
    told = preview_many(source=two["source"], lines=two["lines"])
    assert told.is_possible
    assert (told.total, told.source.available, told.source_after) == (
        Decimal("42.50"),
        10_000,
        Decimal("9957.50"),
    )
    assert [(line.balance.available, line.after) for line in told.lines] == [
        (500, 530),
        (Decimal("20.50"), 33),
    ]
    assert rows() == before


def test_all_that_is_available_may_go_the_limit_too(cast, two):
    set_limit(cast.retail, "10")
    lines = [Line(cast.nile, Decimal(10)), Line(cast.marketing, Decimal("20.50"))]
    make_many(**two | {"source": cast.retail, "lines": lines})
    assert balance_of(cast.retail).available == 0


def test_one_line_of_it_can_be_moved_back(cast, two):
    batch = make_many(**two)
    first = batch.transfers.get(line=0)
    back = transfers.reverse(transfer=first, key=uuid4(), by=None)
    assert (back.batch, back.amount) == (None, 30)
    assert verify().is_clean


# --- refused ----------------------------------------------------------------------------------


def test_more_than_available_in_all_is_refused_with_the_figures_of_all(cast, two):
    lines = [
        Line(cast.nile, Decimal(400)),
        Line(cast.retail, Decimal(200)),
        Line(make_subaccount(cast.nile, "north"), Decimal(50)),
    ]
    refusal = refused(
        two | {"source": cast.marketing, "lines": lines}, transfers.InsufficientBalance
    )
    assert refusal.message == (
        "Marketing can spend at most EGP 500.00: 150.00 less than asked for."
    )


def test_every_line_that_cannot_be_made_is_named_and_none_is_made(cast, two):
    closed = make_subaccount(cast.nile, "closed")
    Account.objects.filter(pk=closed.pk).update(state=State.CLOSED)
    closed.refresh_from_db()
    lines = [
        Line(cast.otp, Decimal(1)),
        *two["lines"],
        Line(closed, Decimal(2)),
    ]
    refusal = refused(two | {"lines": lines}, LinesRefused)
    assert refusal.message == "2 lines cannot be made, so nothing was moved."
    assert {at: each.code for at, each in refusal.refusals.items()} == {0: "shared", 3: "closed"}


def test_the_source_itself_is_named_along_with_the_others(cast, two):
    lines = [*two["lines"], Line(cast.nile, Decimal(1)), Line(cast.otp, Decimal(1))]
    refusal = refused(two | {"lines": lines}, LinesRefused)
    assert {at: each.code for at, each in refusal.refusals.items()} == {
        2: "same_account",
        3: "shared",
    }


@pytest.mark.parametrize("who", ["marketing", "nile"])
def test_nothing_leaves_a_suspended_account_or_company(cast, two, who):
    tree.suspend(account=getattr(cast, who))
    source = Account.objects.select_related("master").get(pk=cast.marketing.pk)
    lines = [Line(cast.retail, Decimal(1)), Line(cast.nile, Decimal(1))]
    refused(two | {"source": source, "lines": lines}, transfers.AccountSuspended)


def test_nothing_leaves_a_shared_account(cast, two):
    refusal = refused(two | {"source": cast.otp}, transfers.SharedBalance)
    assert refusal.account == cast.otp.pk


def test_a_balance_that_would_be_too_large_is_named(cast, two):
    Balance.objects.filter(account=cast.retail).update(credit=TOO_LARGE - Decimal("0.01"))
    refusal = refused(two, LinesRefused)
    assert {at: each.code for at, each in refusal.refusals.items()} == {1: "too_large"}


def test_a_total_beyond_all_balances_is_refused_and_not_an_error(cast, two):
    lines = [Line(line.account, TOO_LARGE - 1) for line in two["lines"]]
    with pytest.raises((LinesRefused, transfers.InsufficientBalance)):
        make_many(**two | {"lines": lines})
    assert rows()[:2] == (0, 0)


def test_lines_that_are_none_are_refused(cast, two):
    account = cast.marketing
    many = [Line(account, Decimal(1))] * 1001
    for lines in ([], many, many[:2], [Line(account, Decimal(0))], [Line(account, TOO_LARGE)]):
        with pytest.raises(ValueError, match=r"line|more than zero|fit"):
            make_many(**two | {"lines": lines})
    with pytest.raises(LookupError):
        make_many(**two | {"lines": [Line(cast.gulf_sales, Decimal(1))]})
    assert rows()[:2] == (0, 0)


# --- twice ------------------------------------------------------------------------------------


def test_sent_twice_it_is_one_batch(cast, two):
    first = make_many(**two)
    assert make_many(**two) == first
    assert rows()[:2] == (1, 2)
    assert balance_of(cast.nile).credit == Decimal("9957.50")


@pytest.mark.parametrize("what", ["source", "amount", "order", "fewer"])
def test_a_key_used_before_with_other_content_is_a_conflict(cast, two, what):
    make_many(**two)
    first, second = two["lines"]
    give(cast.gulf, "1")
    north = make_subaccount(cast.nile, "north")
    give(north, "100")
    other = {
        "source": {"source": north},
        "amount": {"lines": [first, Line(cast.retail, Decimal(12))]},
        "order": {"lines": [second, first]},
        "fewer": {"lines": [first]},
    }[what]
    before = rows()
    with pytest.raises(KeyConflict):
        make_many(**two | other)
    assert rows() == before


@pytest.mark.parametrize("same", [True, False])
def test_a_lines_key_that_somebody_has_used_for_a_transfer_is_a_conflict(cast, two, same):
    line = two["lines"][0]
    transfers.make(
        source=cast.nile,
        destination=line.account,
        amount=line.amount if same else Decimal(1),
        key=uuid5(two["key"], "0"),
        by=None,
    )
    before = rows()
    with pytest.raises(KeyConflict):
        make_many(**two)
    assert rows() == before


# --- figures that have changed ----------------------------------------------------------------


def test_figures_that_have_changed_since_they_were_shown_are_refused(cast, two):
    told = preview_many(source=two["source"], lines=two["lines"])
    figures = shown.read(shown.write([told.source, *(line.balance for line in told.lines)]))
    give(cast.retail, "5")
    with pytest.raises(shown.BalancesChanged) as caught:
        make_many(**two, shown=figures)
    assert [(each.account, each.was, each.now) for each in caught.value.changes] == [
        (cast.retail, Decimal("20.50"), Decimal("25.50"))
    ]
    assert rows()[:2] == (0, 0)
    assert make_many(**two | {"shown": dict(figures) | {cast.retail.pk: Decimal("25.50")}})


# --- at once ----------------------------------------------------------------------------------


def test_one_key_from_eight_threads_at_once_is_one_batch(cast, two):
    results = at_once(*[lambda: make_many(**two).pk] * 8)
    assert len(set(results)) == 1
    assert rows()[:2] == (1, 2)
    assert verify().is_clean


def test_batches_in_opposite_directions_and_transfers_do_not_deadlock(cast, two):
    up = {
        "source": cast.marketing,
        "lines": [Line(cast.retail, Decimal(1)), Line(cast.nile, Decimal(1))],
    }

    def one():
        return transfers.make(
            source=cast.retail,
            destination=cast.marketing,
            amount=Decimal("0.5"),
            key=uuid4(),
            by=None,
        )

    results = at_once(
        *[
            lambda: make_many(**two | {"key": uuid4()}),
            lambda: make_many(**two | up | {"key": uuid4()}),
            one,
        ]
        * 3
    )
    assert [type(result) for result in results].count(TransferBatch) == 6
    total = sum(balance_of(each).credit for each in (cast.nile, cast.marketing, cast.retail))
    assert total == Decimal("10520.50")
    assert verify().is_clean


def test_the_last_credit_is_moved_once(cast, two):
    lines = [Line(cast.nile, Decimal(200)), Line(cast.retail, Decimal(100))]
    each = two | {"source": cast.marketing, "lines": lines}
    results = at_once(*[lambda: make_many(**each | {"key": uuid4()})] * 5)
    assert [type(result) for result in results].count(TransferBatch) == 1
    assert balance_of(cast.marketing).credit == 200
    assert verify().is_clean


# --- a thousand -------------------------------------------------------------------------------


def test_a_thousand_lines_take_as_many_queries_as_two(cast, two):
    accounts = make_branches(cast.nile, 1000)
    set_limit(cast.nile, "100000")

    def queries(lines) -> int:
        with CaptureQueriesContext(connection) as captured:
            preview_many(source=cast.nile, lines=lines)
            make_many(**two | {"lines": lines, "key": uuid4()})
        return len(captured)

    few = queries(two["lines"])
    lines = [Line(account, Decimal("1.01")) for account in accounts]
    # COPY is no statement that Django counts.
    assert queries(lines) <= few + 1 <= 20
    batch = TransferBatch.objects.get(count=1000)
    assert batch.total == Decimal("1010")
    assert Entry.objects.filter(kind=Kind.TRANSFER).count() == 2004
    assert verify().is_clean

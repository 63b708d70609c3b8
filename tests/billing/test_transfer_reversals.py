"""``transfers.reverse()``: works, in parts, refused, foreign, twice, at once."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection

from accounts.models import Account, State
from billing import transfers, tree
from billing.models import Entry, Kind, Transfer
from billing.verification import verify
from tests.factories import balance_of, give
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def moved(cast) -> Transfer:
    """100 from Nile (10,000) to Marketing (500)."""
    return transfers.make(
        source=cast.nile, destination=cast.marketing, amount=Decimal(100), key=uuid4(), by=None
    )


def back(transfer, amount=None, **more) -> Transfer:
    fields = {"key": uuid4(), "by": None} | more
    return transfers.reverse(
        transfer=transfer, amount=None if amount is None else Decimal(amount), **fields
    )


def rows() -> tuple[int, int, Decimal]:
    reversed_ = sum(Transfer.objects.values_list("reversed", flat=True))
    return Transfer.objects.count(), Entry.objects.count(), reversed_


def refused(kind, transfer, amount=None, **more) -> transfers.Refused:
    """The refusal, which is the preview's, and leaves no trace."""
    before = rows()
    fresh = Transfer.objects.select_related("master", "source", "destination").get(pk=transfer.pk)
    told = transfers.preview_reversal(
        transfer=fresh, amount=fresh.left if amount is None else Decimal(amount)
    )
    with pytest.raises(kind) as caught:
        back(transfer, amount, **more)
    assert rows() == before
    assert str(told.refusal) == str(caught.value)
    return caught.value


# --- works ------------------------------------------------------------------------------------


def test_the_credit_goes_back_by_a_new_transfer_that_points_to_the_first(cast, moved):
    made = back(moved, by=cast.admin, note="by mistake")
    moved.refresh_from_db()
    assert (made.source, made.destination, made.amount) == (
        cast.marketing,
        cast.nile,
        Decimal(100),
    )
    assert (made.reverses, made.note, made.by) == (moved, "by mistake", cast.admin)
    assert (moved.reversed, moved.left, made.left) == (100, 0, 0)
    assert balance_of(cast.marketing).credit == Decimal(500)
    entries = Entry.objects.filter(reference=made.reference).order_by("leg")
    assert [(each.account_id, each.amount, each.kind) for each in entries] == [
        (cast.marketing.pk, Decimal(-100), Kind.TRANSFER),
        (cast.nile.pk, Decimal(100), Kind.TRANSFER),
    ]
    assert {each.posted_at for each in entries} == {made.created_at}
    assert verify().is_clean


def test_in_parts_until_all_of_it_is_back(cast, moved):
    back(moved, "30")
    back(moved, "30.50")
    assert back(moved).amount == Decimal("39.50")
    assert refused(transfers.NotReversible, moved).message == (
        "All of this transfer was moved back already."
    )
    assert moved.reversals.count() == 3
    assert verify().is_clean


def test_what_can_be_moved_back_now_is_what_is_left_and_not_spent(cast, moved):
    def now() -> Decimal:
        fresh = Transfer.objects.select_related("master", "source", "destination")
        return transfers.reversible(fresh.get(pk=moved.pk))

    assert now() == 100
    back(moved, "10")
    assert now() == 90
    transfers.make(
        source=cast.marketing, destination=cast.nile, amount=Decimal(550), key=uuid4(), by=None
    )
    give(cast.marketing, "0.009")
    assert now() == Decimal("40.00")
    transfers.make(
        source=cast.marketing, destination=cast.nile, amount=Decimal(40), key=uuid4(), by=None
    )
    assert now() == 0
    tree.suspend(account=cast.marketing)
    assert now() == 0


# --- refused ----------------------------------------------------------------------------------


def test_more_than_it_moved_is_refused_with_the_figures(cast, moved):
    refusal = refused(transfers.MoreThanMoved, moved, "100.01")
    assert refusal.message == "This transfer moved EGP 100.00: no more can be moved back."
    back(moved, "60")
    refusal = refused(transfers.MoreThanMoved, moved, "40.01")
    assert refusal.left == Decimal(40)
    assert refusal.message == (
        "EGP 60.00 of this transfer was moved back before, so at most 40.00 can be."
    )


def test_what_the_destination_has_spent_is_refused_with_the_figures(cast, moved):
    transfers.make(
        source=cast.marketing, destination=cast.nile, amount=Decimal(570), key=uuid4(), by=None
    )
    refusal = refused(transfers.InsufficientBalance, moved)
    assert refusal.message == ("Marketing can spend at most EGP 30.00: 70.00 less than asked for.")
    assert back(moved, "30").amount == 30


def test_a_reversal_is_not_reversed(cast, moved):
    made = back(moved)
    refusal = refused(transfers.NotReversible, made)
    assert "To move the credit once more, make a new transfer." in refusal.message


@pytest.mark.parametrize("who", ["source", "destination"])
def test_an_account_that_is_shared_today_is_refused_and_where_its_credit_went_is_said(cast, who):
    moved = transfers.make(
        source=cast.retail, destination=cast.marketing, amount=Decimal(5), key=uuid4(), by=None
    )
    account = getattr(moved, who)
    tree.share(account=account, by=None)
    refusal = refused(transfers.SharedBalance, moved)
    assert refusal.account == account.pk
    assert refusal.message == (
        f"{account.name} draws on the master account's balance today, and what it had of its own"
        " went to Nile Retail Group. Make a new transfer with Nile Retail Group instead."
    )


@pytest.mark.parametrize("who", ["source", "destination"])
def test_an_account_that_is_closed_by_now_is_refused_and_where_its_credit_went_is_said(cast, who):
    moved = transfers.make(
        source=cast.retail, destination=cast.marketing, amount=Decimal(5), key=uuid4(), by=None
    )
    account = getattr(moved, who)
    tree.close(account=account, by=None)
    refusal = refused(transfers.AccountClosed, moved)
    assert refusal.message.startswith(
        f"{account.name} is closed, and what was left in it went to Nile Retail Group."
    )


def test_a_suspended_account_gives_nothing_back_but_takes_it(cast, moved):
    tree.suspend(account=cast.marketing)
    refused(transfers.AccountSuspended, moved)
    tree.restore(account=cast.marketing)
    down = transfers.make(
        source=cast.marketing, destination=cast.retail, amount=Decimal(1), key=uuid4(), by=None
    )
    tree.suspend(account=cast.marketing)
    assert back(down).destination == cast.marketing


def test_a_suspended_company_gives_nothing_back(cast, moved):
    Account.objects.filter(pk=cast.nile.pk).update(state=State.SUSPENDED)
    refused(transfers.AccountSuspended, moved)


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_nothing_or_less_is_no_amount(moved, amount):
    with pytest.raises(ValueError, match="more than zero"):
        back(moved, amount)


# --- twice ------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [None, "100", "40"])
def test_sent_twice_it_happens_once(cast, moved, amount):
    key = uuid4()
    first = back(moved, amount, key=key)
    assert back(moved, amount, key=key) == first
    moved.refresh_from_db()
    assert moved.reversed == first.amount
    assert verify().is_clean


def test_a_key_used_before_with_other_content_is_a_conflict(cast, moved):
    key = uuid4()
    back(moved, "40", key=key)
    refused_before = rows()
    for amount in ("41", "60"):
        with pytest.raises(transfers.KeyConflict):
            back(moved, amount, key=key)
    with pytest.raises(transfers.KeyConflict):
        back(moved, "100", key=moved.key)
    assert rows() == refused_before


# --- at once ----------------------------------------------------------------------------------


def test_together_they_never_move_more_back_than_it_moved(cast, moved):
    results = at_once(*[lambda: back(moved, "30")] * 8)
    made = [result for result in results if isinstance(result, Transfer)]
    assert len(made) == 3
    assert {type(each) for each in results} == {Transfer, transfers.MoreThanMoved}
    moved.refresh_from_db()
    assert moved.reversed == Decimal(90)
    assert verify().is_clean


def test_one_key_from_eight_threads_is_one_reversal(cast, moved):
    key = uuid4()
    results = at_once(*[lambda: back(moved, key=key).pk] * 8)
    assert len(set(results)) == 1
    assert Transfer.objects.count() == 2
    assert verify().is_clean


def test_reversals_and_transfers_the_other_way_do_not_deadlock(cast, moved):
    def there():
        return transfers.make(
            source=cast.nile, destination=cast.marketing, amount=Decimal(1), key=uuid4(), by=None
        )

    results = at_once(*[lambda: back(moved, "1"), there] * 5)
    assert all(isinstance(result, Transfer) for result in results)
    assert balance_of(cast.marketing).credit == 600
    assert verify().is_clean


# --- the database -----------------------------------------------------------------------------


def test_two_figures_of_one_transfer_are_the_databases_last_word(cast, moved):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'billing_transfer'::regclass"
        )
        names = {name for (name,) in cursor.fetchall()}
    assert {
        "transfer_reversed_at_most_once",
        "transfer_reversal_is_final",
        "transfer_reversal_goes_back",
        "transfer_reverses_another",
        "transfer_line_in_batch",
    } <= names

"""``ledger.post()``: worked examples, refusals, replays."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from billing.ledger import Leg, Posting, Status, post, transact
from billing.models import Entry, Kind, Origin
from tests.factories import balance_of, give, set_limit

pytestmark = pytest.mark.django_db


def usage(account, amount, reference, **more):
    return Posting(Kind.USAGE, reference, (Leg(account.pk, -Decimal(amount)),), **more)


def post_all(account, *postings, origin=Origin.API, by=None):
    return transact(
        lambda: post(master=account.master_id, postings=postings, origin=origin, by=by)
    )


def test_usage_lowers_credit_and_carries_seq_and_running_balance(cast):
    [first, second] = post_all(
        cast.marketing, usage(cast.marketing, "0.0075", "m-1"), usage(cast.marketing, "1", "m-2")
    )
    assert [first.status, second.status] == [Status.ACCEPTED] * 2
    assert balance_of(cast.marketing).credit == Decimal("498.9925")
    entries = Entry.objects.filter(holder=cast.marketing).order_by("seq")
    assert [(e.seq, e.amount, e.balance_after) for e in entries] == [
        (1, Decimal(500), Decimal(500)),
        (2, Decimal("-0.0075"), Decimal("499.9925")),
        (3, Decimal(-1), Decimal("498.9925")),
    ]


def test_sixty_seventy_thirty_against_a_hundred_gives_yes_no_yes(cast):
    give(cast.retail, "79.50")
    outcomes = post_all(
        cast.retail, *(usage(cast.retail, n, f"m-{n}") for n in ("60", "70", "30"))
    )
    assert [o.status for o in outcomes] == [Status.ACCEPTED, Status.REFUSED, Status.ACCEPTED]
    refusal = outcomes[1].refusal
    assert (refusal.code, refusal.available, refusal.short_by) == (
        "insufficient_balance",
        Decimal(40),
        Decimal(30),
    )
    assert (
        refusal.message
        == "Retail branches can spend at most EGP 40.00: 30.00 less than asked for."
    )
    assert balance_of(cast.retail).credit == Decimal(10)
    assert not Entry.objects.filter(reference="m-70").exists()


def test_usage_of_a_shared_subaccount_moves_the_master_accounts_balance(cast):
    post_all(cast.otp, usage(cast.otp, "3", "m-1"))
    entry = Entry.objects.get(reference="m-1")
    assert (entry.holder_id, entry.account_id) == (cast.nile.pk, cast.otp.pk)
    assert balance_of(cast.nile).credit == Decimal(9997)
    assert balance_of(cast.otp).credit == 0


def test_the_credit_limit_may_be_used_to_the_last_micro_and_no_further(cast):
    set_limit(cast.retail, "10")
    [to_the_edge, beyond] = post_all(
        cast.retail,
        usage(cast.retail, "30.50", "m-1"),
        usage(cast.retail, "0.000001", "m-2"),
    )
    assert to_the_edge.status == Status.ACCEPTED
    assert beyond.refusal.short_by == Decimal("0.000001")
    assert balance_of(cast.retail).available == 0
    assert balance_of(cast.retail).is_restricted


def test_what_is_on_hold_cannot_be_spent(cast):
    balance = balance_of(cast.retail)
    balance.on_hold = Decimal(20)
    balance.save()
    [outcome] = post_all(cast.retail, usage(cast.retail, "0.51", "m-1"))
    assert outcome.refusal.available == Decimal("0.50")


def test_money_coming_in_is_accepted_far_below_the_limit(cast):
    post_all(cast.retail, usage(cast.retail, "1000", "m-1", enforce_limit=False))
    assert balance_of(cast.retail).credit == Decimal("-979.50")
    assert give(cast.retail, "1").status == Status.ACCEPTED


def test_suspended_accounts_and_companies_refuse_usage_and_accept_money(cast):
    for suspended in (cast.retail, cast.nile):
        type(suspended).objects.filter(pk=suspended.pk).update(state="suspended")
        [outcome] = post_all(cast.retail, usage(cast.retail, "1", "m-1"))
        assert outcome.refusal.code == "suspended"
        assert suspended.name in outcome.refusal.message
        assert give(cast.retail, "1").status == Status.ACCEPTED
        [past] = post_all(
            cast.retail, usage(cast.retail, "1", f"late-{suspended.pk}", enforce_limit=False)
        )
        assert past.status == Status.ACCEPTED
        type(suspended).objects.filter(pk=suspended.pk).update(state="active")


def test_a_closed_account_refuses_usage_and_its_money_goes_to_the_master_account(cast):
    type(cast.otp).objects.filter(pk=cast.otp.pk).update(state="closed")
    [outcome] = post_all(cast.otp, usage(cast.otp, "1", "m-1"))
    assert outcome.refusal.code == "closed"
    give(cast.otp, "5")
    assert balance_of(cast.nile).credit == Decimal(10005)


def test_a_repeated_reference_returns_the_first_result(cast):
    [first] = post_all(cast.retail, usage(cast.retail, "1", "m-1", description="SMS"))
    [again] = post_all(cast.retail, usage(cast.retail, "1.000000", "m-1", description="other"))
    assert again.status == Status.REPLAYED
    assert [e.pk for e in again.entries] == [e.pk for e in first.entries]
    assert again.rows[0].description == "SMS"
    assert again.rows == list(first.rows)
    assert balance_of(cast.retail).credit == Decimal("19.50")


def test_a_replay_is_found_even_if_the_holder_is_another_today(cast):
    post_all(cast.otp, usage(cast.otp, "1", "m-1"))
    type(cast.otp).objects.filter(pk=cast.otp.pk).update(balance_mode="allocated")
    [again] = post_all(cast.otp, usage(cast.otp, "1", "m-1"))
    assert again.status == Status.REPLAYED
    assert again.rows[0].holder_id == cast.nile.pk


@pytest.mark.parametrize("change", ["amount", "account", "kind", "legs"])
def test_a_reference_with_other_content_is_a_conflict(cast, change):
    post_all(cast.retail, usage(cast.retail, "1", "m-1"))
    other = {
        "amount": usage(cast.retail, "2", "m-1"),
        "account": usage(cast.marketing, "1", "m-1"),
        "kind": Posting(Kind.ADJUSTMENT, "m-1", (Leg(cast.retail.pk, Decimal(-1)),)),
        "legs": Posting(
            Kind.USAGE,
            "m-1",
            (Leg(cast.retail.pk, Decimal(-1)), Leg(cast.marketing.pk, Decimal(-1))),
        ),
    }[change]
    before = Entry.objects.count()
    [outcome] = post_all(cast.retail, other)
    assert outcome.status == Status.CONFLICT
    assert outcome.refusal.code == "conflict"
    assert Entry.objects.count() == before


def test_origins_do_not_take_each_others_references(cast):
    post_all(cast.retail, usage(cast.retail, "1", "m-1"), origin=Origin.API)
    [other] = post_all(cast.retail, usage(cast.retail, "2", "m-1"), origin=Origin.IMPORT)
    assert other.status == Status.ACCEPTED


def test_a_reference_repeated_within_a_batch_is_replayed_or_decided_anew(cast):
    outcomes = post_all(
        cast.retail,
        usage(cast.retail, "1", "m-1"),
        usage(cast.retail, "1", "m-1"),
        usage(cast.retail, "2", "m-1"),
        usage(cast.retail, "100", "m-2"),
        usage(cast.retail, "2", "m-2"),
    )
    assert [o.status for o in outcomes] == [
        Status.ACCEPTED,
        Status.REPLAYED,
        Status.CONFLICT,
        Status.REFUSED,
        Status.ACCEPTED,
    ]


def test_a_posting_of_several_legs_is_all_or_nothing(cast):
    legs = (
        Leg(cast.nile.pk, Decimal(-30)),
        Leg(cast.marketing.pk, Decimal(30)),
        Leg(cast.retail.pk, Decimal(-50)),
        Leg(cast.marketing.pk, Decimal(50)),
    )
    [outcome] = post_all(cast.nile, Posting(Kind.TRANSFER, "t-1", legs))
    assert outcome.refusal.account == cast.retail.pk
    assert [balance_of(a).credit for a in (cast.nile, cast.marketing, cast.retail)] == [
        Decimal(10000),
        Decimal(500),
        Decimal("20.50"),
    ]


def test_many_entries_by_copy_and_few_by_insert_are_the_same(cast):
    many = [usage(cast.marketing, "0.01", f"m-{n}", occurred_at=timezone.now()) for n in range(60)]
    post_all(cast.marketing, *many)
    post_all(cast.marketing, *[p._replace(reference=f"x{p.reference}") for p in many[:10]])
    entries = list(Entry.objects.filter(holder=cast.marketing).order_by("seq"))
    assert [e.seq for e in entries] == list(range(1, 72))
    assert balance_of(cast.marketing).credit == entries[-1].balance_after == Decimal("499.30")
    assert entries[1].occurred_at == entries[61].occurred_at


def test_an_account_of_another_company_is_refused_and_nothing_written(cast):
    before = Entry.objects.count()
    with pytest.raises(LookupError):
        post_all(cast.nile, usage(cast.gulf_sales, "1", "m-1"))
    assert Entry.objects.count() == before


@pytest.mark.parametrize("amount", ["0.0000001", "0", "100000000000000", "NaN", "Infinity"])
def test_an_amount_that_does_not_fit_is_refused_never_rounded(cast, amount):
    posting = Posting(Kind.ADJUSTMENT, "a-1", (Leg(cast.nile.pk, Decimal(amount)),))
    with pytest.raises(ValueError, match=r"does not fit|zero"):
        post_all(cast.nile, posting)


def test_a_balance_too_large_for_the_books_is_refused(cast):
    big = Posting(Kind.ADJUSTMENT, "a-1", (Leg(cast.nile.pk, Decimal("99999999999999")),))
    [outcome] = post_all(cast.nile, big)
    assert outcome.refusal.code == "too_large"


def test_a_moment_rises_per_holder(cast):
    now = timezone.now()
    [outcome] = post_all(cast.gulf_sales, _income(cast.gulf_sales, "p-1", now - timedelta(days=9)))
    assert outcome.rows[0].posted_at == now - timedelta(days=9)
    with pytest.raises(ValueError, match="before the holder's last"):
        post_all(cast.gulf_sales, _income(cast.gulf_sales, "p-2", now - timedelta(days=10)))
    with pytest.raises(ValueError, match="has not come yet"):
        post_all(cast.gulf_sales, _income(cast.gulf_sales, "p-3", now + timedelta(days=1)))


def _income(account, reference, moment):
    return Posting(Kind.PAYMENT, reference, (Leg(account.pk, Decimal(1)),), moment=moment)


def test_posting_wants_its_callers_transaction(cast, monkeypatch):
    class Outside:
        in_atomic_block = False

    monkeypatch.setattr(transaction, "get_connection", Outside)
    with pytest.raises(transaction.TransactionManagementError):
        post(master=cast.nile.pk, postings=[usage(cast.nile, "1", "m-1")], origin=Origin.API)


def test_nothing_to_post_is_nothing_written(cast):
    assert post_all(cast.nile) == []


def test_a_posting_of_several_legs_is_replayed_leg_by_leg(cast):
    legs = (Leg(cast.nile.pk, Decimal(-30)), Leg(cast.marketing.pk, Decimal(30)))
    posting = Posting(Kind.TRANSFER, "t-1", legs)
    [first] = post_all(cast.nile, posting)
    [again] = post_all(cast.nile, posting)
    assert again.status == Status.REPLAYED
    assert list(again.rows) == list(first.rows)
    [turned] = post_all(cast.nile, posting._replace(legs=legs[::-1]))
    assert turned.status == Status.CONFLICT

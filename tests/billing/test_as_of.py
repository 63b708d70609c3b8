"""Balances at a past moment are what the balance rows said then."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from billing import adjustments, charges, holds, transfers, tree
from billing.as_of import BalanceAt, balances_at
from billing.charges import Charge, charge_many
from billing.history import record
from billing.ledger import Leg, Posting, post, transact
from billing.locking import clock
from billing.models import AccountAction, Balance, Kind, Origin
from billing.refusals import Refused
from tests.factories import give, make_master, make_subaccount, set_limit


def now_of(accounts) -> dict[int, tuple[object, ...]]:
    """What the rows say: mode, state, holder and its figures."""
    rows = {row.account_id: row for row in Balance.objects.filter(account__in=accounts)}
    said = {}
    for account in Account.objects.filter(pk__in=accounts):
        row = rows[account.holder_id]
        said[account.pk] = (
            account.balance_mode,
            account.state,
            account.holder_id,
            row.credit,
            row.credit_limit,
            row.on_hold,
        )
    return said


def then_of(found: dict[int, BalanceAt]) -> dict[int, tuple[object, ...]]:
    return {
        pk: (at.mode, at.state, at.holder, at.credit, at.credit_limit, at.on_hold)
        for pk, at in found.items()
    }


@pytest.mark.parametrize("seed", range(6))
def test_every_moment_is_remembered_as_it_was(db, seed):
    dice = random.Random(seed)
    nile = make_master("nile")
    alpha, beta, gamma = (make_subaccount(nile, name) for name in ("alpha", "beta", "gamma"))
    everyone = [nile, alpha, beta, gamma]
    give(nile, 1000)
    open_holds = []

    def hold():
        account = dice.choice(everyone)
        held = holds.hold(account=account, amount=Decimal(7), reference=str(uuid4())).hold
        if held:
            open_holds.append(held.id)

    def capture():
        held = dice.choice(open_holds) if open_holds else None
        if held:
            amount = Decimal(dice.choice(["0.5", "2"]))
            holds.capture(
                master=nile.pk,
                hold=held,
                reference=str(uuid4()),
                amount=amount,
                final=dice.random() < 0.3,
            )

    def release():
        if open_holds:
            holds.release(master=nile.pk, hold=open_holds.pop(dice.randrange(len(open_holds))))

    def charge():
        charges.charge(
            account=dice.choice(everyone), amount=Decimal("1.25"), reference=str(uuid4())
        )

    def transfer():
        source, destination = dice.sample(everyone, 2)
        transfers.make(
            source=source, destination=destination, amount=Decimal(30), key=uuid4(), by=None
        )

    def limit():
        set_limit(dice.choice(everyone), dice.choice([0, 10, 25]))

    def switch():
        account = Account.objects.get(pk=dice.choice([alpha, beta, gamma]).pk)
        tree.allocate(account=account) if account.is_shared else tree.share(
            account=account, by=None
        )

    def state():
        account = dice.choice([alpha, beta])
        dice.choice([tree.suspend, tree.restore])(account=account)

    def close():
        tree.close(account=gamma, by=None)

    deeds = [*[charge] * 3, *[hold, capture, switch] * 2, release, transfer, limit, state, close]
    moments = []
    for _ in range(60):
        with suppress(Refused, ValueError):
            dice.choice(deeds)()
        for account in everyone:
            account.refresh_from_db()
        moments.append((clock(), now_of([account.pk for account in everyone])))
    for moment, said in moments:
        assert then_of(balances_at(master=nile.pk, accounts=said.keys(), moment=moment)) == said


def test_an_account_that_was_not_open_yet_has_no_row(cast):
    before = clock()
    late = make_subaccount(cast.nile, "late")
    accounts = [cast.nile.pk, late.pk]
    assert balances_at(master=cast.nile.pk, accounts=accounts, moment=before).keys() == {
        cast.nile.pk
    }
    assert balances_at(master=cast.nile.pk, accounts=accounts, moment=clock()).keys() == {
        *accounts
    }


def test_what_is_posted_at_the_very_moment_counts_and_of_a_batch_its_last(db):
    moment = datetime(2026, 3, 31, 20, 59, tzinfo=UTC)
    company = make_master("riyadh", country="SA", currency="SAR", time_zone="Asia/Riyadh")
    top_up = Posting(Kind.PAYMENT, "p", (Leg(company.pk, Decimal(100)),), moment=moment)
    transact(lambda: post(master=company.pk, postings=[top_up], origin=Origin.PAYMENT))
    charge_many(
        master=company.pk,
        charges=[Charge(company.pk, Decimal(1), f"m{n}", moment=moment) for n in range(20)],
    )
    after = moment + timedelta(seconds=1)
    charge_many(master=company.pk, charges=[Charge(company.pk, Decimal(5), "later", moment=after)])
    # It was opened only now: its history is imported.
    record(company, AccountAction.OPENED, None, moment - timedelta(days=1))
    for asked, credit in [(moment, 80), (after - timedelta(microseconds=1), 80), (after, 75)]:
        [found] = balances_at(master=company.pk, accounts=[company.pk], moment=asked).values()
        assert found.credit == credit


def test_a_hold_past_its_time_is_not_on_hold_though_nobody_swept_it(cast):
    holds.hold(
        account=cast.retail,
        amount=Decimal(5),
        reference="h",
        expires_in=timedelta(microseconds=1),
    )
    [found] = balances_at(master=cast.nile.pk, accounts=[cast.retail.pk], moment=clock()).values()
    assert found.on_hold == 0
    assert Balance.objects.get(account=cast.retail).on_hold == 5
    assert found.available == Decimal("20.50")


def test_it_is_one_statement_that_reads_one_entry_for_each_account(cast):
    for number in range(300):
        account = (cast.otp, cast.marketing)[number % 2]
        charges.charge(account=account, amount=Decimal("0.01"), reference=f"m{number}")
    adjustments.make(account=cast.retail, amount=Decimal(1), reason="so", reference="a", by=None)
    accounts = [cast.nile.pk, cast.otp.pk, cast.marketing.pk, cast.retail.pk]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        balances_at(master=cast.nile.pk, accounts=accounts, moment=clock())
    assert len(queries) == 1 + 1  # the clock's
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE billing_entry")
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {queries[1]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    probe = plan[plan.index("entry_by_holder_time") :].splitlines()[0]
    assert "rows=1" in probe or "rows=1.00" in probe
    assert "loops=4" in probe

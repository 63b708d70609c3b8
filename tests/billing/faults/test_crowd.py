"""A crowd at one moment: two hundred sessions for one balance, fifty for one reference."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.models import BalanceMode
from billing import charges
from billing.ledger import Status
from billing.models import Entry
from tests.billing.faults.rounds import assert_clean
from tests.factories import balance_of, give, make_master, make_subaccount, set_limit
from tests.threads import at_once

CROWD = 200
ONE = Decimal(1)


@pytest.mark.parametrize("mode", ["allocated", "shared"])
def test_of_200_charges_at_once_exactly_as_many_are_accepted_as_are_available(server, mode):
    master = make_master(f"crowd-{mode}")
    if mode == "shared":
        modes = [BalanceMode.SHARED] * 4
        spenders = [
            master,
            *(make_subaccount(master, f"s-{n}", mode=m) for n, m in enumerate(modes)),
        ]
        holder = master
    else:
        holder = make_subaccount(master, "alone")
        spenders = [holder]
    give(holder, 40)
    set_limit(holder, 33)
    outcomes = at_once(
        *(
            lambda n=n: charges.charge(
                account=spenders[n % len(spenders)], amount=ONE, reference=f"m-{n}"
            )
            for n in range(CROWD)
        )
    )
    accepted = [outcome.rows[0] for outcome in outcomes if outcome.status == Status.ACCEPTED]
    refused = [outcome.refusal for outcome in outcomes if outcome.status == Status.REFUSED]
    assert (len(accepted), len(refused)) == (73, CROWD - 73)
    assert sorted(row.balance_after for row in accepted) == list(range(-33, 40))
    assert {(refusal.available, refusal.short_by) for refusal in refused} == {(0, 1)}
    balance = balance_of(holder)
    assert (balance.credit, balance.last_seq) == (-33, 74)
    assert balance.is_restricted
    assert_clean()
    print(
        f"{CROWD} charges of 1 at once against 73, {mode}: {len(accepted)} accepted, to the last"
    )


def test_fifty_sessions_with_one_reference_are_one_posting_and_one_answer(server):
    master = make_master("one-reference")
    shared = make_subaccount(master, "otp", mode=BalanceMode.SHARED)
    give(master, 10)
    outcomes = at_once(*[lambda: charges.charge(account=shared, amount=ONE, reference="m-1")] * 50)
    assert sorted(outcome.status for outcome in outcomes) == ["accepted"] + ["replayed"] * 49
    assert len({tuple(outcome.rows) for outcome in outcomes}) == 1
    assert Entry.objects.filter(master=master, reference="m-1").count() == 1
    assert balance_of(master).credit == 9
    print("50 sessions with one reference: 1 accepted, 49 replayed, one answer")

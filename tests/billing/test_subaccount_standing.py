"""The list of subaccounts: which run low, and how each stands with its spending cap."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import adjustments, caps, tree
from billing.account_filters import CapState
from billing.models import DailyTotal
from tests.billing.accounts_pages import charge, hold
from tests.billing.test_subaccount_list import NILE, codes, row
from tests.factories import give, make_subaccount, set_limit

pytestmark = pytest.mark.django_db


def found(admin, **query: str) -> list[str]:
    """The codes of the accounts that the list finds."""
    return codes(admin.get(NILE, query))


def spent_in_the_last_days(account, amount: str, days_ago: int = 1) -> None:
    """Usage of a whole day: of one that is in the books, whenever it came there."""
    day = timezone.localdate(timezone=account.zone) - timedelta(days=days_ago)
    DailyTotal.objects.create(
        master_id=account.master_id,
        account=account,
        day=day,
        holder=account,
        kind="usage",
        contra="usage_revenue",
        amount_in=0,
        amount_out=Decimal(amount),
        entries=1,
    )


def test_what_will_not_last_three_days_at_the_weeks_pace_is_low(admin, cast):
    # 20.50 last three days at 6.83 a day: 47.83 a week.
    spent_in_the_last_days(cast.retail, "47.84")
    spent_in_the_last_days(cast.marketing, "1166.66", days_ago=7)
    assert found(admin, state="low") == ["retail"]
    assert found(admin, state="active") == ["marketing", "otp"]
    assert "Low" in row(admin.get(NILE), "Retail branches")
    assert "Low" not in row(admin.get(NILE), "Marketing")
    give(cast.retail, "0.01")
    assert found(admin, state="low") == []
    # Eight days ago is not of the last seven days. Today is, though it is not over.
    spent_in_the_last_days(cast.marketing, "9999", days_ago=8)
    assert found(admin, state="low") == []
    spent_in_the_last_days(cast.marketing, "9999", days_ago=0)
    assert found(admin, state="low") == ["marketing"]


def test_who_has_used_nine_tenths_of_a_limit_is_low(admin, cast):
    set_limit(cast.retail, "100")
    # Not by usage, whose pace alone would be low.
    for reference, amount, expected in (("a-1", "-110.50", []), ("a-2", "-0.000001", ["retail"])):
        adjustments.make(
            account=cast.retail,
            amount=Decimal(amount),
            reason="so",
            reference=reference,
            by=cast.operator,
        )
        assert found(admin, state="low") == expected
    assert found(admin, state="low") == ["retail"]
    assert "Low" in row(admin.get(NILE), "Retail branches")


def test_each_row_says_how_it_stands_with_its_cap_and_is_found_by_it(admin, cast):
    fresh = make_subaccount(cast.nile, "fresh")
    gone = make_subaccount(cast.nile, "gone")
    for account, cap, is_hard in (
        (cast.marketing, "100", True),
        (cast.otp, "50", False),
        (cast.retail, "5", True),
        (fresh, "0", False),
        (gone, "1", True),
    ):
        caps.change(account=account, cap=Decimal(cap), is_hard=is_hard)
    tree.close(account=gone, by=None)
    make_subaccount(cast.nile, "north")
    charge(cast.marketing, "60", "m-1")
    hold(cast.marketing, "19.9999")
    charge(cast.otp, "50.01", "m-2")
    charge(cast.retail, "4", "m-3")
    response = admin.get(NILE)
    for name, chip in (
        ("Marketing", "79 % of cap"),
        ("OTP and security", "Over its cap"),
        ("Retail branches", "80 % of cap"),
        ("Fresh", "Cap used up"),
    ):
        assert chip in row(response, name)
    for name in ("Gone", "North"):
        assert "cap" not in row(response, name).lower().replace("subaccount", "")
    found = {cap: codes(admin.get(NILE, {"cap": cap})) for cap in CapState.values}
    assert found == {
        "used-up": ["fresh", "otp"],
        "near": ["retail"],
        "any": ["fresh", "marketing", "otp", "retail"],
        "none": ["north"],
    }
    assert codes(admin.get(NILE, {"cap": "any", "q": "a", "mode": "allocated"})) == [
        "marketing",
        "retail",
    ]


def test_the_number_of_queries_does_not_grow_with_the_caps(admin, cast):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            for query in ({}, {"cap": "near"}, {"state": "low"}, {"state": "active"}):
                admin.get(NILE, query)
        return len(captured)

    charge(cast.retail, "9", "m-1")
    caps.change(account=cast.retail, cap=Decimal(10))
    few = queries()
    for number in range(8):
        account = make_subaccount(cast.nile, f"a-{number}")
        give(account, "100")
        charge(account, "8.5", f"a-{number}")
        caps.change(account=account, cap=Decimal(10))
    assert found(admin, cap="near") == [*(f"a-{number}" for number in range(8)), "retail"]
    assert queries() == few

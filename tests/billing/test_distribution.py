"""Sharing an amount out: the sum is exact, nobody gets less than nothing, and it is fair."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import charges, distribution
from billing.distribution import evenly, in_proportion, last_month, up_to, usage_last_month
from billing.ledger import Leg, Posting, post, transact
from billing.models import Kind, Origin
from console import money
from tests.factories import give, make_master, make_subaccount

DECIMALS = st.sampled_from([0, 2, 3])


@st.composite
def amounts(draw) -> tuple[Decimal, int]:
    """An amount as people type it, and its currency's decimals."""
    decimals = draw(DECIMALS)
    units = draw(st.integers(0, 10**12))
    return Decimal(units).scaleb(-decimals), decimals


weights = st.lists(
    st.decimals(0, 10**9, places=6, allow_nan=False, allow_infinity=False), min_size=1, max_size=60
)


@given(amounts(), st.integers(1, 1000))
def test_equal_shares_add_up_and_differ_by_one_unit_at_most(amount, count):
    whole, decimals = amount
    shares = evenly(whole, count, decimals)
    assert sum(shares) == whole
    assert len(shares) == count
    assert min(shares) >= 0
    assert shares == sorted(shares, reverse=True)
    assert shares[0] - shares[-1] <= Decimal(1).scaleb(-decimals)


@given(amounts(), weights.filter(any))
def test_shares_by_weight_add_up_and_are_less_than_a_unit_off(amount, parts):
    whole, decimals = amount
    shares = in_proportion(whole, parts, decimals)
    assert sum(shares) == whole
    assert min(shares) >= 0
    unit = Decimal(1).scaleb(-decimals)
    total = sum(parts)
    for share, part in zip(shares, parts, strict=True):
        assert abs(share * total - whole * part) < unit * total
        assert money.round_down(share, decimals) == share
        # No usage, no share.
        assert part or not share


@given(amounts(), weights.filter(any))
def test_who_weighs_more_never_gets_less(amount, parts):
    whole, decimals = amount
    ordered = sorted(parts, reverse=True)
    shares = in_proportion(whole, ordered, decimals)
    assert shares == sorted(shares, reverse=True)


@given(
    amounts(),
    st.lists(
        st.decimals(-(10**9), 10**9, places=6, allow_nan=False, allow_infinity=False), max_size=60
    ),
)
def test_up_to_a_balance_fills_what_is_missing_of_the_balance_that_is_shown(target, available):
    wanted, decimals = target
    for had, needed in zip(available, up_to(wanted, available, decimals), strict=True):
        shown = money.round_down(had, decimals)
        assert needed >= 0
        assert money.round_down(had + needed, decimals) == max(shown, wanted)
        assert money.round_down(needed, decimals) == needed


@pytest.mark.parametrize(
    ("amount", "count", "decimals", "shares"),
    [
        ("100", 3, 2, "33.34 33.33 33.33"),
        ("0.02", 3, 2, "0.01 0.01 0.00"),
        ("10", 3, 0, "4 3 3"),
        ("1", 3, 3, "0.334 0.333 0.333"),
    ],
)
def test_what_does_not_divide_goes_to_the_first(amount, count, decimals, shares):
    assert " ".join(map(str, evenly(Decimal(amount), count, decimals))) == shares


def test_by_largest_remainder():
    # 10 by 1, 1, 1 and 3 is 1.666..., 1.666..., 1.666... and 5: two units for the first two.
    shares = in_proportion(Decimal(10), [Decimal(each) for each in (1, 1, 1, 3)], 0)
    assert shares == [2, 2, 1, 5]


@pytest.mark.parametrize("parts", [[], ["0"], ["0", "0"], ["2", "-1"]])
def test_nothing_can_be_shared_by_nothing(parts):
    with pytest.raises(ValueError, match="nothing to share by"):
        in_proportion(Decimal(10), [Decimal(part) for part in parts], 2)


def test_what_the_currency_does_not_have_is_refused():
    with pytest.raises(ValueError, match="more than 2 decimals"):
        evenly(Decimal("1.005"), 2, 2)
    with pytest.raises(ValueError, match="more than 2 decimals"):
        up_to(Decimal("1.005"), [], 2)
    with pytest.raises(ValueError, match="one account at least"):
        evenly(Decimal(1), 0, 2)


@pytest.mark.django_db
def test_the_month_before_is_the_companys_across_the_turn_of_the_year():
    company = make_master("delta")
    now = datetime(2026, 1, 10, tzinfo=UTC)
    assert [each.isoformat() for each in last_month(company, now)] == [
        "2025-12-01T00:00:00+02:00",
        "2026-01-01T00:00:00+02:00",
    ]
    # 23:30 of 31 January in UTC is February in Cairo.
    late = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
    assert last_month(company, late)[0].isoformat() == "2026-01-01T00:00:00+02:00"


@pytest.mark.django_db
def test_usage_of_the_month_before_counts_reversals_and_nothing_else(django_assert_num_queries):
    company = make_master("delta")
    shop, web = (make_subaccount(company, code) for code in ("shop", "web"))

    def use(account, amount, reference, moment):
        [outcome] = charges.charge_many(
            master=company.pk,
            charges=[
                charges.Charge(
                    account.pk, Decimal(amount), reference, enforce_limit=False, moment=moment
                )
            ],
        )
        outcome.raise_refusal()

    # In Cairo: before the month, in it on its first and last moment, and after it.
    use(shop, "1", "before", datetime(2025, 12, 31, 21, 59, 59, tzinfo=UTC))
    use(shop, "10", "first", datetime(2025, 12, 31, 22, tzinfo=UTC))
    moment = datetime(2026, 1, 10, tzinfo=UTC)
    payment = Posting(Kind.PAYMENT, "p", (Leg(shop.pk, Decimal(500)),), moment=moment)
    back = Posting(Kind.REVERSAL, "usage:api:x", (Leg(shop.pk, Decimal(4)),), moment=moment)
    transact(lambda: post(master=company.pk, postings=[payment], origin=Origin.PAYMENT))
    transact(lambda: post(master=company.pk, postings=[back], origin=Origin.REVERSAL))
    use(shop, "0.5", "last", datetime(2026, 1, 31, 21, 59, 59, tzinfo=UTC))
    use(shop, "100", "after", datetime(2026, 1, 31, 22, tzinfo=UTC))
    use(web, "7", "web", moment)
    give(web, "1")
    with django_assert_num_queries(1):
        used = usage_last_month(company, datetime(2026, 2, 15, tzinfo=UTC))
    assert used == {shop.pk: Decimal("6.5"), web.pk: Decimal(7)}
    assert distribution.usage_last_month(company, datetime(2025, 11, 1, tzinfo=UTC)) == {}

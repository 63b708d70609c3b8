"""What needs attention because of spending caps, and who is told."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing import caps, tree
from tests.billing.accounts_pages import hold
from tests.console.overview import codes, get, line, spend, text_of, titles
from tests.factories import Cast, give, make_subaccount

pytestmark = pytest.mark.django_db


def cap(account, amount: str, *, is_hard: bool = True) -> None:
    caps.change(account=account, cap=Decimal(amount), is_hard=is_hard)


def notice(response):
    [only] = response.context["notices"]
    return only


def test_a_hard_cap_that_is_used_up_refuses_until_the_first(cast: Cast) -> None:
    cap(cast.marketing, "50")
    spend(cast.marketing, "50")
    response = get(cast.admin)
    said = notice(response)
    assert (said.kind, said.title) == ("danger", "Marketing has used up its spending cap.")
    assert "EGP 50.00 of EGP 50.00 used in" in said.text
    assert "Its messages are refused until 1 " in said.text
    assert said.href.endswith("/subaccounts/marketing/")
    assert "Cap used up" in text_of(response)
    assert line(response, "marketing").needs_attention


def test_a_cap_of_zero_refuses_all_and_says_so(cast: Cast) -> None:
    cap(cast.otp, "0")
    said = notice(get(cast.admin))
    assert said.title == "OTP and security has a spending cap of zero."
    assert said.kind == "danger"


def test_a_soft_cap_only_warns(cast: Cast) -> None:
    cap(cast.marketing, "50", is_hard=False)
    spend(cast.marketing, "50")
    said = notice(get(cast.admin))
    assert (said.kind, said.title) == ("warning", "Marketing has reached its spending cap.")
    spend(cast.marketing, "10.5")
    said = notice(get(cast.admin))
    assert said.title == "Marketing has passed its spending cap."
    assert "EGP 60.50 of EGP 50.00" in said.text
    assert "its messages go on" in said.text


def test_near_is_from_four_fifths_open_holds_included(cast: Cast) -> None:
    cap(cast.marketing, "100")
    spend(cast.marketing, "70")
    assert titles(get(cast.admin)) == []
    hold(cast.marketing, "10")
    said = notice(get(cast.admin))
    assert said.title == "Marketing has used 80 % of its spending cap."
    assert said.kind == "warning"


def test_many_in_the_same_trouble_are_counted_and_can_be_shown(cast: Cast) -> None:
    for number in range(3):
        branch = make_subaccount(cast.nile, f"branch-{number}")
        give(branch, "100")
        cap(branch, "10")
        spend(branch, "10")
    response = get(cast.admin)
    assert titles(response) == ["3 subaccounts have used up their spending caps."]
    shown = codes(get(cast.admin, show="attention"))
    assert set(shown) == {"branch-0", "branch-1", "branch-2"}


def test_danger_comes_before_warnings(cast: Cast) -> None:
    cap(cast.otp, "0")
    spend(cast.marketing, "499")
    kinds = [each.kind for each in get(cast.admin).context["notices"]]
    assert kinds == ["danger", "warning"]


def test_a_suspended_account_is_not_told_of_its_cap(cast: Cast) -> None:
    cap(cast.otp, "0")
    tree.suspend(account=cast.otp)
    assert titles(get(cast.admin)) == ["OTP and security is suspended."]


def test_the_row_bears_the_chip_of_the_accounts_page(cast: Cast) -> None:
    cap(cast.marketing, "50", is_hard=False)
    spend(cast.marketing, "40")
    assert "80 % of cap" in text_of(get(cast.admin))
    spend(cast.marketing, "10")
    assert "Cap used up" in text_of(get(cast.admin))
    spend(cast.marketing, "1")
    assert "Over its cap" in text_of(get(cast.admin))


def test_who_has_but_one_account_is_not_told_that_it_can_spend_past_its_cap(cast: Cast) -> None:
    cap(cast.otp, "40")
    assert "It can spend" in text_of(get(cast.otp_member))
    spend(cast.otp, "40")
    text = text_of(get(cast.otp_member))
    assert "It cannot spend at the moment: its spending cap of the month is used up." in text
    assert "It can spend" not in text


def test_its_members_learn_of_the_cap_and_nothing_of_the_pool(cast: Cast) -> None:
    cap(cast.otp, "40")
    spend(cast.otp, "40")
    response = get(cast.otp_member)
    assert titles(response) == ["OTP and security has used up its spending cap."]
    assert "9,960" not in text_of(response)
    assert titles(get(cast.member)) == []

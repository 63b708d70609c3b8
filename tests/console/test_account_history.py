"""What one account's page tells of its spending cap and of what was done to it, and to whom."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from billing import caps, tree
from billing.models import AccountChange
from console import account_history
from tests.billing.accounts_pages import address, charge, hold, plain, signed_in

pytestmark = pytest.mark.django_db


def page(user, account) -> str:
    response = signed_in(user).get(address("detail", account))
    assert response.status_code == 200
    return response.content.decode()


def section(text: str, name: str) -> str:
    """The text of the part of the page with this id."""
    [found] = re.findall(rf'<section [^>]*id="{name}".*?</section>', text, re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", found)).strip()


def test_the_cap_with_what_is_used_and_left_in_figures_and_words(cast):
    caps.change(account=cast.marketing, cap=Decimal(500), by=cast.admin)
    charge(cast.marketing, "380.0025")
    hold(cast.marketing, "20")
    text = page(cast.admin, cast.marketing)
    told = section(text, "cap")
    assert "80 % of cap" in told
    assert "EGP 99.9975 left this month. What would pass the cap is refused." in told
    for figure in ("Cap 500.00", "Spent 380.0025", "On hold 20.00", "Left 99.9975"):
        assert figure in told
    spoken = "Of a cap of 500.00: 380.0025 spent, 20.00 on hold, 99.9975 left"
    assert f'aria-label="{spoken}"' in text
    assert f'href="{address("cap", cast.marketing)}"' in text


@pytest.mark.parametrize(
    ("cap", "is_hard", "chip", "sentence"),
    [
        ("200", True, "50 % of cap", "EGP 100.00 left this month"),
        ("100", True, "Cap used up", "Used up: its messages are refused until"),
        ("100", False, "Cap used up", "Used up this month. The cap only warns"),
        ("80", False, "Over its cap", "Passed by EGP 20.00 this month. The cap only warns."),
        ("0", True, "Cap used up", "It may spend nothing: all its messages are refused"),
    ],
)
def test_each_way_to_stand_has_its_words(cast, cap, is_hard, chip, sentence):
    charge(cast.marketing, "100")
    caps.change(account=cast.marketing, cap=Decimal(cap), is_hard=is_hard)
    told = section(page(cast.member, cast.marketing), "cap")
    assert chip in told
    assert sentence in told


def test_who_sees_only_a_shared_account_sees_its_cap_and_whether_it_can_spend(cast):
    caps.change(account=cast.otp, cap=Decimal(100), by=cast.admin)
    charge(cast.otp, "100")
    text = page(cast.otp_member, cast.otp)
    told = section(text, "cap")
    assert "Used up: its messages are refused until" in told
    assert "Left 0.00" in told
    assert "admin@nile.example" in told
    assert "It cannot spend at the moment: its spending cap of the month is used up." in text
    # Neither the pool's figures nor the way to change the cap.
    assert "9,900" not in text
    assert address("cap", cast.otp) not in text


def test_an_account_without_a_cap_says_what_that_means_and_a_master_account_nothing(cast):
    told = section(page(cast.admin, cast.otp), "cap")
    assert "It has none: in a month it can spend all that Nile Retail Group has" in told
    assert "Set one" in told
    assert "Set one" not in section(page(cast.finance, cast.marketing), "cap")
    assert 'id="cap"' not in page(cast.admin, cast.nile)


def test_the_history_of_the_cap_has_old_new_what_happens_past_it_and_who(cast):
    caps.change(account=cast.marketing, cap=Decimal(500), by=cast.admin)
    caps.change(account=cast.marketing, cap=Decimal("700.5"), is_hard=False, by=None)
    caps.change(account=cast.marketing, cap=None, by=cast.admin)
    told = section(page(cast.member, cast.marketing), "cap")
    assert "It has none" in told
    assert re.search(r"700\.50 none admin@nile\.example", told)
    assert re.search(r"500\.00 700\.50 warned The platform", told)
    assert re.search(r"none 500\.00 refused admin@nile\.example", told)


def test_of_a_closed_account_only_the_history_of_its_cap_is_left(cast):
    caps.change(account=cast.retail, cap=Decimal(5), by=cast.admin)
    tree.close(account=cast.retail, by=cast.admin)
    told = section(page(cast.admin, cast.retail), "cap")
    assert "It is closed and spends nothing." in told
    assert "5.00 refused" in told
    assert "Change it" not in told


def test_the_history_of_the_account_says_what_was_done_and_by_whom(cast):
    tree.rename(account=cast.retail, name="Shops <b>", by=cast.admin)
    tree.share(account=cast.retail, by=cast.admin)
    tree.suspend(account=cast.retail, by=cast.operator)
    tree.restore(account=cast.retail, by=cast.operator)
    tree.allocate(account=cast.retail, by=cast.admin)
    tree.close(account=cast.retail, by=cast.admin)
    told = section(page(cast.admin, cast.retail), "history")
    done = ["Closed", "Given a balance of its own", "Restored", "Suspended"]
    done += ["Switched to the shared balance", "Renamed to Shops &lt;b&gt;", "Opened"]
    assert re.search(".*".join(map(re.escape, done)), told)
    assert re.search(r"Suspended The platform", told)
    assert re.search(r"Closed admin@nile\.example", told)
    assert "operator@platform.example" not in told
    assert "Suspended operator@platform.example" in section(
        page(cast.operator, cast.retail), "history"
    )


def test_of_a_long_history_the_newest_is_shown(cast, monkeypatch):
    monkeypatch.setattr(account_history, "CHANGES", 2)
    for name in ("One", "Two", "Three"):
        tree.rename(account=cast.retail, name=name, by=cast.admin)
    told = section(page(cast.admin, cast.retail), "history")
    assert "Renamed to Two" in told
    assert "Renamed to One" not in told
    assert AccountChange.objects.filter(account=cast.retail).count() == 4


def test_what_the_platform_suspended_offers_its_admin_no_restore(cast):
    tree.suspend(account=cast.otp, by=cast.operator)
    text = page(cast.admin, cast.otp)
    assert address("restore", cast.otp) not in text
    assert "until the platform's operators restore it" in text
    assert "It cannot spend at the moment: the platform suspended it." in page(
        cast.otp_member, cast.otp
    )
    assert "/operator/accounts/nile/restore/otp/" in page(cast.operator, cast.otp)
    assert "/operator/accounts/nile/suspend/otp/" not in page(cast.operator, cast.otp)


def test_the_page_of_an_admin_offers_restore_for_what_an_admin_suspended(cast):
    tree.suspend(account=cast.otp, by=cast.admin)
    assert address("restore", cast.otp) in page(cast.admin, cast.otp)
    text = page(cast.operator, cast.otp)
    assert "/operator/accounts/nile/restore/otp/" in text
    assert "/operator/accounts/nile/suspend/otp/" in text
    assert plain(signed_in(cast.operator).get(address("detail", cast.otp))).count(
        "Suspend for the platform"
    )

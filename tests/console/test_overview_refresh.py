"""The overview asks whether anything has moved: 304 until it has, and never when it has."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, Membership, Role, User
from billing import caps, tree
from tests.billing.accounts_pages import hold
from tests.console.overview import HX, spend
from tests.factories import Cast, give, make_subaccount, set_limit

pytestmark = pytest.mark.django_db

REFRESH = HX | {"HX-Target": "overview-refresh"}


class Tab:
    """One person's open page: it knows the tag of what it shows."""

    def __init__(self, user: User, company: str = "nile", **query: str) -> None:
        self.client = Client()
        self.client.force_login(user)
        self.address = reverse("overview", args=[company], query=query or None)
        page = self.client.get(self.address)
        assert page.status_code == 200
        self.tag = page.headers["ETag"]
        assert f'data-tag="{self.tag.replace(chr(34), "&quot;")}"' in page.content.decode()

    def refresh(self):
        headers = REFRESH | {"If-None-Match": self.tag}
        return self.client.get(self.address, headers=headers)

    def has_moved(self) -> bool:
        """Whether there is news; from then on the tab shows them."""
        response = self.refresh()
        assert response.status_code in {200, 304}
        assert (response.headers["ETag"] != self.tag) == (response.status_code == 200)
        self.tag = response.headers["ETag"]
        return response.status_code == 200


def test_nothing_moved_is_304_without_a_body_and_says_as_of_when(cast: Cast) -> None:
    tab = Tab(cast.admin)
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=20), tick=False):
        response = tab.refresh()
        there = datetime.now(cast.nile.zone)
    assert response.status_code == 304
    assert response.content == b""
    assert json.loads(response.headers["X-As-Of"])["time"] == f"{there:%H:%M}"
    assert "no-store" in response.headers["Cache-Control"]


def test_304_takes_five_queries_whatever_the_company(cast: Cast) -> None:
    """The session, the person, the company, the roles, and the one that makes the tag."""
    tab = Tab(cast.admin)
    for number in range(30):
        make_subaccount(cast.nile, f"branch-{number}")
    assert tab.has_moved()
    with CaptureQueriesContext(connection) as queries:
        assert not tab.has_moved()
    assert len(queries) == 5


def test_news_come_as_parts_for_their_places(cast: Cast) -> None:
    tab = Tab(cast.admin)
    spend(cast.otp, "77.25")
    text = tab.refresh().content.decode()
    assert "<html" not in text
    assert "77.25" in text
    for part in ("notices", "hero", "chart", "table", "movements"):
        assert f'id="overview-{part}" data-part=' in text
    assert text.count('hx-swap-oob="true"') == 5


def test_only_the_parts_that_changed_have_another_digest(cast: Cast) -> None:
    def digests() -> dict[str, str]:
        client = Client()
        client.force_login(cast.admin)
        parts = client.get(reverse("overview", args=["nile"])).context["parts"]
        return {name: part.digest for name, part in parts.items()}

    before = digests()
    assert digests() == before
    # A department's usage: neither the pool's credit nor the company's movements without usage.
    spend(cast.marketing, "1")
    after = digests()
    assert {name for name in before if before[name] != after[name]} == {"hero", "table"}


CHANGES: dict[str, Callable[[Cast], object]] = {
    "usage of the master account": lambda cast: spend(cast.nile, "1"),
    "usage of a shared subaccount": lambda cast: spend(cast.otp, "1"),
    "usage of an allocated subaccount": lambda cast: spend(cast.retail, "0.000001"),
    "a payment": lambda cast: give(cast.retail, "1"),
    "a hold": lambda cast: hold(cast.marketing, "1"),
    "a credit limit": lambda cast: set_limit(cast.marketing, "1"),
    "a cap": lambda cast: caps.change(account=cast.marketing, cap=Decimal(1)),
    "a name": lambda cast: tree.rename(account=cast.otp, name="One-time passwords"),
    "a suspension": lambda cast: tree.suspend(account=cast.otp),
    "the company's suspension": lambda cast: tree.suspend(account=cast.nile),
    "a mode": lambda cast: tree.allocate(account=cast.otp),
    "another mode": lambda cast: tree.share(account=cast.marketing, by=None),
    "a new subaccount": lambda cast: make_subaccount(cast.nile, "fresh"),
    "a closed subaccount": lambda cast: tree.close(account=cast.otp, by=None),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_moves_has_another_tag(cast: Cast, change: Callable[[Cast], object]) -> None:
    tab = Tab(cast.finance)
    assert not tab.has_moved()
    change(cast)
    assert tab.has_moved()
    assert not tab.has_moved()


def test_two_changes_that_cancel_out_have_another_tag(cast: Cast) -> None:
    tab = Tab(cast.finance)
    hold(cast.marketing, "5", "h-1")
    assert tab.has_moved()
    before = tab.tag
    set_limit(cast.marketing, "10")
    set_limit(cast.retail, "20")
    assert tab.has_moved()
    set_limit(cast.marketing, "20")
    set_limit(cast.retail, "10")
    assert tab.has_moved()
    assert tab.tag != before


def test_a_cap_that_becomes_soft_has_another_tag(cast: Cast) -> None:
    caps.change(account=cast.marketing, cap=Decimal(100))
    tab = Tab(cast.finance)
    caps.change(account=cast.marketing, cap=Decimal(100), is_hard=False)
    assert tab.has_moved()


def test_a_hold_that_is_over_counts_no_longer_against_a_cap(cast: Cast) -> None:
    """Before it is swept: the notice goes, so the tag must."""
    caps.change(account=cast.marketing, cap=Decimal(100))
    hold(cast.marketing, "95", expires_in=timedelta(hours=1))
    tab = Tab(cast.admin)
    assert "95 % of its spending cap" in tab.client.get(tab.address).content.decode()
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2), tick=False):
        assert tab.has_moved()
        assert "spending cap" not in tab.client.get(tab.address).content.decode()


def test_a_new_day_has_another_tag(cast: Cast) -> None:
    tab = Tab(cast.admin)
    midnight = datetime.now(cast.nile.zone).replace(hour=0, minute=0, second=1, microsecond=0)
    with time_machine.travel(midnight + timedelta(days=1, minutes=1), tick=False):
        client = Client(headers=REFRESH | {"If-None-Match": tab.tag})
        client.force_login(cast.admin)
        assert client.get(tab.address).status_code == 200


def test_another_address_person_or_role_has_another_tag(cast: Cast) -> None:
    tags = {
        Tab(cast.admin).tag,
        Tab(cast.finance).tag,
        Tab(cast.operator).tag,
        Tab(cast.admin, sort="name").tag,
        Tab(cast.admin, days="30").tag,
    }
    assert len(tags) == 5
    tab = Tab(cast.member)
    Membership.objects.filter(user=cast.member).update(role=Role.SUBACCOUNT_ADMIN)
    assert tab.has_moved()


def test_another_company_moves_nothing_here(cast: Cast) -> None:
    tab = Tab(cast.admin)
    spend(cast.gulf_sales, "1")
    give(cast.gulf, "1")
    assert not tab.has_moved()


class TestWhoSeesAPart:
    def test_what_others_draw_from_the_pool_does_not_show_not_even_in_the_tag(
        self, cast: Cast
    ) -> None:
        tab = Tab(cast.otp_member)
        spend(cast.nile, "100")
        give(cast.nile, "1")
        set_limit(cast.nile, "5")
        spend(cast.marketing, "1")
        make_subaccount(cast.nile, "fresh")
        assert not tab.has_moved()

    def test_their_own_usage_of_it_does(self, cast: Cast) -> None:
        tab = Tab(cast.otp_member)
        spend(cast.otp, "1")
        assert tab.has_moved()

    def test_that_it_is_used_up_does(self, cast: Cast) -> None:
        tab = Tab(cast.otp_member)
        spend(cast.nile, "10000")
        assert tab.has_moved()
        assert "It cannot spend at the moment" in tab.client.get(tab.address).content.decode()

    def test_a_refresh_shows_no_more_than_the_page(self, cast: Cast) -> None:
        set_limit(cast.nile, "777")
        client = Client(headers=REFRESH)
        client.force_login(cast.otp_member)
        text = client.get(reverse("overview", args=["nile"])).content.decode()
        assert 'id="overview-hero"' in text
        for secret in ("10,000", "10,777", "777", "Marketing", "Runway", "Credit"):
            assert secret not in text

    def test_a_new_membership_does(self, cast: Cast) -> None:
        tab = Tab(cast.otp_member)
        Membership.objects.create(user=cast.otp_member, account=cast.retail, role=Role.MEMBER)
        assert tab.has_moved()


@pytest.mark.parametrize("tag", ["", "*", 'W/"nothing"', "garbage", '"' + "x" * 5000])
def test_an_odd_tag_breaks_nothing(cast: Cast, tag: str) -> None:
    client = Client(headers=REFRESH | {"If-None-Match": tag})
    client.force_login(cast.admin)
    expected = 304 if tag == "*" else 200
    assert client.get(reverse("overview", args=["nile"])).status_code == expected


def test_who_may_not_see_the_page_gets_no_answer(cast: Cast) -> None:
    address = reverse("overview", args=["nile"])
    client = Client(headers=REFRESH | {"If-None-Match": "*"})
    assert client.get(address).status_code == 302
    for user in (cast.stranger, cast.gulf_admin):
        client.force_login(user)
        assert client.get(address).status_code == 404


def test_an_unknown_value_is_404_here_too(cast: Cast) -> None:
    client = Client(headers=REFRESH | {"If-None-Match": 'W/"x"'})
    client.force_login(cast.admin)
    for query in ("?days=7", "?sort=credit", "?chart=pie", "?movements=usage"):
        assert client.get(reverse("overview", args=["nile"]) + query).status_code == 404


def test_the_page_itself_is_never_304(cast: Cast) -> None:
    tab = Tab(cast.admin)
    response = tab.client.get(tab.address, headers={"If-None-Match": tab.tag})
    assert response.status_code == 200


def test_closed_accounts_are_seen_by_their_members(cast: Cast) -> None:
    tab = Tab(cast.otp_member)
    tree.close(account=cast.otp, by=None)
    assert tab.has_moved()
    assert Account.objects.get(pk=cast.otp.pk).state == "closed"

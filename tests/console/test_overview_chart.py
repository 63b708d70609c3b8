"""The runway and the chart: on the overview and on an account's own page, and for whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, BalanceMode, Membership, Role, User
from billing import caps, transfers, tree
from billing.models import AccountChange
from tests.billing.accounts_pages import plain
from tests.console.overview import HX, get, line, spend, text_of
from tests.factories import (
    Cast,
    give,
    make_master,
    make_member,
    make_subaccount,
    set_limit,
)

pytestmark = pytest.mark.django_db


def account_page(user: User, code: str, *, headers: dict[str, str] | None = None, **query: str):
    client = Client(headers=headers)
    client.force_login(user)
    return client.get(reverse("subaccount-detail", args=["nile", code]), query)


def spent_daily(account: Account, amount: str, days: int = 28) -> None:
    """The same each day, until yesterday."""
    now = datetime.now(UTC)
    for ago in range(days, 0, -1):
        spend(account, amount, moment=now - timedelta(days=ago))


@pytest.fixture
def branch(cast: Cast) -> Account:
    """A subaccount that has spent 10 a day for four weeks and has 100 left."""
    branch = make_subaccount(cast.nile, "branch")
    spent_daily(branch, "10")
    give(branch, "380")
    return branch


NOT_COUNTED = "Transfers to subaccounts are not counted"


class TestRunway:
    def test_the_pools_says_that_transfers_are_not_counted(self, db) -> None:
        company = make_master("delta")
        shared = make_subaccount(company, "shared", mode=BalanceMode.SHARED)
        admin = make_member(company, Role.MASTER_ADMIN, "admin@delta.example")
        spent_daily(shared, "10")
        give(company, "500")
        client = Client()
        client.force_login(admin)
        pages = [
            reverse("overview", args=["delta"]),
            reverse("subaccount-detail", args=["delta", "delta"]),
        ]
        for page in pages:
            text = plain(client.get(page))
            assert "at the pace of the last four weeks" in text
            # It funds nobody: there is nothing to say.
            assert NOT_COUNTED not in text
        make_subaccount(company, "allocated")
        for page in pages:
            assert NOT_COUNTED in plain(client.get(page))

    def test_a_subaccounts_own_does_not(self, cast: Cast, branch: Account) -> None:
        assert NOT_COUNTED not in plain(account_page(cast.admin, "branch"))

    def test_of_the_pool_is_that_of_all_who_draw_on_it(self, db) -> None:
        company = make_master("delta")
        shared = make_subaccount(company, "shared", mode=BalanceMode.SHARED)
        admin = make_member(company, Role.MASTER_ADMIN, "admin@delta.example")
        now = datetime.now(UTC)
        for ago in range(28, 0, -1):
            spend(shared, "6", moment=now - timedelta(days=ago))
            spend(company, "4", moment=now - timedelta(days=ago))
        give(company, "380")
        text = plain(get(admin, "delta"))
        assert "Runway 9 days until" in text
        assert "at the pace of the last four weeks" in text

    def test_of_the_pool_follows_who_draws_on_it_now(self, db) -> None:
        """What an account spent of its own balance tells what it will draw once it is shared."""
        company = make_master("delta")
        branch = make_subaccount(company, "branch")
        admin = make_member(company, Role.MASTER_ADMIN, "admin@delta.example")
        now = datetime.now(UTC)
        for ago in range(28, 0, -1):
            spend(branch, "6", moment=now - timedelta(days=ago))
            spend(company, "4", moment=now - timedelta(days=ago))
        give(branch, "168")
        give(company, "212")
        client = Client()
        client.force_login(admin)
        page = reverse("subaccount-detail", args=["delta", "delta"])
        for figure, switch in (
            ("24 days", tree.share),
            ("9 days", tree.allocate),
            ("24 days", None),
        ):
            assert f"Runway {figure} until" in plain(get(admin, "delta"))
            assert f"Runway {figure} until" in plain(client.get(page))
            if switch is not None:
                switch(account=branch, by=admin)

    def test_of_an_account_stands_on_its_page_and_on_its_members_overview(
        self, cast: Cast, branch: Account
    ) -> None:
        assert "Runway 9 days until" in plain(account_page(cast.admin, "branch"))
        member = make_member(branch, Role.MEMBER, "member@branch.example")
        assert "Runway 9 days until" in plain(get(member))

    def test_nothing_is_said_where_nothing_is_left_or_it_is_suspended(
        self, cast: Cast, branch: Account
    ) -> None:
        tree.suspend(account=branch)
        assert "Runway" not in plain(account_page(cast.admin, "branch"))
        tree.restore(account=branch)
        spend(branch, "100")
        assert "Runway" not in plain(account_page(cast.admin, "branch"))

    def test_a_new_company_without_usage_has_no_end(self, cast: Cast) -> None:
        assert "Runway No usage yet." in plain(get(cast.admin))

    def test_a_shared_account_has_none(self, cast: Cast) -> None:
        spend(cast.otp, "1")
        assert "Runway" not in plain(get(cast.otp_member))
        assert "Runway" not in plain(account_page(cast.admin, "otp"))


class TestChange:
    def test_this_month_against_the_last(self, cast: Cast) -> None:
        spend(cast.marketing, "5")
        response = get(cast.admin)
        assert line(response, "marketing").change.short == "nothing before"
        assert "Nothing was spent in" in text_of(response)

    def test_the_table_sorts_by_it_and_by_mode(self, cast: Cast) -> None:
        spend(cast.marketing, "5")
        first = [each.account.code for each in get(cast.admin, sort="-change").context["page"]]
        assert first[0] == "marketing"
        modes = [each.account.code for each in get(cast.admin, sort="-mode").context["page"]]
        assert modes[0] == "otp"

    def test_rows_that_have_spent_have_a_sparkline(self, cast: Cast, branch: Account) -> None:
        response = get(cast.admin)
        assert line(response, "branch").spark.count("M") == 27
        assert line(response, "retail").spark == ""
        client = Client(headers=HX | {"HX-Target": "subaccount-table"})
        client.force_login(cast.admin)
        fragment = client.get(reverse("overview", args=["nile"]), {"q": "branch"})
        assert fragment.content.decode().count('class="spark"') == 1


class TestChart:
    @pytest.mark.parametrize(("days", "rows"), [("30", 30), ("90", 90), ("365", 365)])
    def test_periods_are_in_the_address(self, cast: Cast, days: str, rows: int) -> None:
        response = get(cast.admin, days=days)
        assert len(response.context["balance_chart"].days) == rows
        assert f'id="chart-{days}" href="?days={days}" aria-current="true"' in text_of(response)

    @pytest.mark.parametrize(
        "query",
        [{"days": "31"}, {"days": ""}, {"days": "٣٠"}, {"days": "\x00"}, {"chart": "pie"}],
    )
    def test_an_address_that_makes_no_sense_is_404(self, cast: Cast, query) -> None:
        assert get(cast.admin, **query).status_code == 404
        assert account_page(cast.admin, "marketing", **query).status_code == 404

    def test_its_table_has_the_same_figures(self, cast: Cast) -> None:
        spend(cast.nile, "68.3625")
        text = plain(get(cast.admin, chart="table", days="30"))
        assert "Now 9,931.6375" in text
        assert 'class="chart"' not in text_of(get(cast.admin, chart="table"))

    def test_it_has_its_facts_in_words(self, cast: Cast) -> None:
        text = text_of(get(cast.admin))
        assert 'role="img" aria-label="Credit at the end of each day from' in text
        assert "in EGP: now 10,000.00;" in text
        assert "1 top-up, of 10,000.00." in text

    def test_htmx_gets_the_chart_alone(self, cast: Cast) -> None:
        headers = HX | {"HX-Target": "chart"}
        client = Client(headers=headers)
        client.force_login(cast.admin)
        text = client.get(reverse("overview", args=["nile"]), {"days": "30"}).content.decode()
        assert '<section class="card" id="chart"' in text
        assert "subaccount-table" not in text
        text = account_page(cast.admin, "marketing", headers=headers).content.decode()
        assert text.lstrip().startswith('<section class="card" id="chart"')

    def test_the_chart_asked_for_where_there_is_none_is_empty(self, cast: Cast) -> None:
        Membership.objects.create(user=cast.member, account=cast.otp, role=Role.MEMBER)
        client = Client(headers=HX | {"HX-Target": "chart"})
        client.force_login(cast.member)
        assert client.get(reverse("overview", args=["nile"])).status_code == 404

    def test_of_a_shared_account_it_is_its_own_spending(self, cast: Cast) -> None:
        set_limit(cast.nile, "7777777")
        spend(cast.otp, "12.5")
        for response in (get(cast.otp_member), account_page(cast.otp_member, "otp")):
            text = text_of(response)
            assert "Spent by day from" in text
            assert "together 12.50" in text
            for secret in ("9,987", "10,000", "7,777,777", "7777777", "Credit at the end"):
                assert secret not in text

    def test_a_past_of_its_own_is_not_drawn_for_a_shared_account(self, cast: Cast) -> None:
        """Its credit moved to the pool; what it spent before is its own still."""
        spend(cast.retail, "5")
        tree.share(account=cast.retail, by=None)
        spend(cast.retail, "6")
        response = account_page(cast.admin, "retail")
        assert response.context["spending_chart"].total == Decimal(11)
        assert AccountChange.objects.filter(account=cast.retail).exists()


def test_the_number_of_queries_is_that_of_three_subaccounts_for_sixty(cast: Cast) -> None:
    def count() -> int:
        client = Client()
        client.force_login(cast.admin)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("overview", args=["nile"])).status_code == 200
        return len(queries)

    def transfer() -> None:
        transfers.make(
            source=cast.nile,
            destination=cast.retail,
            amount=Decimal(1),
            key=uuid4(),
            by=cast.admin,
        )

    caps.change(account=cast.otp, cap=Decimal(1))
    transfer()
    before = count()
    for number in range(57):
        mode = BalanceMode.SHARED if number % 2 else BalanceMode.ALLOCATED
        each = make_subaccount(cast.nile, f"branch-{number}", mode=mode)
        give(each, "10")
        spend(each, "1")
        caps.change(account=each, cap=Decimal(1))
    transfer()
    assert before == count() <= 15

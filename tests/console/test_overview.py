"""The overview: whose figures it shows, how it adds them up, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, BalanceMode, Membership, Role, State, User
from billing import transfers, tree
from console.money import MINUS
from tests.console.overview import codes, get, line, spend, text_of, titles
from tests.factories import Cast, give, make_subaccount, set_limit

pytestmark = pytest.mark.django_db


class TestAccess:
    def test_anonymous_person_is_sent_to_sign_in(self, client: Client, cast: Cast) -> None:
        response = client.get(reverse("overview", args=["nile"]))
        assert response.status_code == 302
        assert response.url.startswith(reverse("account_login"))

    def test_stranger_gets_404(self, cast: Cast) -> None:
        assert get(cast.stranger).status_code == 404

    def test_admin_of_another_company_gets_404(self, cast: Cast) -> None:
        assert get(cast.gulf_admin).status_code == 404

    def test_unknown_company_is_404(self, cast: Cast) -> None:
        assert get(cast.operator, "nowhere").status_code == 404

    def test_subaccounts_code_is_no_company(self, cast: Cast) -> None:
        assert get(cast.admin, "marketing").status_code == 404

    def test_post_is_not_allowed(self, client: Client, cast: Cast) -> None:
        client.force_login(cast.admin)
        assert client.post(reverse("overview", args=["nile"])).status_code == 405

    def test_only_who_can_transfer_is_offered_it(self, cast: Cast) -> None:
        new = reverse("transfer-new", args=["nile"])
        assert new in text_of(get(cast.admin))
        for user in (cast.finance, cast.operator, cast.member, cast.otp_member):
            assert new not in text_of(get(user))


class TestFormula:
    def test_the_figures_of_the_formula_are_shown(self, cast: Cast) -> None:
        set_limit(cast.nile, "500")
        text = text_of(get(cast.admin))
        assert '<span class="int">10,500</span><span class="dec">.00</span>' in text
        assert "Credit 10,000.00 and credit limit 500.00: 10,500.00 available" in text

    def test_a_hold_is_shown_only_while_there_is_one(self, cast: Cast) -> None:
        assert "On hold" not in text_of(get(cast.admin))
        cast_balance = "UPDATE billing_balance SET on_hold = 90 WHERE account_id = %s"
        with connection.cursor() as cursor:
            cursor.execute(cast_balance, [cast.nile.pk])
        text = text_of(get(cast.admin))
        assert "On hold" in text
        assert "of which 90.00 is on hold: 9,910.00 available" in text

    def test_what_is_shown_is_rounded_down_and_adds_up(self, cast: Cast) -> None:
        spend(cast.nile, "0.0075")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE billing_balance SET on_hold = 0.005 WHERE account_id = %s", [cast.nile.pk]
            )
        # 9,999.9925 on account, 0.005 of it on hold: 9,999.9875 available.
        text = text_of(get(cast.admin))
        assert '<span class="int">9,999</span><span class="dec">.98</span>' in text
        assert "Credit 9,999.99, of which 0.01 is on hold: 9,999.98 available" in text

    def test_three_decimals_where_the_currency_has_three(self, cast: Cast) -> None:
        assert '<span class="dec">.000</span>' in text_of(get(cast.gulf_admin, "gulf"))

    def test_debt_past_the_limit_has_a_minus_sign(self, cast: Cast) -> None:
        spend(cast.nile, "10050")
        text = text_of(get(cast.admin))
        assert f'<span class="int">{MINUS}50</span>' in text
        assert "Messages are refused until it receives more than the EGP 50.00" in text

    def test_a_limit_of_zero_is_not_shown(self, cast: Cast) -> None:
        assert "Credit limit" not in text_of(get(cast.admin))
        set_limit(cast.nile, "500")
        assert "Credit limit" in text_of(get(cast.admin))

    def test_a_rows_formula_adds_up_and_leaves_out_a_limit_of_zero(self, cast: Cast) -> None:
        spend(cast.marketing, "0.0075")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE billing_balance SET on_hold = 0.005 WHERE account_id = %s",
                [cast.marketing.pk],
            )
        assert f"499.99 {MINUS} 0.01 on hold" in text_of(get(cast.admin))


class TestAvailableInSubaccounts:
    def test_is_the_sum_of_the_figures_shown(self, cast: Cast) -> None:
        spend(cast.marketing, "0.0075")  # 499.9925
        spend(cast.retail, "0.0075")  # 20.4925
        text = text_of(get(cast.admin))
        assert "Available in subaccounts" in text
        assert "</span> 520.48</span>" in text  # 499.99 and 20.49

    def test_includes_the_credit_limits(self, cast: Cast) -> None:
        set_limit(cast.retail, "100")
        assert "</span> 620.50</span>" in text_of(get(cast.admin))

    def test_what_is_past_a_limit_lowers_it_and_that_is_said(self, cast: Cast) -> None:
        spend(cast.retail, "30.50")
        text = text_of(get(cast.admin))
        assert "</span> 490.00</span>" in text
        assert "1 past its limit lowers the sum" in text


class TestWhoSeesWhat:
    def test_finance_and_operator_see_the_tree(self, cast: Cast) -> None:
        for user in (cast.finance, cast.operator):
            assert set(codes(get(user))) == {"marketing", "retail", "otp"}

    def test_member_of_an_allocated_subaccount_sees_its_own_balance_only(self, cast: Cast) -> None:
        text = text_of(get(cast.member))
        assert '<span class="int">500</span>' in text
        assert "10,000" not in text
        assert "Retail branches" not in text

    def test_member_of_a_shared_subaccount_never_sees_the_pool(self, cast: Cast) -> None:
        set_limit(cast.nile, "7654")
        give(cast.nile, "1234")
        spend(cast.otp, "30")
        text = text_of(get(cast.otp_member))
        assert '<span class="int">30</span>' in text
        assert "It can spend" in text
        secrets = ["10,000", "11,2", "7,654", "1,234", "Credit limit", "formula"]
        for secret in secrets:
            assert secret not in text

    def test_member_of_a_shared_subaccount_learns_that_it_cannot_spend(self, cast: Cast) -> None:
        spend(cast.nile, "10050")
        text = text_of(get(cast.otp_member))
        assert "It cannot spend at the moment" in text
        assert "50.00" not in text

    def test_the_shared_balance_running_low_is_not_told_to_members(self, cast: Cast) -> None:
        spend(cast.nile, "9990")
        assert get(cast.admin).context["tree"].master.state == "low"
        response = get(cast.otp_member)
        assert response.context["alone"].state == "active"
        assert titles(response) == []

    def test_member_of_two_sees_a_table_of_both(self, cast: Cast) -> None:
        Membership.objects.create(user=cast.member, account=cast.otp, role=Role.MEMBER)
        response = get(cast.member)
        assert set(codes(response)) == {"marketing", "otp"}
        assert response.context["tree"].master is None
        assert "10,000" not in text_of(response)

    def test_the_other_side_of_a_transfer_is_named_to_who_may_see_it(self, cast: Cast) -> None:
        give(cast.retail, "100")
        for source in (cast.retail, cast.nile):
            transfers.make(
                source=source,
                destination=cast.marketing,
                amount=Decimal(3),
                key=uuid4(),
                by=cast.admin,
            )
        text = text_of(get(cast.member))
        assert "Transfer from Nile Retail Group" in text
        assert "Transfer in" in text
        assert "Retail branches" not in text

    def test_only_who_sees_the_tree_reads_of_a_master_account(self, cast: Cast) -> None:
        assert "Master account · EGP" in text_of(get(cast.finance))
        text = text_of(get(cast.member))
        assert "Master account" not in text
        assert "Member · EGP" in text


class TestState:
    def test_who_cannot_transfer_is_told_whom_to_ask(self, cast: Cast) -> None:
        ask = "Ask an admin of Nile Retail Group to transfer credit."
        spend(cast.marketing, "499")
        assert ask in text_of(get(cast.member))
        spend(cast.marketing, "1")
        assert ask in text_of(get(cast.marketing_admin))
        assert ask not in text_of(get(cast.admin))
        assert ask not in text_of(get(cast.operator))

    def test_nothing_left_is_restricted_and_offers_a_transfer(self, cast: Cast) -> None:
        spend(cast.retail, "20.50")
        response = get(cast.admin)
        assert line(response, "retail").state == "restricted"
        assert titles(response) == ["Retail branches has nothing to spend."]
        assert f"?to={cast.retail.pk}" in text_of(response)

    def test_low_when_three_days_like_the_last_seven_would_be_too_much(self, cast: Cast) -> None:
        # 350 in seven days is 50 a day; 150 would do for three days, 149 would not.
        spend(cast.marketing, "350")
        assert line(get(cast.admin), "marketing").state == "active"
        spend(cast.marketing, "0.01")
        response = get(cast.admin)
        assert line(response, "marketing").state == "low"
        assert "It can spend EGP 149.99 more before its messages stop." in text_of(response)

    def test_low_when_nine_tenths_of_the_limit_are_used(self, cast: Cast) -> None:
        set_limit(cast.retail, "1000")
        old = datetime(2020, 1, 1, tzinfo=UTC)
        branch = make_subaccount(cast.nile, "branch")
        set_limit(branch, "1000")
        spend(branch, "901", moment=old)
        assert line(get(cast.admin), "branch").state == "low"

    def test_suspended_is_said(self, cast: Cast) -> None:
        tree.suspend(account=cast.marketing)
        response = get(cast.admin)
        assert line(response, "marketing").state == "suspended"
        assert titles(response) == ["Marketing is suspended."]

    def test_a_suspended_company_suspends_its_tree_and_is_said_once(self, cast: Cast) -> None:
        tree.suspend(account=cast.nile)
        response = get(cast.admin)
        assert {each.state for each in response.context["page"]} == {"suspended"}
        assert titles(response) == ["Nile Retail Group is suspended."]

    def test_many_in_the_same_trouble_are_counted_not_listed(self, cast: Cast) -> None:
        for number in range(3):
            make_subaccount(cast.nile, f"empty-{number}")
        response = get(cast.admin)
        assert titles(response) == ["3 subaccounts have nothing to spend."]
        assert "?show=attention" in text_of(response)
        assert set(codes(get(cast.admin, show="attention"))) == {"empty-0", "empty-1", "empty-2"}

    def test_a_closed_subaccount_is_listed_while_it_has_spent_this_month(self, cast: Cast) -> None:
        spend(cast.otp, "1")
        Account.objects.filter(code__in=["otp", "retail"]).update(state=State.CLOSED)
        assert set(codes(get(cast.admin))) == {"marketing", "otp"}


def count_queries(user: User) -> int:
    client = Client()
    client.force_login(user)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(reverse("overview", args=["nile"])).status_code == 200
    return len(queries)


def test_the_number_of_queries_does_not_grow_with_the_company(cast: Cast) -> None:
    transfers.make(
        source=cast.nile, destination=cast.retail, amount=Decimal(1), key=uuid4(), by=cast.admin
    )
    before = count_queries(cast.admin)
    for number in range(40):
        mode = BalanceMode.SHARED if number % 2 else BalanceMode.ALLOCATED
        branch = make_subaccount(cast.nile, f"branch-{number}", mode=mode)
        give(branch, "10")
        spend(branch, "1")
    assert count_queries(cast.admin) <= before <= 15


def test_times_bear_the_name_of_the_city(cast: Cast) -> None:
    assert "Cairo time" in text_of(get(cast.admin))
    assert "Kuwait time" in text_of(get(cast.gulf_admin, "gulf"))


def test_on_paper_the_company_is_named_with_the_moment(cast: Cast) -> None:
    with time_machine.travel(datetime(2026, 11, 22, 12, 6, tzinfo=UTC), tick=False):
        text = text_of(get(cast.admin))
    assert "Nile Retail Group · as of 22 Nov 2026, 14:06, Cairo time" in text

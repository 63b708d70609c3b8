"""The overview: what was spent this month."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from django.utils.html import escape

from accounts.models import Role
from billing import transfers
from console.money import MINUS
from console.overview_figures import whole_shares
from tests.console.overview import get, line, reverse_usage, spend, text_of
from tests.factories import Cast, give, make_master, make_member, make_subaccount

pytestmark = pytest.mark.django_db


class TestSpentThisMonth:
    def test_rows_and_total_are_exact_and_add_up(self, cast: Cast) -> None:
        spend(cast.marketing, "0.0075")
        spend(cast.retail, "1.0050")
        text = text_of(get(cast.admin))
        assert "</span> 1.0125</a>" in text
        for figure in (">0.0075</a>", '>1.005<span class="num-fill" aria-hidden="true">0</span>'):
            assert figure in text

    def test_a_member_reads_the_exact_figure(self, cast: Cast) -> None:
        spend(cast.marketing, "0.0075")
        spend(cast.otp, "30.0075")
        assert "</span> 0.0075</a>" in text_of(get(cast.member))
        assert '<span class="dec">.0075</span>' in text_of(get(cast.otp_member))

    def test_the_shares_add_up_to_a_hundred(self, cast: Cast) -> None:
        for account in (cast.marketing, cast.retail, cast.otp):
            spend(account, "1")
        response = get(cast.admin)
        assert sorted(each.share for each in response.context["page"]) == [33, 33, 34]

    def test_what_the_master_account_spent_itself_is_said_with_its_share(self, cast: Cast) -> None:
        assert "of it" not in text_of(get(cast.admin))
        spend(cast.marketing, "2")
        spend(cast.nile, "1")
        response = get(cast.admin)
        assert line(response, "marketing").share == 67
        assert "1.00 of it (33 %) by Nile Retail Group itself" in text_of(response)

    def test_who_got_more_back_than_they_spent_has_no_share(self) -> None:
        assert whole_shares([Decimal(-5), Decimal(1), Decimal(2)]) == [0, 33, 67]
        assert whole_shares([Decimal(0), Decimal(-1)]) == [0, 0]
        assert whole_shares([]) == []

    def test_the_figures_lead_to_their_transactions(self, cast: Cast) -> None:
        spend(cast.marketing, "5")
        reverse_usage(cast.marketing, "1")
        spend(cast.otp, "9")
        with time_machine.travel(datetime(2026, 2, 10, 12, tzinfo=UTC), tick=False):
            response = get(cast.admin)
        assert response.context["spending"] == (
            "/accounts/nile/transactions/"
            "?date_from=2026-02-01&date_to=2026-02-28&kind=usage&kind=reversal"
        )
        response = get(cast.admin)
        href = f"{response.context['spending']}&account={cast.marketing.pk}"
        assert f'href="{escape(href)}"' in text_of(response)
        client = Client()
        client.force_login(cast.admin)
        listed = text_of(client.get(href))
        assert f"{MINUS}5.00" in listed
        assert "+1.00" in listed
        assert f"{MINUS}9.00" not in listed

    def test_usage_less_its_reversals(self, cast: Cast) -> None:
        spend(cast.marketing, "100")
        spend(cast.marketing, "20")
        reverse_usage(cast.marketing, "20")
        response = get(cast.admin)
        assert line(response, "marketing").spent == 100
        assert response.context["tree"].spent == 100

    def test_transfers_and_payments_are_not_spent(self, cast: Cast) -> None:
        give(cast.retail, "5")
        transfers.make(
            source=cast.nile,
            destination=cast.retail,
            amount=Decimal(7),
            key=uuid4(),
            by=cast.admin,
        )
        assert line(get(cast.admin), "retail").spent == 0

    def test_a_shared_subaccount_spends_what_is_attributed_to_it(self, cast: Cast) -> None:
        spend(cast.otp, "30")
        response = get(cast.admin)
        assert line(response, "otp").spent == 30
        assert response.context["tree"].master.spent == 0

    def test_the_month_begins_at_midnight_of_the_company(self, db) -> None:
        # In Cairo, two hours ahead of UTC, November begins at 22:00 UTC on 31 October.
        company = make_master("delta")
        branch = make_subaccount(company, "branch")
        finance = make_member(company, Role.FINANCE, "finance@delta.example")
        spend(branch, "1", moment=datetime(2025, 10, 31, 21, 59, tzinfo=UTC))
        spend(branch, "2", moment=datetime(2025, 10, 31, 22, 1, tzinfo=UTC))
        with time_machine.travel(datetime(2025, 10, 31, 22, 30, tzinfo=UTC), tick=False):
            response = get(finance, "delta")
        assert line(response, "branch").spent == 2
        assert "Spent in November" in text_of(response)

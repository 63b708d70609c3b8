"""The page of transactions: what it shows, to whom, and what it refuses."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, Role, User
from billing import transfers
from billing.charges import Charge, charge, charge_many
from billing.ledger import Leg, Posting, post, transact
from billing.models import Kind, Origin, Transfer
from reports.tables import Figures
from tests.factories import Cast, give, make_master, make_member, make_user
from tests.reports.transactions import (
    address,
    cells,
    finance_with_history,
    get,
    references,
    shown,
    spend,
    text_of,
)

pytestmark = pytest.mark.django_db

HX = {"HX-Request": "true", "HX-Target": "transaction-table"}


class TestAccess:
    def test_anonymous_person_is_sent_to_sign_in(self, client: Client, cast: Cast) -> None:
        response = client.get(address())
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
        client.force_login(cast.finance)
        assert client.post(address()).status_code == 405

    @pytest.mark.parametrize("who", ["finance", "admin", "operator"])
    def test_whole_tree_is_seen_by(self, cast: Cast, who: str) -> None:
        charge(account=cast.otp, amount=Decimal(3), reference="otp-1")
        seen = {entry.account_id for entry in shown(get(getattr(cast, who)))}
        assert seen == {cast.nile.pk, cast.marketing.pk, cast.retail.pk, cast.otp.pk}

    @pytest.mark.parametrize("who", ["member", "marketing_admin"])
    def test_member_sees_only_their_own_accounts(self, cast: Cast, who: str) -> None:
        charge(account=cast.otp, amount=Decimal(3), reference="otp-1")
        response = get(getattr(cast, who))
        assert {entry.account_id for entry in shown(response)} == {cast.marketing.pk}
        assert cells(response, "balance_after") == ["500.00"]
        assert "Retail branches" not in text_of(response)

    def test_member_of_two_subaccounts_sees_both(self, cast: Cast) -> None:
        person = make_member(cast.retail, Role.MEMBER, "both@nile.example")
        person.memberships.create(account=cast.marketing, role=Role.MEMBER)
        accounts = {entry.account_id for entry in shown(get(person))}
        assert accounts == {cast.marketing.pk, cast.retail.pk}

    def test_member_of_a_shared_subaccount_never_sees_the_pools_balance(self, cast: Cast) -> None:
        charge(account=cast.otp, amount=Decimal("3.25"), reference="otp-1")
        response = get(cast.otp_member)
        assert references(response) == ["otp-1"]
        # No column of dashes: what is not shown is said once.
        assert "balance_after" not in response.context["table"].columns.names()
        assert text_of(response).count("These draw on the shared balance") == 1
        assert ">Balance after, EGP<" not in text_of(response)
        assert "9,996.75" not in text_of(response)
        assert "10,000" not in text_of(response)

    def test_pools_balance_stays_hidden_in_entries_of_before_a_mode_switch(
        self, cast: Cast
    ) -> None:
        charge(account=cast.otp, amount=Decimal("3.25"), reference="otp-1")
        # What the switch of modes will do to the rows; the verb comes later.
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE accounts_account SET balance_mode = 'allocated' WHERE id = %s",
                [cast.otp.pk],
            )
        give(cast.otp, "40", "own")
        response = get(cast.otp_member)
        assert references(response) == ["own", "otp-1"]
        assert cells(response, "balance_after") == [
            "40.00",
            "—  Not shown: this balance is not one of yours.",
        ]
        assert "9,996.75" not in text_of(response)

    def test_finance_sees_whose_balance_a_shared_subaccount_draws_on(self, cast: Cast) -> None:
        charge(account=cast.otp, amount=Decimal("3.25"), reference="otp-1")
        response = get(cast.finance, account=cast.otp.pk)
        assert cells(response, "account") == ["OTP and security balance of Nile Retail Group"]
        assert cells(response, "balance_after") == ["9,996.75"]


class TestColumns:
    def test_amounts_have_their_sign_and_all_decimals(self, cast: Cast) -> None:
        spend(cast.marketing, "0.0075", "tiny")
        response = get(cast.member)
        assert cells(response, "amount") == ["\N{MINUS SIGN}0.0075", "+500.00 00"]
        assert cells(response, "balance_after") == ["499.9925", "500.00 00"]
        assert '<span class="num-fill" aria-hidden="true">00</span>' in text_of(response)

    def test_currency_with_three_decimals(self, cast: Cast) -> None:
        assert cells(get(cast.gulf_admin, "gulf"), "amount") == ["+300.000"]

    def test_points_stand_in_line_in_a_currency_without_decimals(self) -> None:
        figures = Figures([Decimal(5), Decimal("-0.25")], 0)
        assert figures.cell(Decimal("-0.25")) == '<span class="debt">\N{MINUS SIGN}0.25</span>'
        assert figures.cell(Decimal(5)) == (
            '5<span class="num-fill" aria-hidden="true">.00</span>'
        )

    def test_times_are_the_companys_and_the_zone_is_named(self) -> None:
        finance = finance_with_history(datetime(2026, 1, 31, 22, 30, tzinfo=UTC))
        response = get(finance, "delta")
        assert cells(response, "posted_at") == ["1 Feb 2026, 00:30"]
        content = text_of(response)
        assert "in Cairo time." in content
        assert "Africa/Cairo" not in content

    def test_currency_is_named_in_the_headings(self, cast: Cast) -> None:
        headings = [str(column.header) for column in get(cast.finance).context["table"].columns]
        assert headings[-2:] == ["Amount, EGP", "Balance after, EGP"]

    def test_claimed_moment_is_shown_when_it_is_another(self, cast: Cast) -> None:
        now = timezone.now()
        spend(cast.marketing, "1", "late", at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
        spend(cast.marketing, "1", "same", at=now)
        same, late, _payment = cells(get(cast.member), "posted_at")
        assert "happened" not in same
        assert late.endswith("happened 2 Jan 2026, 05:04")

    def test_of_the_same_day_only_the_time_it_happened_is_shown(self) -> None:
        finance = finance_with_history()
        # In Cairo both are of the first; in UTC the claimed moment is a day earlier.
        spend(
            Account.objects.get(code="delta"),
            "1",
            "late",
            moment=datetime(2026, 3, 1, 5, 0, tzinfo=UTC),
            at=datetime(2026, 2, 28, 22, 5, tzinfo=UTC),
        )
        assert cells(get(finance, "delta"), "posted_at") == ["1 Mar 2026, 07:00  happened 00:05"]

    def test_operators_address_is_not_for_customers(self, cast: Cast) -> None:
        posting = Posting(Kind.ADJUSTMENT, "adj", (Leg(cast.nile.pk, Decimal(1)),))
        transact(
            lambda: post(
                master=cast.nile.pk,
                postings=[posting],
                origin=Origin.CONSOLE,
                by=cast.operator.pk,
            )
        )
        [mine] = cells(get(cast.finance, kind="adjustment"), "description")
        assert mine.startswith("Adjustment")
        assert mine.endswith("by an operator")
        [theirs] = cells(get(cast.operator, kind="adjustment"), "description")
        assert theirs.endswith("by operator@platform.example")

    def test_number_of_queries_does_not_grow_with_the_rows(self, cast: Cast) -> None:
        def queries_of(person: User) -> int:
            client = Client()
            client.force_login(person)
            with CaptureQueriesContext(connection) as caught:
                client.get(address())
            return len(caught)

        def transfer(times: int) -> None:
            for _time in range(times):
                person = make_user(f"{uuid4()}@nile.example")
                transfers.make(
                    source=cast.nile,
                    destination=cast.marketing,
                    amount=Decimal(1),
                    key=uuid4(),
                    by=person,
                )

        transfer(2)
        few = [queries_of(person) for person in (cast.finance, cast.member)]
        transfer(60)
        assert [queries_of(person) for person in (cast.finance, cast.member)] == few
        assert max(few) <= 20


class TestTransfers:
    @pytest.fixture
    def transfer(self, cast: Cast) -> Transfer:
        return transfers.make(
            source=cast.nile,
            destination=cast.marketing,
            amount=Decimal(5),
            key=uuid4(),
            by=cast.admin,
            note="<b>Ramadan</b>",
        )

    def test_other_side_is_named_and_the_note_stands_beneath(
        self, cast: Cast, transfer: Transfer
    ) -> None:
        response = get(cast.finance, kind="transfer")
        about = "&lt;b&gt;Ramadan&lt;/b&gt; · by admin@nile.example"
        assert sorted(" ".join(cell.split()) for cell in cells(response, "description")) == [
            f"Transfer from Nile Retail Group {about}",
            f"Transfer to Marketing {about}",
        ]
        assert transfer.reference not in text_of(response)

    def test_row_leads_to_the_entrys_page_and_that_to_the_transfers(
        self, cast: Cast, transfer: Transfer
    ) -> None:
        for person in (cast.finance, cast.member):
            content = text_of(get(person, kind="transfer"))
            # The page as a whole, not as rows of this table.
            [link, *_more] = re.findall(r'href="([^"]*/transactions/[^"?]+/)" hx-boost', content)
            client = Client()
            client.force_login(person)
            assert f'href="{transfer.get_absolute_url()}"' in client.get(link).content.decode()

    def test_company_is_known_to_a_member_but_not_another_subaccount(
        self, cast: Cast, transfer: Transfer
    ) -> None:
        transfers.make(
            source=cast.retail,
            destination=cast.marketing,
            amount=Decimal(1),
            key=uuid4(),
            by=cast.admin,
        )
        response = get(cast.member, kind="transfer")
        hidden, known = cells(response, "description")
        assert hidden.startswith("Transfer in ")
        assert known.startswith("Transfer from Nile Retail Group")
        assert cast.retail.name not in text_of(response)

    def test_transfer_without_a_note_has_no_empty_line(self, cast: Cast) -> None:
        legs = (Leg(cast.nile.pk, Decimal(-1)), Leg(cast.retail.pk, Decimal(1)))
        transfers.make(
            source=cast.nile,
            destination=cast.retail,
            amount=Decimal(2),
            key=uuid4(),
            by=None,
        )
        content = text_of(get(cast.finance, kind="transfer"))
        assert "<small></small>" not in content
        # One that no form has made keeps its reference.
        posting = Posting(Kind.TRANSFER, "by-hand", legs)
        transact(lambda: post(master=cast.nile.pk, postings=[posting], origin=Origin.CONSOLE))
        by_hand = get(cast.finance, kind="transfer").context["table"].rows[0]
        assert str(by_hand.get_cell("description")).endswith(
            '</a><small><span class="reference">by-hand</span></small>'
        )


class TestPages:
    def spend_many(self, cast: Cast, count: int) -> None:
        charge_many(
            master=cast.nile.pk,
            charges=[
                Charge(cast.retail.pk, Decimal("0.01"), f"m-{number}") for number in range(count)
            ],
        )

    def follow(self, person: User, response, label: str):
        """Click on the pager's link."""
        pattern = rf'<a[^>]*href="([^"]*)"[^>]*>(?:(?!</a>).)*?{label}'
        [href] = re.findall(pattern, text_of(response), re.DOTALL)
        client = Client()
        client.force_login(person)
        return client.get(address() + href.replace("&amp;", "&"))

    def test_pager_goes_both_ways_and_keeps_the_filters(self, cast: Cast) -> None:
        self.spend_many(cast, 120)
        give(cast.retail, "1", "not-usage")
        first = get(cast.finance, kind="usage", account=cast.retail.pk)
        second = self.follow(cast.finance, first, "Older")
        third = self.follow(cast.finance, second, "Older")
        walked = references(first) + references(second) + references(third)
        assert walked == [f"m-{number}" for number in reversed(range(120))]
        back = self.follow(cast.finance, third, "Newer")
        assert references(back) == references(second)
        assert references(self.follow(cast.finance, back, "Newer")) == references(first)

    def test_one_page_has_no_pager(self, cast: Cast) -> None:
        content = text_of(get(cast.finance))
        assert "cursor=" not in content

    def test_new_filter_begins_at_the_newest_page(self, cast: Cast) -> None:
        self.spend_many(cast, 60)
        response = self.follow(cast.finance, get(cast.finance), "Older")
        form = re.search(r"<form.*?</form>", text_of(response), re.DOTALL)
        assert form
        assert "cursor" not in form.group()

    def test_page_beyond_the_last_offers_the_newest(self, cast: Cast) -> None:
        self.spend_many(cast, 60)
        older = get(cast.finance).context["page"].next
        response = get(cast.finance, cursor=older, kind="adjustment")
        assert shown(response) == []
        assert "First page" in text_of(response)


class TestFragments:
    def test_htmx_gets_the_table_and_the_form_out_of_band(self, cast: Cast) -> None:
        content = text_of(get(cast.finance, headers=HX))
        assert "<html" not in content
        assert content.lstrip().startswith('<section class="card flush" id="transaction-table"')
        assert content.count('hx-swap-oob="true"') == 1

    def test_htmx_gets_errors_beside_the_fields_too(self, cast: Cast) -> None:
        content = text_of(get(cast.finance, headers=HX, date_from="nonsense"))
        assert 'id="id_date_from_error"' in content

    def test_browser_gets_the_page_with_the_same_fragment(self, cast: Cast) -> None:
        content = text_of(get(cast.finance))
        assert "<html" in content
        assert 'id="transaction-table"' in content
        assert "hx-swap-oob" not in content

    def test_history_restore_gets_the_whole_page(self, cast: Cast) -> None:
        headers = HX | {"HX-History-Restore-Request": "true"}
        assert "<html" in text_of(get(cast.finance, headers=headers))


class TestFocusAndPaper:
    def test_links_of_the_filter_keep_the_focus_by_their_ids(self, cast: Cast) -> None:
        content = text_of(get(cast.finance, headers=HX, kind="usage"))
        links = re.findall(r"<a[^>]*>", content[content.index('id="transaction-filter"') :])
        assert len(links) == 8
        assert all(" id=" in link for link in links)
        # What is gone hands it on to the rows.
        assert '<section class="card flush" id="transaction-table" tabindex="-1"' in content

    def test_who_sees_one_account_chooses_none(self, cast: Cast) -> None:
        assert "All accounts" not in text_of(get(cast.member))
        assert "All accounts" in text_of(get(cast.finance))
        # A link with an account that is not theirs is refused where one can see it.
        content = text_of(get(cast.member, account=cast.nile.pk))
        assert 'id="id_account_error"' in content

    def test_paper_says_what_is_filtered(self, cast: Cast) -> None:
        def words(**query: object) -> str:
            found = re.search(
                r'<section.*?<p class="print-only">(.*?)</p>',
                text_of(get(cast.finance, **query)),
                re.DOTALL,
            )
            return found.group(1) if found else ""

        assert words().startswith(
            "Nile Retail Group · all days · all accounts · all kinds · as of"
        )
        assert "· 1 Feb 2026 to 28 Feb 2026 · Marketing · Payment, Usage ·" in words(
            date_from="2026-02-01",
            date_to="2026-02-28",
            account=cast.marketing.pk,
            kind=["payment", "usage"],
        )
        assert "· from 1 Feb 2026 ·" in words(date_from="2026-02-01")
        assert "· until 1 Feb 2026 ·" in words(date_to="2026-02-01")
        assert words(date_to="nonsense") == ""


class TestEmpty:
    def test_company_without_entries_says_what_will_be_here(self) -> None:
        make_member(make_master("new"), Role.FINANCE, "finance@new.example")
        response = get(User.objects.get(email="finance@new.example"), "new")
        assert "No transactions yet" in text_of(response)

    def test_filter_without_entries_offers_to_clear_it(self, cast: Cast) -> None:
        content = text_of(get(cast.finance, kind="chargeback"))
        assert "No transactions match" in content
        assert f'href="{address()}"' in content

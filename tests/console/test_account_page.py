"""One account's page: what stands on it, and what of it each person may see."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import BalanceMode
from billing import caps, holds, limits, tree
from console import account_page
from tests.billing.accounts_pages import address, charge, hold, plain, signed_in
from tests.console.overview import reverse_usage, spend
from tests.factories import give, make_subaccount, set_limit

pytestmark = pytest.mark.django_db


def page(user, account, company: str = "nile"):
    response = signed_in(user).get(address("detail", account, company=company))
    assert response.status_code == 200
    return response


def links(response) -> set[str]:
    """Where the page's own links lead."""
    main = response.content.decode().split("<main", 1)[1].replace("&amp;", "&")
    return set(re.findall(r'<a [^>]*href="([^"]*)"', main))


def test_it_leads_to_its_transactions_and_statements_and_they_lead_back(cast):
    for user, account in ((cast.admin, cast.retail), (cast.otp_member, cast.otp)):
        found = links(page(user, account))
        listed = reverse("statement-list", args=["nile"]) + f"?account={account.code}"
        assert {
            listed,
            reverse("transaction-list", args=["nile"]) + f"?account={account.pk}",
        } <= found
        assert address("detail", account) in links(signed_in(user).get(listed))


# --- the balance ------------------------------------------------------------------------------


def test_the_formula_of_its_own_balance_in_figures(cast):
    set_limit(cast.retail, "100")
    hold(cast.retail, "5.50")
    response = page(cast.admin, cast.retail)
    text = plain(response)
    for part in ("20.50", "100.00", "5.50", "115.00", "Credit limit", "On hold", "You can spend"):
        assert part in text
    for part in ("Subaccount of Nile Retail Group", "retail", "Allocated", "Active", "Cairo time"):
        assert part in text


def test_the_master_account_has_the_same_page(cast):
    response = page(cast.admin, cast.nile)
    text = plain(response)
    assert "Master account" in text
    assert "10,000.00" in text
    assert "By the master account itself, without its subaccounts" in text
    # It is neither switched, renamed, suspended nor closed by its own admin.
    assert verbs(response) == ["alerts/new"]


def test_what_it_spent_this_month_in_the_companys_time_zone_leads_to_where(cast):
    # In Cairo the month begins at ten in the evening of Greenwich.
    fresh = make_subaccount(cast.nile, "fresh")
    begins = datetime(2025, 11, 30, 22, tzinfo=UTC)
    spend(fresh, "7", moment=begins - timedelta(seconds=1))
    spend(fresh, "5", moment=begins)
    reverse_usage(fresh, "1.25")
    with time_machine.travel(begins + timedelta(minutes=30)):
        response = page(cast.admin, fresh)
    assert response.context["line"].spent == Decimal("3.75")
    assert "Spent in December" in plain(response)
    [link] = [each for each in links(response) if "date_from=2025-12-01" in each]
    assert link.endswith(f"&account={fresh.pk}")


def test_a_shared_account_shows_that_it_draws_on_the_master_account_and_its_share(cast):
    spend(cast.otp, "30")
    spend(cast.nile, "90")
    spend(cast.retail, "500")  # Not from the pool.
    response = page(cast.admin, cast.otp)
    text = plain(response)
    assert "It can spend: it draws on the shared balance of Nile Retail Group." in text
    assert "25 %" in text
    assert "9,880.00" in text
    assert response.context["line"].share == 25


def test_the_share_counts_only_what_was_drawn_from_the_pool(cast):
    """Switched in the middle of the month: its own spending of before is not the pool's."""
    spend(cast.retail, "20")
    tree.share(account=cast.retail, by=None)
    spend(cast.retail, "10")
    spend(cast.otp, "30")
    line = page(cast.admin, cast.retail).context["line"]
    assert (line.spent, line.share) == (30, 25)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda cast: None, "active"),
        (lambda cast: charge(cast.retail, "20.50"), "restricted"),
        (lambda cast: spend(cast.retail, "15"), "low"),
        (lambda cast: tree.suspend(account=cast.retail), "suspended"),
        (lambda cast: tree.suspend(account=cast.nile), "suspended"),
        (lambda cast: tree.close(account=cast.retail, by=None), "closed"),
    ],
)
def test_its_state_is_that_of_the_overview(cast, change, state):
    change(cast)
    assert page(cast.admin, cast.retail).context["line"].state == state


def test_a_suspension_is_said_with_whose_it_is(cast):
    tree.suspend(account=cast.nile)
    text = plain(page(cast.admin, cast.retail))
    assert "Nile Retail Group is suspended, and all its accounts with it." in text
    tree.suspend(account=cast.retail)
    assert "Retail branches is suspended." in plain(page(cast.admin, cast.retail))


# --- what happened ----------------------------------------------------------------------------


def test_its_last_transactions_newest_first_and_no_other_accounts(cast, monkeypatch):
    monkeypatch.setattr(account_page, "ENTRIES", 2)
    for number in range(3):
        charge(cast.retail, f"{number + 1}", f"r-{number}")
    charge(cast.marketing, "77", "elsewhere")
    response = page(cast.admin, cast.retail)
    assert [row.reference for row in response.context["table"].data] == ["r-2", "r-1"]
    assert f"{reverse('transaction-list', args=['nile'])}?account={cast.retail.pk}" in links(
        response
    )


def test_whose_balance_moved_is_said_where_it_was_not_always_its_own(cast):
    spend(cast.retail, "5")
    assert "balance of Nile" not in plain(page(cast.admin, cast.retail))
    tree.share(account=cast.retail, by=None)
    spend(cast.retail, "6")
    assert "Retail branches balance of Nile Retail Group Usage" in plain(
        page(cast.admin, cast.retail)
    )


def test_an_account_without_transactions_says_what_will_be_here(cast):
    empty = make_subaccount(cast.nile, "empty")
    text = plain(page(cast.admin, empty))
    assert "No transactions yet" in text
    assert "None at the moment. A hold reserves credit" in text
    assert "It has none, and never had one." in text


def test_open_holds_with_what_was_captured_and_remains(cast):
    first = hold(cast.retail, "5.50", "booking-1", expires_in=timedelta(hours=2))
    hold(cast.retail, "1", "booking-2", expires_in=timedelta(hours=1))
    over = hold(cast.retail, "2", "booking-3")
    hold(cast.marketing, "3", "elsewhere")
    holds.capture(master=cast.nile.pk, hold=first.id, reference="c-1", amount=Decimal("1.25"))
    holds.release(master=cast.nile.pk, hold=over.id)
    response = page(cast.admin, cast.retail)
    rows = response.context["holds"].data
    assert [row.reference for row in rows] == ["booking-2", "booking-1"]
    text = plain(response)
    for figure in ("5.50", "1.25", "4.25"):
        assert figure in text
    assert "Held, EGP" in text


def test_the_pools_holds_name_whose_they_are(cast):
    hold(cast.otp, "3", "otp-hold")
    hold(cast.nile, "4", "own-hold")
    response = page(cast.admin, cast.nile)
    text = response.content.decode()
    assert {row.reference for row in response.context["holds"].data} == {"otp-hold", "own-hold"}
    assert ">For<" in re.sub(r"\s+", "", text)
    assert "OTP and security" in plain(response)
    assert [row.reference for row in page(cast.admin, cast.otp).context["holds"].data] == [
        "otp-hold"
    ]


def test_a_hold_past_its_time_says_so(cast):
    hold(cast.retail, "3", expires_in=timedelta(microseconds=1))
    assert "past: given back as soon as needed" in plain(page(cast.admin, cast.retail))


def test_of_many_holds_the_first_to_expire_are_shown(cast, monkeypatch):
    monkeypatch.setattr(account_page, "HOLDS", 2)
    for number in range(3):
        hold(cast.retail, "1", f"h-{number}", expires_in=timedelta(hours=number + 1))
    response = page(cast.admin, cast.retail)
    assert [row.reference for row in response.context["holds"].data] == ["h-0", "h-1"]
    assert "Only the 2 that expire first are shown." in plain(response)


def test_the_history_of_its_limit_says_who_when_old_new_and_why(cast):
    limits.change(account=cast.retail, limit=Decimal(100), reason="a <start>", by=cast.operator)
    limits.change(account=cast.retail, limit=Decimal(250), reason="grew", by=None)
    tree.share(account=cast.retail, by=cast.admin)
    text = plain(page(cast.admin, cast.retail))
    for part in ("100.00", "250.00", "grew", "Operator", "The platform", "admin@nile.example"):
        assert part in text
    assert "a &lt;start&gt;" in text
    assert "operator@platform.example" not in text
    assert "operator@platform.example" in plain(page(cast.operator, cast.retail))
    assert "Switched to the shared balance" in text


# --- who may do what --------------------------------------------------------------------------


def verbs(response) -> list[str]:
    """The last part of each address; of the operators' pages the verb, before the code."""
    told = []
    for action in response.context["actions"]:
        path = urlsplit(action.href).path.rstrip("/")
        if path.startswith("/operator/"):
            told.append(path.split("/")[4])
        else:
            told.append("alerts/new" if path.endswith("/alerts/new") else path.rsplit("/", 1)[1])
    return told


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("admin", ["alerts/new", "rename", "mode", "cap", "suspend", "close"]),
        ("finance", []),
        ("operator", ["limit", "suspend"]),
        ("marketing_admin", ["alerts/new"]),
        ("member", []),
    ],
)
def test_each_role_is_offered_what_it_may_do(cast, who, expected):
    response = page(getattr(cast, who), cast.marketing)
    assert verbs(response) == expected
    assert {action.href for action in response.context["actions"]} <= links(response)


def test_each_state_has_its_actions(cast):
    tree.suspend(account=cast.marketing, by=cast.admin)
    both = ["alerts/new", "rename", "mode", "cap", "restore", "close"]
    assert verbs(page(cast.admin, cast.marketing)) == both
    assert verbs(page(cast.operator, cast.marketing)) == ["limit", "restore", "suspend"]
    tree.close(account=cast.marketing, by=None)
    assert verbs(page(cast.admin, cast.marketing)) == ["rename"]
    assert verbs(page(cast.operator, cast.marketing)) == []
    assert verbs(page(cast.operator, cast.nile)) == ["limit", "suspend"]


def test_a_transfer_begins_with_the_account_filled_in(cast):
    new = reverse("transfer-new", args=["nile"])
    assert f"{new}?to={cast.retail.pk}" in links(page(cast.admin, cast.retail))
    assert f"{new}?from={cast.nile.pk}" in links(page(cast.admin, cast.nile))
    for who, account in (("admin", cast.otp), ("finance", cast.retail), ("operator", cast.retail)):
        assert not [
            link for link in links(page(getattr(cast, who), account)) if link.startswith(new)
        ]


# --- who may see what -------------------------------------------------------------------------


def test_a_member_sees_everything_about_their_own_account(cast):
    set_limit(cast.marketing, "50")
    hold(cast.marketing, "4.50", "booking-1")
    text = plain(page(cast.member, cast.marketing))
    for part in ("545.50", "500.00", "50.00", "booking-1", "agreed", "Top up"):
        assert part in text
    assert "10,000" not in text


def test_who_sees_only_a_shared_account_never_reads_the_pools_figures(cast):
    set_limit(cast.nile, "777")
    spend(cast.otp, "30")
    spend(cast.nile, "90")
    hold(cast.otp, "11", "mine")
    hold(cast.nile, "13", "the-pools")
    response = page(cast.otp_member, cast.otp)
    text = plain(response)
    for part in ("30.00", "It can spend", "mine", "11.00"):
        assert part in text
    # Neither balance, limit, holds nor usage of the pool, nor what they could be reckoned from.
    for figure in ("10,000", "9,8", "777", "the-pools", "13.00", "90.00", "25 %", "%"):
        assert figure not in text
    assert response.context["pool"] is None
    assert response.context["line"].share == 0
    assert "Balance after" not in text


def test_its_own_balance_of_another_time_is_the_pools_affair_no_more(cast):
    """Usage drawn from the pool shows no running balance after it has its own again."""
    spend(cast.otp, "30")
    tree.allocate(account=cast.otp)
    give(cast.otp, "5")
    text = plain(page(cast.otp_member, cast.otp))
    assert "9,970" not in text
    assert "5.00" in text


@pytest.mark.parametrize("who", ["stranger", "gulf_admin"])
def test_a_stranger_and_another_companys_admin_get_404(cast, who):
    client = signed_in(getattr(cast, who))
    for account in (cast.retail, cast.nile):
        assert client.get(address("detail", account)).status_code == 404


@pytest.mark.parametrize("who", ["member", "marketing_admin", "otp_member"])
def test_a_member_gets_404_for_what_is_not_theirs(cast, who):
    client = signed_in(getattr(cast, who))
    for account in (cast.retail, cast.nile):
        assert client.get(address("detail", account)).status_code == 404


def test_a_foreign_account_under_ones_own_company_is_404(cast):
    for who in (cast.admin, cast.operator):
        client = signed_in(who)
        assert client.get(address("detail", cast.gulf_sales)).status_code == 404
        assert client.get(address("detail", cast.gulf)).status_code == 404


@pytest.mark.parametrize("code", ["nobody", "RETAIL", "_", "x" * 3000])
def test_an_account_that_is_none_is_404(cast, code):
    assert signed_in(cast.admin).get(address("detail", code)).status_code == 404


def test_who_is_not_signed_in_is_asked_to(client, cast):
    response = client.get(address("detail", cast.retail))
    assert response["Location"].startswith(reverse("account_login"))


def test_it_is_only_read(cast):
    assert signed_in(cast.admin).post(address("detail", cast.retail)).status_code == 405


def test_who_has_but_one_account_is_led_to_it_by_the_overview(cast):
    response = signed_in(cast.member).get(reverse("overview", args=["nile"]))
    assert address("detail", cast.marketing) in links(response)


# --- speed ------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["nile", "retail", "otp"])
def test_the_number_of_queries_does_not_grow(cast, who):
    account = getattr(cast, who)
    client = signed_in(cast.admin)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address("detail", account)).status_code == 200
        return len(captured)

    hold(account, "1", "h-0")
    charge(account, "1", "m-0")
    if who != "nile":
        caps.change(account=account, cap=Decimal(1000))
    few = queries()
    for number in range(1, 13):
        other = make_subaccount(
            cast.nile, f"b-{number}", mode=(BalanceMode.ALLOCATED, BalanceMode.SHARED)[number % 2]
        )
        give(other, "10")
        charge(other, "1", f"o-{number}")
        hold(account, "0.5", f"h-{number}")
        charge(account, "0.5", f"m-{number}")
        if who != "otp":
            limits.change(account=account, limit=Decimal(number), reason="x", by=cast.operator)
        if who != "nile":
            caps.change(account=account, cap=Decimal(1000 + number), by=cast.operator)
        tree.rename(account=account, name=f"{account.code} {number}", by=cast.admin)
    assert queries() == few <= 20

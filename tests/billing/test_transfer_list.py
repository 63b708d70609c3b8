"""The history of transfers: newest first, by pages, and what each person sees of it."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import BalanceMode, Membership, Role
from billing import transfers
from billing.views import transfer_list as views
from tests.factories import make_subaccount

pytestmark = pytest.mark.django_db

NILE = reverse("transfer-list", args=["nile"])


def move(source, destination, amount="10", **more):
    return transfers.make(
        source=source, destination=destination, amount=Decimal(amount), key=uuid4(), **more
    )


def test_it_shows_when_from_to_amount_who_and_note(admin, cast):
    cast.admin.name = "Mona Adel"
    cast.admin.save()
    transfer = move(cast.nile, cast.marketing, "1234.50", by=cast.admin, note="for <Ramadan>")
    text = admin.get(NILE).content.decode()
    for part in (
        "Nile Retail Group",
        "Marketing",
        "1,234.50",
        "Mona Adel",
        "for &lt;Ramadan&gt;",
        transfer.get_absolute_url(),
    ):
        assert part in text


def test_newest_first(admin, cast):
    made = [move(cast.nile, cast.marketing, amount, by=None) for amount in ("1", "2", "3")]
    rows = admin.get(NILE).context["table"].data
    assert [row.pk for row in rows] == [transfer.pk for transfer in reversed(made)]


def test_an_empty_history_says_what_will_be_here_and_offers_the_first_step(admin):
    text = admin.get(NILE).content.decode()
    assert "No transfers yet" in text
    assert reverse("transfer-new", args=["nile"]) in text


def test_pages_follow_each_other_without_gap_or_repetition(admin, cast, monkeypatch):
    monkeypatch.setattr(views, "PAGE_SIZE", 2)
    made = [move(cast.nile, cast.marketing, n, by=None).pk for n in range(1, 6)]
    seen, address = [], NILE
    while address:
        response = admin.get(address)
        seen += [row.pk for row in response.context["table"].data]
        older = response.context["older"]
        address = f"{NILE}?before={older}" if older else None
        if address:
            assert f"?before={older}" in response.content.decode()
    assert seen == made[::-1]


def test_transfers_of_one_moment_do_not_fall_between_two_pages(admin, cast, monkeypatch):
    monkeypatch.setattr(views, "PAGE_SIZE", 1)
    first, second = (move(cast.nile, cast.marketing, n, by=None) for n in (1, 2))
    type(first).objects.update(created_at=second.created_at)
    assert admin.get(NILE).context["table"].data[0].pk == second.pk
    assert admin.get(NILE, {"before": second.pk}).context["table"].data[0].pk == first.pk


@pytest.mark.parametrize(
    "before", ["0", "-1", "abc", "1\x00", "9" * 30, "9" * 5000, "\u00b2", "\u0663"]
)
def test_a_nonsense_page_is_404(admin, before):
    assert admin.get(NILE, {"before": before}).status_code == 404


def test_an_empty_page_is_the_first(admin, cast):
    move(cast.nile, cast.marketing, by=None)
    response = admin.get(NILE, {"before": ""})
    assert len(response.context["table"].data) == 1
    assert "Newest" not in response.content.decode()


def test_currency_and_time_zone_are_named_once(admin, cast):
    move(cast.nile, cast.marketing, by=None)
    text = admin.get(NILE).content.decode()
    assert "Amount, EGP" in text
    assert "Cairo time" in text
    assert "Africa/Cairo" not in text


def test_a_foreign_transfer_is_no_page(client, admin, cast):
    foreign = move(cast.gulf, cast.gulf_sales, "1", by=None)
    assert admin.get(NILE, {"before": foreign.pk}).status_code == 404


def test_a_transaction_asked_by_htmx_comes_as_its_fragment(admin, cast):
    move(cast.nile, cast.marketing, by=None)
    text = admin.get(NILE, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in text
    assert text.count('id="transfer-table"') == 1


@pytest.mark.parametrize("who", ["admin", "finance", "operator"])
def test_who_sees_the_tree_sees_all_of_it(client, cast, who):
    move(cast.nile, cast.marketing, by=None)
    move(cast.nile, cast.retail, by=None)
    client.force_login(getattr(cast, who))
    assert len(client.get(NILE).context["table"].data) == 2


@pytest.mark.parametrize("who", ["member", "marketing_admin"])
def test_a_member_sees_what_touches_their_own_subaccounts(client, cast, who):
    mine = move(cast.nile, cast.marketing, "111", by=None)
    back = move(cast.marketing, cast.nile, "22", by=None)
    move(cast.nile, cast.retail, "333", by=None)
    client.force_login(getattr(cast, who))
    response = client.get(NILE)
    assert {row.pk for row in response.context["table"].data} == {mine.pk, back.pk}
    assert "333.00" not in response.content.decode()
    assert "Retail branches" not in response.content.decode()


def test_only_who_may_move_credit_is_offered_to(client, cast):
    for who, offered in (("admin", True), ("finance", False), ("member", False)):
        client.force_login(getattr(cast, who))
        text = client.get(NILE).content.decode()
        assert (reverse("transfer-new", args=["nile"]) in text) is offered


def test_a_member_of_a_shared_subaccount_sees_no_pool_figures(client, cast):
    move(cast.nile, cast.marketing, "333", by=None)
    client.force_login(cast.otp_member)
    text = client.get(NILE).content.decode()
    assert "Nothing to transfer" in text
    assert (
        "OTP and security spends from the shared balance, so there is nothing to transfer." in text
    )
    for figure in ("333.00", "10,000", "9,667"):
        assert figure not in text


def test_who_has_several_shared_subaccounts_is_told_of_them_together(client, cast):
    bulk = make_subaccount(cast.nile, "bulk", mode=BalanceMode.SHARED)
    Membership.objects.create(user=cast.otp_member, account=bulk, role=Role.MEMBER)
    client.force_login(cast.otp_member)
    assert "Your subaccounts spend from the shared balance" in client.get(NILE).content.decode()


def test_who_has_a_balance_too_is_told_what_will_be_here(client, cast):
    client.force_login(cast.member)
    assert "Every transfer from or to your subaccounts" in client.get(NILE).content.decode()


def test_the_other_company_sees_its_own(client, cast):
    move(cast.nile, cast.marketing, by=None)
    client.force_login(cast.gulf_admin)
    assert client.get(NILE).status_code == 404
    response = client.get(reverse("transfer-list", args=["gulf"]))
    assert len(response.context["table"].data) == 0


def test_who_is_not_signed_in_is_asked_to(client, cast):
    assert client.get(NILE)["Location"].startswith(reverse("account_login"))


def test_a_stranger_gets_404(client, cast):
    client.force_login(cast.stranger)
    assert client.get(NILE).status_code == 404


def test_it_is_only_read(admin):
    assert admin.post(NILE).status_code == 405


def test_the_number_of_queries_does_not_grow(admin, cast):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            admin.get(NILE)
        return len(captured)

    move(cast.nile, cast.marketing, by=cast.admin)
    few = queries()
    for number in range(37):
        account = make_subaccount(cast.nile, f"b-{number}", mode=BalanceMode.ALLOCATED)
        move(cast.nile, account, by=cast.admin)
    assert queries() == few <= 11  # one of them the number of unseen notices

"""One transfer's page: both entries, and no balance that is not the person's to see."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.urls import reverse

from accounts.models import Account, BalanceMode
from billing import transfers
from billing.transfer_batches import Line, make_many
from console.templatetags.console import local
from tests.factories import give, set_limit

pytestmark = pytest.mark.django_db


@pytest.fixture
def transfer(cast):
    """234.50 from Nile (10,000) to Marketing (500)."""
    return transfers.make(
        source=cast.nile,
        destination=cast.marketing,
        amount=Decimal("234.50"),
        key=uuid4(),
        by=cast.admin,
        note="for <Ramadan>",
    )


@pytest.fixture
def seen_by(client, transfer):
    def seen(user, of=transfer) -> str:
        client.force_login(user)
        response = client.get(of.get_absolute_url())
        assert response.status_code == 200
        return response.content.decode()

    return seen


@pytest.mark.parametrize("who", ["admin", "finance", "operator"])
def test_it_shows_both_entries_with_the_balance_before_and_after(cast, seen_by, who):
    text = seen_by(getattr(cast, who))
    for figure in ("\N{MINUS SIGN}234.50", "+234.50", "10,000.00", "9,765.50", "500.00", "734.50"):
        assert figure in text
    for part in ("Nile Retail Group", "Marketing", "admin@nile.example", "for &lt;Ramadan&gt;"):
        assert part in text


def test_the_moment_is_in_the_companys_time_zone_which_is_named(cast, seen_by, transfer):
    text = seen_by(cast.admin)
    assert local(transfer.created_at, cast.nile) in text
    assert "Cairo time" in text


def test_title_and_heading_agree(cast, seen_by):
    text = seen_by(cast.admin)
    assert "<title>Transfer of EGP 234.50 ·" in text
    assert "<h1>Transfer of EGP 234.50</h1>" in text


def test_balances_are_those_of_the_transfer_whatever_came_later(cast, seen_by):
    give(cast.marketing, "1000")
    text = seen_by(cast.admin)
    assert "734.50" in text
    assert "1,734.50" not in text


@pytest.mark.parametrize("who", ["member", "marketing_admin"])
def test_a_member_sees_their_own_side_and_never_the_other_sides_balance(cast, seen_by, who):
    text = seen_by(getattr(cast, who))
    for figure in ("234.50", "500.00", "734.50"):
        assert figure in text
    for figure in ("10,000", "9,765"):
        assert figure not in text
    assert "Nile Retail Group" in text


def test_a_member_sees_no_transfer_between_other_accounts(client, cast):
    other = transfers.make(
        source=cast.nile, destination=cast.retail, amount=Decimal(1), key=uuid4(), by=None
    )
    client.force_login(cast.member)
    assert client.get(other.get_absolute_url()).status_code == 404


def test_a_member_of_a_shared_subaccount_sees_no_pool_figures(client, cast, seen_by, transfer):
    client.force_login(cast.otp_member)
    assert client.get(transfer.get_absolute_url()).status_code == 404
    # Transfers of the time when it had a balance of its own, which is none of the pool's.
    Account.objects.filter(pk=cast.otp.pk).update(balance_mode=BalanceMode.ALLOCATED)
    otp = Account.objects.get(pk=cast.otp.pk)
    out = transfers.make(
        source=cast.nile, destination=otp, amount=Decimal(7), key=uuid4(), by=None
    )
    transfers.make(source=otp, destination=cast.nile, amount=Decimal(7), key=uuid4(), by=None)
    Account.objects.filter(pk=cast.otp.pk).update(balance_mode=BalanceMode.SHARED)
    text = seen_by(cast.otp_member, out)
    assert "7.00" in text
    for figure in ("9,765", "9,758", "10,000"):
        assert figure not in text


def test_figures_stand_point_under_point_and_debt_is_marked(cast, seen_by):
    give(cast.retail, "0.125")
    set_limit(cast.retail, "100")
    debt = transfers.make(
        source=cast.retail, destination=cast.nile, amount=Decimal(50), key=uuid4(), by=None
    )
    text = seen_by(cast.admin, debt)
    for heading in ("Balance before, EGP", "Amount, EGP", "Balance after, EGP"):
        assert heading in text
    assert '9,765.50<span class="num-fill" aria-hidden="true">0</span>' in text
    assert '<span class="debt">\N{MINUS SIGN}29.375</span>' in text


def test_only_who_may_move_credit_is_offered_to_move_it_back(cast, seen_by, transfer):
    back = reverse("transfer-reverse", args=["nile", transfer.pk])
    assert back in seen_by(cast.admin)
    assert back not in seen_by(cast.finance)
    assert back not in seen_by(cast.member)


def test_its_reversals_are_listed_and_lead_to_their_pages(cast, seen_by, transfer):
    back = [
        transfers.reverse(
            transfer=transfer,
            amount=Decimal(part),
            key=uuid4(),
            by=cast.admin,
            note=f"part {part}",
        )
        for part in ("4.50", "30")
    ]
    text = seen_by(cast.finance)
    assert "Partly moved back" in text
    assert "EGP 34.50 of 234.50" in text
    for each in back:
        assert each.get_absolute_url() in text
        assert each.note in text
    transfers.reverse(transfer=transfer, key=uuid4(), by=None)
    text = seen_by(cast.admin)
    assert "Partly moved back" not in text
    assert reverse("transfer-reverse", args=["nile", transfer.pk]) not in text


def test_a_reversal_leads_to_what_it_moves_back_and_cannot_be_moved_back(cast, seen_by, transfer):
    back = transfers.reverse(transfer=transfer, key=uuid4(), by=None)
    for who in (cast.admin, cast.member):
        text = seen_by(who, back)
        assert f'href="{transfer.get_absolute_url()}"' in text
        assert "Transfer of EGP 234.50, " in text
        assert reverse("transfer-reverse", args=["nile", back.pk]) not in text


def test_a_transfer_of_a_batch_leads_to_it_and_tells_its_total_only_to_who_sees_all(cast, seen_by):
    batch = make_many(
        source=cast.nile,
        lines=[Line(cast.marketing, Decimal(30)), Line(cast.retail, Decimal(12))],
        key=uuid4(),
        by=None,
    )
    line = batch.transfers.get(line=0)
    text = seen_by(cast.finance, line)
    assert batch.get_absolute_url() in text
    assert "EGP 42.00 to 2 accounts" in text
    text = seen_by(cast.member, line)
    assert batch.get_absolute_url() in text
    assert "42.00" not in text
    assert "2 accounts" not in text


def test_who_is_not_signed_in_is_asked_to(client, transfer):
    response = client.get(transfer.get_absolute_url())
    assert response["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("who", ["stranger", "gulf_admin"])
def test_a_stranger_and_another_companys_admin_get_404(client, cast, transfer, who):
    client.force_login(getattr(cast, who))
    assert client.get(transfer.get_absolute_url()).status_code == 404


def test_a_foreign_transfer_under_ones_own_company_is_404(client, cast, transfer):
    client.force_login(cast.gulf_admin)
    assert client.get(reverse("transfer-detail", args=["gulf", transfer.pk])).status_code == 404
    client.force_login(cast.operator)
    assert client.get(reverse("transfer-detail", args=["gulf", transfer.pk])).status_code == 404


@pytest.mark.parametrize("pk", ["0", "999999999", "9" * 40])
def test_a_transfer_that_is_none_is_404(client, cast, pk):
    client.force_login(cast.admin)
    assert client.get(f"/accounts/nile/transfers/{pk}/").status_code == 404


def test_it_is_only_read(client, cast, transfer):
    client.force_login(cast.admin)
    assert client.post(transfer.get_absolute_url()).status_code == 405
    assert client.delete(transfer.get_absolute_url()).status_code == 405


@pytest.mark.parametrize("page", ["transfer-list", "transfer-detail"])
def test_a_member_does_not_read_the_names_of_other_subaccounts(client, cast, page):
    transfer = transfers.make(
        source=cast.retail, destination=cast.marketing, amount=Decimal(3), key=uuid4(), by=None
    )
    arguments = [cast.nile.code] if page == "transfer-list" else [cast.nile.code, transfer.pk]
    for who, named in ((cast.member, False), (cast.finance, True)):
        client.force_login(who)
        text = client.get(reverse(page, args=arguments)).content.decode()
        assert ("Retail branches" in text) is named
        assert ("Another subaccount" in text) is not named

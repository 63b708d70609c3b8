"""Closing a subaccount: what is shown, what is swept, what refuses, and that it happens once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import Account, State
from billing import alerts, caps, holds, tree
from billing.models import Entry, Kind
from billing.views import subaccount_changes as views
from tests.billing.accounts_pages import address, charge, hidden, hold, plain, signed_in
from tests.factories import balance_of, give, set_limit

pytestmark = pytest.mark.django_db


def state_of(account: Account) -> str:
    return Account.objects.get(pk=account.pk).state


@pytest.fixture
def retail(cast) -> str:
    return address("close", cast.retail)


def refused(client, cast, typed: dict[str, str], *sentences: str):
    entries = Entry.objects.count()
    response = client.post(address("close", cast.retail), typed)
    assert response.status_code == 422
    for sentence in sentences:
        assert sentence in plain(response)
    assert Entry.objects.count() == entries
    assert state_of(cast.retail) == State.ACTIVE
    return response


def test_the_page_says_what_goes_where_dust_included_and_changes_nothing(admin, cast, retail):
    set_limit(cast.retail, "100")
    charge(cast.retail, "0.000001")
    text = plain(admin.get(retail))
    for part in (
        "Its credit of EGP 20.499999 moves to Nile Retail Group",
        "120.49",
        "10,000.00",
        "10,020.49",
        "Its credit limit of EGP 100.00 ends.",
        "a closed account cannot be opened again",
        "so does its code, retail",
    ):
        assert part in text
    assert state_of(cast.retail) == State.ACTIVE


def test_closing_sweeps_what_is_left_and_its_history_stays(admin, cast, retail):
    charge(cast.retail, "0.000001")
    response = admin.post(retail, hidden(admin.get(retail)), follow=True)
    assert response.redirect_chain == [(address("detail", cast.retail), 302)]
    assert "Closed Retail branches. EGP 20.499999 moved to Nile Retail Group." in plain(response)
    assert state_of(cast.retail) == State.CLOSED
    assert str(balance_of(cast.nile).credit) == "10020.499999"
    # The closed account's page still has its transactions.
    assert len(response.context["table"].data) == 3


def test_a_shared_account_is_closed_without_any_movement(admin, cast):
    page = address("close", cast.otp)
    text = plain(admin.get(page))
    assert "It has no credit, so none moves." in text
    response = admin.post(page, hidden(admin.get(page)), follow=True)
    assert "Closed OTP and security." in plain(response)
    assert not Entry.objects.filter(kind=Kind.TRANSFER).exists()


def test_sent_twice_it_is_closed_once(admin, cast, retail):
    told = hidden(admin.get(retail))
    admin.post(retail, told)
    again = admin.post(retail, told, follow=True)
    assert "Retail branches was closed already." in plain(again)
    assert Entry.objects.filter(kind=Kind.TRANSFER).count() == 2
    page = admin.get(retail)
    assert "Retail branches is closed." in plain(page)
    assert hidden(page) == {}


def test_figures_that_changed_since_are_shown_and_asked_about_again(admin, cast, retail):
    told = hidden(admin.get(retail))
    give(cast.retail, "79.50")
    response = refused(
        admin, cast, told, "has changed since it was shown", "Its credit of EGP 100.00 moves"
    )
    assert admin.post(retail, hidden(response)).status_code == 302


@pytest.mark.parametrize("told", [{}, {"told": ""}, {"told": "\x00"}, {"told": "20.5 0"}])
def test_a_form_that_does_not_say_what_was_shown_is_asked_again(admin, cast, told):
    refused(admin, cast, told, "has changed since it was shown")


def test_figures_that_change_at_the_last_moment_are_noticed_under_the_lock(
    admin, cast, retail, monkeypatch
):
    told = hidden(admin.get(retail))
    close = tree.close

    def overtaken(**arguments):
        give(cast.retail, "1")
        return close(**arguments)

    monkeypatch.setattr(tree, "close", overtaken)
    assert "has changed since it was shown" in plain(admin.post(retail, told))
    assert state_of(cast.retail) == State.ACTIVE


def test_a_debt_refuses_it_with_the_figures_and_the_way_out(admin, cast, retail):
    set_limit(cast.retail, "100")
    charge(cast.retail, "30.505")
    page = admin.get(retail)
    assert "Retail branches owes EGP 10.005: settle it first." in plain(page)
    # What is moved has no more decimals than the currency: enough to owe nothing.
    assert f"?to={cast.retail.pk}&amp;amount=10.01" in page.content.decode()
    refused(admin, cast, {"told": "x"}, "owes EGP 10.005")


@pytest.mark.parametrize("who", ["retail", "otp"])
def test_open_holds_refuse_it_whoever_carries_them(admin, cast, who):
    account = getattr(cast, who)
    page = address("close", account)
    told = hidden(admin.get(page))
    first, second = hold(account, "5.50"), hold(account, "1", "h-2")
    sentence = f"{account.name} has EGP 6.50 on hold in 2 holds: capture or release them first."
    assert sentence in plain(admin.get(page))
    response = admin.post(page, told)
    assert response.status_code == 422
    assert sentence in plain(response)
    assert state_of(account) == State.ACTIVE
    for each in (first, second):
        holds.release(master=cast.nile.pk, hold=each.id)
    assert admin.post(page, told).status_code == 302


def test_balances_that_keep_changing_are_said_and_nothing_was_done(
    admin, cast, retail, monkeypatch
):
    told = hidden(admin.get(retail))

    def busy(**arguments):
        raise views.StartAgain

    monkeypatch.setattr(tree, "close", busy)
    refused(admin, cast, told, "so nothing was done. Try again.")


@pytest.mark.parametrize("who", ["finance", "operator"])
def test_who_may_see_it_but_not_manage_it_gets_403_with_a_sentence(cast, who, retail):
    client = signed_in(getattr(cast, who))
    for response in (client.get(retail), client.post(retail, {"told": "20.500000 0.000000"})):
        assert response.status_code == 403
        assert "Only an admin of the master account can open, rename or close" in plain(response)
    assert state_of(cast.retail) == State.ACTIVE


def test_its_own_admin_may_not_close_it(cast):
    page = address("close", cast.marketing)
    response = signed_in(cast.marketing_admin).post(page, {"told": "500.000000 0.000000"})
    assert response.status_code == 403
    assert state_of(cast.marketing) == State.ACTIVE


@pytest.mark.parametrize("who", ["stranger", "gulf_admin", "member"])
def test_who_may_not_see_it_gets_404(cast, who, retail):
    client = signed_in(getattr(cast, who))
    assert client.get(retail).status_code == 404
    assert client.post(retail, {"told": "20.500000 0.000000"}).status_code == 404
    assert state_of(cast.retail) == State.ACTIVE


def test_a_master_account_is_not_closed(admin, cast):
    assert admin.get(address("close", cast.nile)).status_code == 404
    assert admin.post(address("close", cast.nile), {"told": "x"}).status_code == 404


def test_who_is_not_signed_in_is_asked_to(client, cast, retail):
    response = client.post(retail, {"told": "20.500000 0.000000"})
    assert response["Location"].startswith(reverse("account_login"))
    assert state_of(cast.retail) == State.ACTIVE


def test_its_spending_cap_ends_with_it(admin, cast):
    page = address("close", cast.retail)
    assert "spending cap" not in plain(admin.get(page))
    caps.change(account=cast.retail, cap=Decimal(50), by=cast.admin)
    assert "Its spending cap of EGP 50.00 a month ends with it." in plain(admin.get(page))


def test_its_alerts_end_with_it(admin, cast):
    page = address("close", cast.retail)
    assert "ends with it" not in plain(admin.get(page))
    alerts.add(account=cast.retail, threshold=Decimal(5), recipients=[cast.admin])
    assert "Its alert ends with it." in plain(admin.get(page))

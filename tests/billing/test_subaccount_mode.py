"""Switching the balance mode: what is shown, what is done, and when it is asked again."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import Account, BalanceMode
from billing import alerts, caps, holds, tree
from billing.models import CreditLimitChange, Entry, Kind
from billing.verification import verify
from billing.views import subaccount_changes as views
from tests.billing.accounts_pages import address, charge, hidden, hold, plain, signed_in
from tests.factories import balance_of, give, set_limit
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def mode_of(account: Account) -> str:
    return Account.objects.get(pk=account.pk).balance_mode


@pytest.fixture
def retail(cast) -> str:
    return address("mode", cast.retail)


@pytest.fixture
def otp(cast) -> str:
    return address("mode", cast.otp)


def refused(client, page: str, typed: dict[str, str], *sentences: str):
    """Send it: the page says why not, with the figures, and nothing has moved."""
    entries, mode = Entry.objects.count(), Account.objects.values_list("balance_mode", flat=True)
    before = list(mode.order_by("pk"))
    response = client.post(page, typed)
    assert response.status_code == 422
    for sentence in sentences:
        assert sentence in plain(response)
    assert Entry.objects.count() == entries
    assert list(mode.order_by("pk")) == before
    return response


# --- to the shared balance --------------------------------------------------------------------


def test_the_page_says_what_moves_where_and_changes_nothing(admin, cast, retail):
    set_limit(cast.retail, "100")
    give(cast.retail, "0.009999")
    response = admin.get(retail)
    text = plain(response)
    for part in (
        "Switch Retail branches to the shared balance",
        "Before and after, EGP",
        "120.50",  # available now: credit and limit
        "10,000.00",
        "10,020.50",
        "Its credit of EGP 20.509999 moves to Nile Retail Group",
        "Its credit limit of EGP 100.00 ends.",
        "it has none that are open",
    ):
        assert part in text
    assert hidden(response) == {"to": "shared", "told": "20.509999 100.000000"}
    assert mode_of(cast.retail) == BalanceMode.ALLOCATED


def test_switching_moves_the_credit_and_says_so(admin, cast, retail):
    response = admin.post(retail, hidden(admin.get(retail)), follow=True)
    assert response.redirect_chain == [(address("detail", cast.retail), 302)]
    text = plain(response)
    assert "Retail branches now draws on the balance of Nile Retail Group." in text
    assert "EGP 20.50 moved to Nile Retail Group." in text
    assert mode_of(cast.retail) == BalanceMode.SHARED
    assert str(balance_of(cast.nile).credit) == "10020.500000"
    assert {entry.by for entry in Entry.objects.filter(kind=Kind.TRANSFER)} == {cast.admin}


def test_a_debt_is_shown_and_taken_over(admin, cast, retail):
    set_limit(cast.retail, "100")
    charge(cast.retail, "70.50")
    text = plain(admin.get(retail))
    assert "Its debt of EGP 50.00 is taken over by Nile Retail Group." in text
    assert "9,950.00" in text
    response = admin.post(retail, hidden(admin.get(retail)), follow=True)
    assert "Nile Retail Group took over its debt of EGP 50.00." in plain(response)
    assert CreditLimitChange.objects.latest("id").new == 0


def test_sent_twice_it_happens_once(admin, cast, retail):
    told = hidden(admin.get(retail))
    admin.post(retail, told)
    again = admin.post(retail, told, follow=True)
    assert "draws on the balance of Nile Retail Group already." in plain(again)
    assert Entry.objects.filter(kind=Kind.TRANSFER).count() == 2


def test_figures_that_changed_since_are_shown_and_asked_about_again(admin, cast, retail):
    told = hidden(admin.get(retail))
    charge(cast.retail, "0.50")
    response = refused(
        admin,
        retail,
        told,
        "The balance of Retail branches has changed since it was shown, so nothing was done.",
        "Its credit of EGP 20.00 moves",
        "10,020.00",
        "suspend it first",
    )
    assert hidden(response)["told"] == "20.000000 0.000000"
    assert admin.post(retail, hidden(response)).status_code == 302
    assert mode_of(cast.retail) == BalanceMode.SHARED


def test_a_limit_that_changed_since_is_asked_about_again(admin, cast, retail):
    told = hidden(admin.get(retail))
    set_limit(cast.retail, "5")
    refused(admin, retail, told, "has changed since it was shown", "limit of EGP 5.00 ends")


def test_what_happens_in_the_pool_meanwhile_is_no_reason_to_ask_again(admin, cast, retail):
    told = hidden(admin.get(retail))
    charge(cast.otp, "3")
    assert admin.post(retail, told).status_code == 302


def test_figures_that_change_at_the_last_moment_are_noticed_under_the_lock(
    admin, cast, retail, monkeypatch
):
    told = hidden(admin.get(retail))
    share = tree.share

    def overtaken(**arguments):
        give(cast.retail, "1")
        return share(**arguments)

    monkeypatch.setattr(tree, "share", overtaken)
    response = admin.post(retail, told)
    assert response.status_code == 422
    assert "has changed since it was shown" in plain(response)
    assert mode_of(cast.retail) == BalanceMode.ALLOCATED


@pytest.mark.parametrize("told", [None, "", "x", "\x00", "20.5 0", "20.500000", "9" * 9999])
def test_a_form_that_does_not_say_what_was_shown_is_asked_again(admin, retail, told):
    typed = {"to": "shared"} | ({} if told is None else {"told": told})
    refused(admin, retail, typed, "has changed since it was shown")


@pytest.mark.parametrize("to", [None, "", "both", "SHARED", "\x00"])
def test_a_form_that_does_not_say_what_is_wanted_changes_nothing(admin, retail, to):
    told = hidden(admin.get(retail)) | {"to": to}
    refused(admin, retail, {name: value for name, value in told.items() if value is not None})


def test_open_holds_refuse_it_with_the_figures_and_a_way_out(admin, cast, retail):
    told = hidden(admin.get(retail))
    held = hold(cast.retail, "5.50")
    sentence = "Retail branches has EGP 5.50 on hold in 1 hold: capture or release it first."
    page = admin.get(retail)
    assert sentence in plain(page)
    assert f'{address("detail", cast.retail)}#holds"' in page.content.decode()
    assert "told" not in hidden(page)
    refused(admin, retail, told, sentence)
    holds.release(master=cast.nile.pk, hold=held.id)
    assert admin.post(retail, told).status_code == 302


def test_a_debt_that_the_master_account_cannot_carry_refuses_it_with_the_figures(
    admin, cast, retail
):
    set_limit(cast.retail, "20000")
    charge(cast.retail, "10020.51")
    sentence = (
        "Retail branches owes EGP 10,000.01, more than the EGP 10,000.00 that the master account"
        " has available."
    )
    assert sentence in plain(admin.get(retail))
    refused(admin, retail, {"to": "shared", "told": "x"}, sentence)


def test_a_closed_account_has_no_mode_to_switch(admin, cast, retail, otp):
    for page, account in ((retail, cast.retail), (otp, cast.otp)):
        told = hidden(admin.get(page))
        tree.close(account=account, by=None)
        assert f"{account.name} is closed." in plain(admin.get(page))
        refused(admin, page, told, f"{account.name} is closed.")


def test_balances_that_keep_changing_are_said_and_nothing_was_done(
    admin, cast, retail, otp, monkeypatch
):
    def busy(**arguments):
        raise views.StartAgain

    monkeypatch.setattr(tree, "share", busy)
    monkeypatch.setattr(tree, "allocate", busy)
    for page in (retail, otp):
        refused(admin, page, hidden(admin.get(page)), "so nothing was done. Try again.")


# --- to a balance of its own ------------------------------------------------------------------


def test_the_page_says_that_it_starts_at_zero_and_where_the_holds_stay(admin, cast, otp):
    hold(cast.otp, "7.25")
    response = admin.get(otp)
    text = plain(response)
    for part in (
        "Give OTP and security a balance of its own",
        "starts at zero, with no credit limit",
        "Its open hold, EGP 7.25, stays with Nile Retail Group",
    ):
        assert part in text
    assert hidden(response) == {"to": "allocated"}
    assert mode_of(cast.otp) == BalanceMode.SHARED


def test_giving_it_a_balance_of_its_own(admin, cast, otp):
    response = admin.post(otp, {"to": "allocated"}, follow=True)
    assert "OTP and security now has a balance of its own, which starts at zero." in plain(
        response
    )
    assert f"?to={cast.otp.pk}" in response.content.decode()
    again = admin.post(otp, {"to": "allocated"}, follow=True)
    assert "OTP and security has a balance of its own already." in plain(again)
    assert mode_of(cast.otp) == BalanceMode.ALLOCATED


def test_a_form_shown_before_the_other_admin_switched_does_not_switch_back(admin, cast, otp):
    """Both saw it shared and want it allocated; the later one changes nothing."""
    told = hidden(admin.get(otp))
    tree.allocate(account=cast.otp)
    give(cast.otp, "9")
    admin.post(otp, told)
    assert mode_of(cast.otp) == BalanceMode.ALLOCATED
    assert balance_of(cast.otp).credit == 9


@pytest.mark.django_db(transaction=True)
def test_two_admins_at_once_move_the_credit_once(cast):
    page = address("mode", cast.retail)
    clients = [signed_in(cast.admin) for _ in range(4)]
    told = hidden(clients[0].get(page))
    answers = at_once(*(lambda each=each: each.post(page, told) for each in clients))
    # Who comes so late that the credit has gone already is asked again.
    assert {answer.status_code for answer in answers} <= {302, 422}
    assert 302 in {answer.status_code for answer in answers}
    assert Entry.objects.filter(kind=Kind.TRANSFER).count() == 2
    assert str(balance_of(cast.nile).credit) == "10020.500000"
    assert verify().is_clean


# --- access -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["finance", "operator"])
def test_who_may_see_it_but_not_manage_it_gets_403_with_a_sentence(cast, who, otp):
    client = signed_in(getattr(cast, who))
    for response in (client.get(otp), client.post(otp, {"to": "allocated"})):
        assert response.status_code == 403
        assert "switch their balance mode" in plain(response)
    assert mode_of(cast.otp) == BalanceMode.SHARED


def test_its_own_people_may_not_switch_it(cast, otp):
    response = signed_in(cast.otp_member).post(otp, {"to": "allocated"})
    assert response.status_code == 403
    assert mode_of(cast.otp) == BalanceMode.SHARED


@pytest.mark.parametrize("who", ["stranger", "gulf_admin", "member"])
def test_who_may_not_see_it_gets_404(cast, who, otp):
    client = signed_in(getattr(cast, who))
    assert client.get(otp).status_code == 404
    assert client.post(otp, {"to": "allocated"}).status_code == 404
    assert mode_of(cast.otp) == BalanceMode.SHARED


def test_neither_master_account_nor_foreign_account_has_the_page(admin, cast):
    for account in (cast.nile, cast.gulf, cast.gulf_sales):
        assert admin.get(address("mode", account)).status_code == 404
        assert admin.post(address("mode", account), {"to": "shared"}).status_code == 404


def test_who_is_not_signed_in_is_asked_to(client, cast, otp):
    response = client.post(otp, {"to": "allocated"})
    assert response["Location"].startswith(reverse("account_login"))
    assert mode_of(cast.otp) == BalanceMode.SHARED


# --- the spending cap -------------------------------------------------------------------------


def test_before_sharing_without_a_cap_one_is_offered(admin, cast):
    response = admin.get(address("mode", cast.retail))
    text = plain(response)
    assert "Spending cap: it has none, and gets none by this." in text
    assert "Without a spending cap Retail branches could use up the whole balance of" in text
    assert f'href="{address("cap", cast.retail)}"' in response.content.decode()


def test_a_cap_stays_whichever_way_it_is_switched(admin, cast):
    caps.change(account=cast.retail, cap=Decimal(50), by=cast.admin)
    charge(cast.retail, "12.50")
    stays = "Its spending cap of EGP 50.00 a month stays, and so does what is used of it: 12.50."
    response = admin.get(address("mode", cast.retail))
    assert stays in plain(response)
    assert "could use up the whole balance" not in plain(response)
    tree.share(account=cast.retail, by=cast.admin)
    assert stays in plain(admin.get(address("mode", cast.retail)))


# --- the alerts -------------------------------------------------------------------------------


def test_what_becomes_of_its_alerts_is_said_whichever_way_it_is_switched(admin, cast):
    page = address("mode", cast.retail)
    assert "alert" not in plain(admin.get(page)).partition("What will happen")[2]
    alerts.add(account=cast.retail, threshold=Decimal(5), recipients=[cast.admin])
    rests = "Its alert rests until it has a balance of its own again."
    assert rests in plain(admin.get(page))
    alerts.add(account=cast.retail, threshold=Decimal(9), recipients=[cast.admin])
    assert "Its 2 alerts rest until" in plain(admin.get(page))
    tree.share(account=cast.retail, by=cast.admin)
    assert "Its 2 alerts rest no longer: they watch the new balance" in plain(admin.get(page))

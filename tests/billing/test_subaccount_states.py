"""Suspending and restoring an account: works, twice, closed, access."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import Account, State
from billing import tree
from billing.postings import Status
from billing.views import subaccount_changes as views
from tests.billing.accounts_pages import address, charge, hold, plain, signed_in

pytestmark = pytest.mark.django_db


def state_of(account: Account) -> str:
    return Account.objects.get(pk=account.pk).state


@pytest.fixture
def suspend(cast) -> str:
    return address("suspend", cast.retail)


@pytest.fixture
def restore(cast) -> str:
    return address("restore", cast.retail)


def test_the_page_says_what_will_happen_in_figures_and_changes_nothing(admin, cast, suspend):
    hold(cast.retail, "5.50")
    text = plain(admin.get(suspend))
    assert "At once its usage is refused, and so are transfers out of it." in text
    assert "Its balance stays: EGP 15.00 available." in text
    assert "EGP 5.50 on hold in 1 hold stays on hold" in text
    assert state_of(cast.retail) == State.ACTIVE


def test_of_a_shared_account_no_figure_of_the_pool_is_needed(admin, cast):
    text = plain(admin.get(address("suspend", cast.otp)))
    assert "The shared balance of Nile Retail Group, on which it draws, stays as it is." in text
    assert "10,000" not in text


def test_suspending_and_restoring(admin, cast, suspend, restore):
    response = admin.post(suspend, follow=True)
    assert response.redirect_chain == [(address("detail", cast.retail), 302)]
    assert "Suspended Retail branches." in plain(response)
    assert charge(cast.retail, "1").refusal.code == "suspended"
    assert "At once it can spend again: EGP 20.50 is available." in plain(admin.get(restore))
    assert "Restored Retail branches." in plain(admin.post(restore, follow=True))
    assert charge(cast.retail, "1").status == Status.ACCEPTED


def test_twice_it_is_said_and_nothing_changes(admin, cast, suspend, restore):
    assert "Retail branches was not suspended." in plain(admin.post(restore, follow=True))
    admin.post(suspend)
    assert "was suspended already." in plain(admin.post(suspend, follow=True))
    assert state_of(cast.retail) == State.SUSPENDED
    response = admin.get(suspend)
    assert "Retail branches is suspended already." in plain(response)
    assert '<button type="submit" class="button danger"' not in response.content.decode()


def test_restoring_does_not_promise_what_it_cannot_keep(admin, cast, restore):
    charge(cast.retail, "20.50")
    tree.suspend(account=cast.retail, by=cast.admin)
    assert "It has nothing to spend: EGP 0.00 is available." in plain(admin.get(restore))
    tree.suspend(account=cast.nile)
    assert "Nile Retail Group itself is suspended" in plain(admin.get(restore))


@pytest.mark.parametrize("page", ["suspend", "restore"])
def test_a_closed_account_is_neither(admin, cast, page):
    tree.close(account=cast.retail, by=None)
    response = admin.get(address(page, cast.retail))
    assert "Retail branches is closed." in plain(response)
    assert 'method="post"' not in response.content.decode().split("<main", 1)[1]
    response = admin.post(address(page, cast.retail))
    assert response.status_code == 422
    assert "Retail branches is closed." in plain(response)
    assert state_of(cast.retail) == State.CLOSED


def test_balances_that_keep_changing_are_said_and_nothing_was_done(
    admin, cast, suspend, monkeypatch
):
    def busy(**arguments):
        raise views.StartAgain

    monkeypatch.setattr(tree, "suspend", busy)
    response = admin.post(suspend)
    assert response.status_code == 422
    assert "The balances were changing meanwhile, so nothing was done. Try again." in plain(
        response
    )
    assert state_of(cast.retail) == State.ACTIVE


# --- what the platform has suspended ----------------------------------------------------------

BY_PLATFORM = "The platform suspended Retail branches: only its operators can restore it."


@pytest.mark.parametrize("who", ["operator", None])
def test_what_the_platform_suspended_its_company_cannot_restore(admin, cast, restore, who):
    tree.suspend(account=cast.retail, by=getattr(cast, who) if who else None)
    for response in (admin.get(restore), admin.post(restore)):
        assert response.status_code == 403
        assert BY_PLATFORM in plain(response)
    assert state_of(cast.retail) == State.SUSPENDED
    # Nor does suspending it once more make it the admin's own.
    assert "was suspended already." in plain(
        admin.post(address("suspend", cast.retail), follow=True)
    )
    assert admin.post(restore).status_code == 403


def test_an_old_suspension_of_the_platforms_binds_nobody_later(admin, cast, suspend, restore):
    tree.suspend(account=cast.retail, by=cast.operator)
    tree.restore(account=cast.retail, by=cast.operator)
    admin.post(suspend)
    assert admin.post(restore).status_code == 302
    assert state_of(cast.retail) == State.ACTIVE


def test_an_operator_who_comes_first_is_not_overruled(admin, cast, restore, monkeypatch):
    """The page looked before the operator came; under the lock it is looked at again."""
    tree.suspend(account=cast.retail, by=cast.operator)
    monkeypatch.setattr(views, "_is_platforms", lambda account: False)
    response = admin.post(restore)
    assert response.status_code == 403
    assert BY_PLATFORM in plain(response)
    assert state_of(cast.retail) == State.SUSPENDED


# --- the master account -----------------------------------------------------------------------


@pytest.mark.parametrize("page", ["suspend", "restore"])
@pytest.mark.parametrize("who", ["admin", "finance"])
def test_the_companys_own_people_may_not(cast, who, page):
    tree.suspend(account=cast.nile)
    client = signed_in(getattr(cast, who))
    for response in (client.get(address(page, cast.nile)), client.post(address(page, cast.nile))):
        assert response.status_code == 403
        assert "Only the platform's operators can suspend or restore a master account." in plain(
            response
        )
    assert state_of(cast.nile) == State.SUSPENDED


# --- access -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["suspend", "restore"])
def test_operators_are_led_to_a_page_that_asks_for_a_reason_and_nothing_is_done(cast, page):
    operator = signed_in(cast.operator)
    for method in (operator.get, operator.post):
        response = method(address(page, cast.retail))
        assert response.status_code == 302
        assert response["Location"] == f"/operator/accounts/nile/{page}/retail/"
    assert state_of(cast.retail) == State.ACTIVE


@pytest.mark.parametrize("page", ["suspend", "restore"])
@pytest.mark.parametrize("who", ["finance", "marketing_admin", "member"])
def test_who_may_see_it_but_not_suspend_it_gets_403_with_a_sentence(cast, who, page):
    client = signed_in(getattr(cast, who))
    for method in (client.get, client.post):
        response = method(address(page, cast.marketing))
        assert response.status_code == 403
        assert "Only an admin of the master account can suspend or restore" in plain(response)
    assert state_of(cast.marketing) == State.ACTIVE


@pytest.mark.parametrize("page", ["suspend", "restore"])
@pytest.mark.parametrize("who", ["stranger", "gulf_admin", "member"])
def test_who_may_not_see_it_gets_404(cast, who, page):
    client = signed_in(getattr(cast, who))
    assert client.get(address(page, cast.retail)).status_code == 404
    assert client.post(address(page, cast.retail)).status_code == 404
    assert client.post(address(page, cast.nile)).status_code == 404
    assert state_of(cast.retail) == State.ACTIVE


def test_a_foreign_account_under_ones_own_company_is_404(admin, cast):
    assert admin.post(address("suspend", cast.gulf_sales)).status_code == 404
    assert signed_in(cast.operator).post(address("suspend", cast.gulf_sales)).status_code == 404
    assert state_of(cast.gulf_sales) == State.ACTIVE


def test_who_is_not_signed_in_is_asked_to(client, cast, suspend):
    assert client.post(suspend)["Location"].startswith(reverse("account_login"))
    assert state_of(cast.retail) == State.ACTIVE


def test_other_methods_are_refused(admin, suspend):
    assert admin.put(suspend).status_code == 405
    assert admin.head(suspend).status_code == 200

"""Renaming a subaccount: works, twice, malformed, access."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import Account
from billing import tree
from tests.billing.accounts_pages import address, plain, signed_in

pytestmark = pytest.mark.django_db


def name_of(account: Account) -> str:
    return Account.objects.get(pk=account.pk).name


@pytest.fixture
def page(cast) -> str:
    return address("rename", cast.retail)


def test_it_has_the_name_filled_in_and_changes_it(admin, cast, page):
    assert 'value="Retail branches"' in admin.get(page).content.decode()
    response = admin.post(page, {"name": " Shops "}, follow=True)
    assert response.redirect_chain == [(address("detail", cast.retail), 302)]
    assert "Renamed Retail branches to Shops." in plain(response)
    assert name_of(cast.retail) == "Shops"


def test_sent_twice_it_is_renamed_once(admin, cast, page):
    for _time in range(2):
        response = admin.post(page, {"name": "Shops"}, follow=True)
        assert response.status_code == 200
    assert "Renamed Shops" not in plain(response)
    # In its history, once.
    assert plain(response).count("Renamed to Shops") == 1
    assert name_of(cast.retail) == "Shops"


def test_the_case_of_its_own_name_can_change(admin, cast, page):
    assert admin.post(page, {"name": "RETAIL branches"}).status_code == 302
    assert name_of(cast.retail) == "RETAIL branches"


def test_a_closed_account_can_be_renamed_so_that_its_name_is_free(admin, cast, page):
    tree.close(account=cast.retail, by=None)
    assert admin.post(page, {"name": "Retail branches (2025)"}).status_code == 302


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Write a name."),
        ("Marketing", "The company has an account with this name already."),
        ("otp AND security", "The company has an account with this name already."),
        ("n" * 101, "A name has at most 100 characters; this one has 101."),
        ("a\tb", "a line break or another character that cannot be seen"),
        ("a\x00b", "Null characters"),
    ],
)
def test_a_name_that_cannot_be_taken_is_explained_and_stays_as_typed(
    admin, cast, page, name, sentence
):
    response = admin.post(page, {"name": name})
    assert response.status_code == 422
    assert sentence in response.context["form"].errors["name"][0]
    assert sentence in plain(response)
    assert response.context["form"]["name"].value() == name
    # The heading still has the name that the account has.
    assert "<h1>Rename Retail branches</h1>" in response.content.decode()
    assert name_of(cast.retail) == "Retail branches"


def test_a_missing_name_is_an_error(admin, page):
    assert admin.post(page, {}).status_code == 422


@pytest.mark.parametrize("who", ["finance", "operator"])
def test_who_may_see_it_but_not_manage_it_gets_403_with_a_sentence(cast, page, who):
    client = signed_in(getattr(cast, who))
    for response in (client.get(page), client.post(page, {"name": "Mine"})):
        assert response.status_code == 403
        assert "Only an admin of the master account can open, rename or close" in plain(response)
    assert name_of(cast.retail) == "Retail branches"


def test_its_own_admin_may_not_rename_it(cast):
    client = signed_in(cast.marketing_admin)
    assert client.post(address("rename", cast.marketing), {"name": "Mine"}).status_code == 403
    assert name_of(cast.marketing) == "Marketing"


@pytest.mark.parametrize("who", ["stranger", "gulf_admin", "member", "otp_member"])
def test_who_may_not_see_it_gets_404(cast, page, who):
    client = signed_in(getattr(cast, who))
    assert client.get(page).status_code == 404
    assert client.post(page, {"name": "Mine"}).status_code == 404
    assert name_of(cast.retail) == "Retail branches"


def test_who_is_not_signed_in_is_asked_to(client, page):
    assert client.post(page, {"name": "x"})["Location"].startswith(reverse("account_login"))


def test_neither_master_account_nor_foreign_nor_unknown_account_has_the_page(admin, cast):
    for code in ("nile", "sales", "gulf", "nobody", "NILE", "x" * 500):
        assert admin.get(address("rename", code)).status_code == 404
    # An account of another company is not found under one's own by its code, either.
    assert admin.get(address("rename", "sales", company="gulf")).status_code == 404

"""The ways to top up that the overview and an account's page offer, to those who may."""

from __future__ import annotations

import pytest
from django.urls import reverse

from billing import charges

pytestmark = pytest.mark.django_db

NEW = reverse("payment-new", args=["nile"])


@pytest.mark.parametrize(
    ("who", "code"),
    [("admin", "nile"), ("member", "marketing"), ("finance", None), ("otp_member", None)],
)
def test_the_overview_tops_up_the_first_account_that_the_person_may(client, cast, who, code):
    client.force_login(getattr(cast, who))
    page = client.get(reverse("overview", args=["nile"])).content.decode()
    if code is None:
        assert NEW not in page
    else:
        assert f'href="{NEW}?account={getattr(cast, code).pk}"' in page
    assert reverse("payment-list", args=["nile"]) in page


@pytest.mark.parametrize(
    ("who", "code", "offered"),
    [
        ("admin", "nile", True),
        ("admin", "retail", True),
        ("admin", "otp", False),
        ("finance", "retail", False),
        ("operator", "nile", False),
        ("member", "marketing", True),
    ],
)
def test_an_accounts_page_offers_it_where_it_can_be_done(client, cast, who, code, offered):
    client.force_login(getattr(cast, who))
    page = client.get(reverse("subaccount-detail", args=["nile", code])).content.decode()
    assert (f'href="{NEW}?account={getattr(cast, code).pk}"' in page) is offered


@pytest.mark.parametrize(("who", "offered"), [("admin", True), ("finance", False)])
def test_the_notice_of_a_used_up_balance_offers_it(client, cast, who, offered):
    charges.charge(account=cast.nile, amount=10_000, reference="all")
    client.force_login(getattr(cast, who))
    response = client.get(reverse("overview", args=["nile"]))
    notice = response.context["notices"][0]
    assert notice.title == "Your balance is used up."
    assert notice.href == (f"{NEW}?account={cast.nile.pk}" if offered else "")

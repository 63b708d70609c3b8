"""The live preview: both balances before and after, or why not, or calm."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from billing import tree
from billing.models import Entry, Transfer
from tests.factories import give, set_limit

pytestmark = pytest.mark.django_db

NILE = reverse("transfer-preview", args=["nile"])


def fragment(admin, typed) -> str:
    """The fragment's text; asking for it writes nothing."""
    before = Transfer.objects.count(), Entry.objects.count()
    response = admin.get(NILE, typed, headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert (Transfer.objects.count(), Entry.objects.count()) == before
    html = response.content.decode()
    assert html.count('id="transfer-preview"') == 1
    assert "<html" not in html
    text = html.replace("&#x27;", "'").replace("&quot;", '"')
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def test_both_available_balances_before_and_after(admin, ten):
    text = fragment(admin, ten)
    assert re.search(r"Marketing .*500\.00 .*490\.00 .*Retail branches .*20\.50 .*30\.50", text)


def test_the_limit_counts_and_what_is_available_is_rounded_down(admin, cast, ten):
    give(cast.marketing, "0.009")
    set_limit(cast.marketing, "100")
    text = fragment(admin, ten)
    assert "600.00" in text
    assert "590.00" in text
    assert "600.01" not in text


def test_it_says_who_will_see_it(admin, cast, ten):
    assert (
        "The people of Marketing and Retail branches will see this transfer and its note, and so"
        " will the finance staff and admins of Nile Retail Group." in fragment(admin, ten)
    )
    assert "The people of Retail branches will see" in fragment(
        admin, ten | {"from": cast.nile.pk}
    )
    assert "The people of Marketing will see" in fragment(admin, ten | {"to": cast.nile.pk})


def test_more_than_available_is_said_with_the_figures(admin, ten):
    text = fragment(admin, ten | {"amount": "500.01"})
    assert "Marketing can spend at most EGP 500.00: 0.01 less than asked for." in text
    assert "will see" not in text


def test_every_other_refusal_is_said(admin, cast, ten):
    assert "itself" in fragment(admin, ten | {"to": cast.marketing.pk})
    assert "draws on the master account's balance" in fragment(admin, ten | {"to": cast.otp.pk})
    tree.suspend(account=cast.marketing)
    assert "Marketing is suspended" in fragment(admin, ten)


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"amount": ""},
        {"amount": "1."},
        {"from": ""},
        {"from": "x\x00"},
        {"from": "9" * 40},
        {"to": "-1"},
    ],
)
def test_what_cannot_be_read_yet_leaves_it_calm(admin, ten, typed):
    text = fragment(admin, ten | typed if typed else {})
    assert "Fill in the amount and both accounts" in text
    assert "490.00" not in text


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("1,5", "without commas or spaces"),
        ("abc", "Write the amount in digits"),
        ("0", "The amount is zero"),
        ("-1", "The amount is below zero"),
        ("1.005", "too many decimals: at most 2."),
        ("1\x00", "Write the amount in digits"),
        ("9" * 5000, "The amount is too large"),
    ],
)
def test_what_is_wrong_with_the_amount_is_said_at_once(admin, ten, amount, sentence):
    for typed in (ten, {}):
        text = fragment(admin, typed | {"amount": amount})
        assert sentence in text
        assert "Fill in" not in text


def test_a_side_is_shown_as_soon_as_its_account_is_chosen(admin, ten):
    text = fragment(admin, {"from": ten["from"]})
    assert re.search(r"Marketing From Available now 500\.00 After — To Available now —", text)
    text = fragment(admin, {"to": ten["to"]})
    assert re.search(r"From Available now — After — Retail branches To Available now 20\.50", text)


def test_another_companys_account_leaves_it_calm(admin, cast, ten):
    text = fragment(admin, ten | {"to": cast.gulf_sales.pk})
    assert "Fill in the amount" in text
    assert "300" not in text


def test_who_is_not_signed_in_is_asked_to(client, cast, ten):
    assert client.get(NILE, ten).status_code == 302


@pytest.mark.parametrize("who", ["stranger", "gulf_admin"])
def test_a_stranger_and_another_companys_admin_get_404(client, cast, ten, who):
    client.force_login(getattr(cast, who))
    assert client.get(NILE, ten).status_code == 404


@pytest.mark.parametrize("who", ["finance", "operator", "marketing_admin", "member", "otp_member"])
def test_who_may_not_move_credit_gets_403(client, cast, ten, who):
    client.force_login(getattr(cast, who))
    assert client.get(NILE, ten).status_code == 403


def test_it_is_only_read(admin, ten):
    assert admin.post(NILE, ten).status_code == 405

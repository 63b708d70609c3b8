"""The spending cap's page: works, previewed, refused, foreign, malformed, twice."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
import time_machine
from django.urls import reverse

from billing import caps, tree
from billing.models import CapChange
from billing.views import subaccount_cap as views
from tests.billing.accounts_pages import address, charge, hold, plain, signed_in
from tests.factories import balance_of, give

pytestmark = pytest.mark.django_db

ROLES = "Only an admin of the master account can open, rename or close its subaccounts"


@pytest.fixture
def page(cast) -> str:
    return address("cap", cast.marketing)


@pytest.fixture
def preview(cast) -> str:
    return address("cap-preview", cast.marketing)


def cap_of(account):
    balance = balance_of(account)
    return balance.cap, balance.cap_is_hard


# --- setting, changing, taking away -----------------------------------------------------------


def test_an_admin_sets_changes_and_takes_away_a_cap(admin, cast, page):
    charge(cast.marketing, "120")
    response = admin.post(page, {"amount": "500", "kind": "hard"}, follow=True)
    assert response.redirect_chain == [(address("detail", cast.marketing), 302)]
    assert "Marketing may spend at most EGP 500.00 a month. EGP 380.00 left this month." in plain(
        response
    )
    assert cap_of(cast.marketing) == (500, True)

    text = plain(admin.post(page, {"amount": "100.50", "kind": "soft"}, follow=True))
    assert "Passed by EGP 19.50 this month. The cap only warns." in text
    assert cap_of(cast.marketing) == (Decimal("100.5"), False)

    text = plain(admin.post(page, {"take_away": "1"}, follow=True))
    assert "Marketing has no spending cap any more." in text
    assert cap_of(cast.marketing) == (None, True)
    told = CapChange.objects.order_by("id").values_list("old", "new", "new_is_hard", "by")
    assert list(told) == [
        (None, 500, True, cast.admin.pk),
        (500, Decimal("100.5"), False, cast.admin.pk),
        (Decimal("100.5"), None, True, cast.admin.pk),
    ]


def test_sent_twice_it_is_set_once(admin, cast, page):
    for _time in range(2):
        response = admin.post(page, {"amount": "500", "kind": "hard"}, follow=True)
    assert "This was the spending cap of Marketing already." in plain(response)
    for _time in range(2):
        response = admin.post(page, {"take_away": "1"}, follow=True)
    assert "Marketing had no spending cap." in plain(response)
    assert CapChange.objects.count() == 2


def test_the_page_tells_what_was_spent_and_has_the_cap_filled_in(admin, cast, page):
    text = plain(admin.get(page))
    assert "Set the cap" in text
    assert "Take the cap away" not in text
    assert "Write an amount to see what it would mean today." in text
    charge(cast.marketing, "120.0025")
    hold(cast.marketing, "15")
    caps.change(account=cast.marketing, cap=Decimal("750.5"), is_hard=False)
    response = admin.get(page)
    text = plain(response)
    assert re.search(r"Spent in \w+ EGP 120\.0025 On hold now EGP 15\.00 Spent in \w+ EGP 0", text)
    assert 'value="750.50"' in response.content.decode()
    assert re.search(r'value="soft"[^>]*checked', response.content.decode())
    assert "Take the cap away" in text
    # What the cap in force does stands there until something is typed.
    assert "EGP 615.4975 left this month. The cap only warns." in text
    assert CapChange.objects.count() == 1


def test_of_a_shared_account_no_figure_of_the_pool_is_needed(admin, cast):
    text = plain(admin.get(address("cap", cast.otp)))
    assert "Spending cap of OTP and security" in text
    assert "10,000" not in text


def test_last_months_spending_is_there_to_compare(admin, cast):
    with time_machine.travel("2026-01-20T12:00:00Z"):
        assert caps.months(cast.nile).last.isoformat() == "2025-12-01"
        text = plain(admin.get(address("cap", cast.retail)))
    assert "Spent in January" in text
    assert "Spent in December" in text
    assert "the next one on 1 February, by Cairo time" in text


# --- what it would mean -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "kind", "sentence"),
    [
        ("500", "hard", "EGP 365.00 left this month. What would pass the cap is refused."),
        ("500", "soft", "EGP 365.00 left this month. Nothing is refused past it."),
        ("135", "hard", "Already used up: its messages would be refused until 1 December."),
        ("100", "hard", "Already used up: its messages would be refused until 1 December."),
        ("135", "soft", "Already used up. Nothing would be refused."),
        ("100", "soft", "Already passed by EGP 35.00. Nothing would be refused."),
        ("0", "hard", "It could spend nothing: all its messages would be refused from now on."),
        ("", "hard", "Write an amount to see what it would mean today."),
        ("1,000", "hard", "Write the amount in digits"),
        ("-1", "hard", "A cap is zero or more."),
        ("0.001", "hard", "too many decimals"),
        ("9" * 13, "hard", "too large"),
        ("500", "", "Choose what happens when the cap is used up."),
        ("500", "firm", "Choose one of the two."),
        ("5\x000", "hard", "Write the amount in digits"),
    ],
)
def test_the_preview_says_what_it_would_mean_now(
    admin, cast, preview, page, amount, kind, sentence
):
    charge(cast.marketing, "120")
    hold(cast.marketing, "15")
    months = caps.months(cast.nile)
    sentence = sentence.replace("1 December", f"{months.next:%-d %B}")
    typed = {"amount": amount, "kind": kind}
    fragment = admin.get(preview, typed)
    assert fragment.status_code == 200
    assert sentence in plain(fragment)
    assert "<html" not in fragment.content.decode()
    # Without JavaScript the page itself shows it.
    assert sentence in plain(admin.get(page, typed | {"preview": "1"})) or not amount
    assert CapChange.objects.count() == 0


def test_the_preview_of_nothing_is_no_error(admin, preview):
    response = admin.get(preview)
    assert response.status_code == 200
    assert "Write an amount" in plain(response)


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"kind": "hard"}, "Write how much it may spend in a month."),
        ({"amount": "", "kind": "hard"}, "Write how much it may spend in a month."),
        ({"amount": "1_000", "kind": "hard"}, "Write the amount in digits"),
        ({"amount": "NaN", "kind": "hard"}, "Write the amount in digits"),
        ({"amount": "1e5", "kind": "hard"}, "Write the amount in digits"),
        ({"amount": "٣", "kind": "hard"}, "Write the amount in digits"),
        ({"amount": "-5", "kind": "hard"}, "A cap is zero or more."),
        ({"amount": "1.005", "kind": "hard"}, "too many decimals"),
        ({"amount": "9" * 13, "kind": "hard"}, "too large"),
        ({"amount": "9" * 5000, "kind": "hard"}, "too large"),
        ({"amount": "5"}, "Choose what happens when the cap is used up."),
        ({"amount": "5", "kind": "\x00"}, "Choose one of the two."),
    ],
)
def test_bad_input_is_told_at_its_field_and_kept_as_typed(admin, cast, page, typed, sentence):
    response = admin.post(page, typed)
    assert response.status_code == 422
    text = plain(response)
    assert "There is a problem" in text
    assert sentence in text
    if typed.get("amount"):
        assert f'value="{typed["amount"]}"' in response.content.decode()
    assert cap_of(cast.marketing) == (None, True)


def test_zero_is_a_cap(admin, cast, page):
    text = plain(admin.post(page, {"amount": "0", "kind": "hard"}, follow=True))
    assert "It may spend nothing: all its messages are refused until the cap is raised." in text
    assert charge(cast.marketing, "0.0001").refusal.code == "spending_cap"


def test_a_cap_has_the_decimals_of_the_currency(cast):
    client = signed_in(cast.gulf_admin)
    page = address("cap", cast.gulf_sales, company="gulf")
    give(cast.gulf_sales, "1")
    assert client.post(page, {"amount": "0.125", "kind": "hard"}).status_code == 302
    assert cap_of(cast.gulf_sales) == (Decimal("0.125"), True)
    assert 'value="0.125"' in client.get(page).content.decode()


def test_a_closed_account_is_refused_kindly(admin, cast):
    page = address("cap", cast.retail)
    tree.close(account=cast.retail, by=None)
    response = admin.get(page)
    assert response.status_code == 200
    assert "Retail branches is closed." in plain(response)
    assert 'method="post"' not in response.content.decode().split("<main", 1)[1]
    for typed in ({"amount": "5", "kind": "hard"}, {"take_away": "1"}):
        response = admin.post(page, typed)
        assert response.status_code == 422
        assert "Retail branches is closed." in plain(response)
    assert CapChange.objects.count() == 0


def test_an_account_that_keeps_changing_is_said_and_nothing_was_done(
    admin, cast, page, monkeypatch
):
    def busy(**arguments):
        raise views.StartAgain

    monkeypatch.setattr(caps, "change", busy)
    response = admin.post(page, {"amount": "500", "kind": "hard"})
    assert response.status_code == 422
    assert "The account was changing meanwhile, so nothing was done." in plain(response)
    assert 'value="500"' in response.content.decode()


# --- access -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["finance", "marketing_admin", "member", "operator"])
def test_who_may_see_the_account_but_not_cap_it_gets_403_with_a_sentence(cast, who, page, preview):
    client = signed_in(getattr(cast, who))
    answers = (client.get(page), client.post(page, {"amount": "5", "kind": "hard"}))
    for response in (*answers, client.get(preview)):
        assert response.status_code == 403
        assert ROLES in plain(response)
        assert "set their spending caps" in plain(response)
    assert cap_of(cast.marketing) == (None, True)


@pytest.mark.parametrize("who", ["stranger", "gulf_admin", "otp_member"])
def test_who_may_not_see_the_account_gets_404(cast, who, page, preview):
    client = signed_in(getattr(cast, who))
    assert client.get(page).status_code == 404
    assert client.get(preview).status_code == 404
    assert client.post(page, {"amount": "5", "kind": "hard"}).status_code == 404
    assert cap_of(cast.marketing) == (None, True)


def test_a_foreign_account_and_a_master_account_have_no_such_page(admin, cast):
    for account in (cast.gulf_sales, cast.nile, "nobody"):
        for name in ("cap", "cap-preview"):
            assert admin.get(address(name, account)).status_code == 404
        assert admin.post(address("cap", account), {"take_away": "1"}).status_code == 404


def test_who_is_not_signed_in_is_asked_to(client, page, preview):
    for response in (client.get(page), client.post(page), client.get(preview)):
        assert response["Location"].startswith(reverse("account_login"))


def test_other_methods_are_refused(admin, page, preview):
    assert admin.put(page).status_code == 405
    assert admin.post(preview).status_code == 405
    assert admin.head(page).status_code == 200

"""The operators' pages of master accounts: the list, opening one, and one's own page."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest
from django.test import Client
from django.urls import reverse

from accounts import invitations
from accounts.audit_events import AuditEvent
from accounts.models import Account, Invitation, Membership, Role
from billing import adjustments, limits, tree
from billing.models import AccountChange, CreditLimitChange
from tests.accounts.people import link
from tests.billing.payments.operators import address, plain
from tests.factories import give, make_branches, make_master, make_user
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

PLACES = {
    "account-list": [],
    "account-new": [],
    "account": ["nile"],
    "account-edit": ["nile"],
    "account-admin": ["nile"],
    "account-limit": ["nile", "marketing"],
    "account-limit-preview": ["nile", "nile"],
    "account-suspend": ["nile", "nile"],
    "account-restore": ["nile", "retail"],
}
OTHERS = ["admin", "finance", "marketing_admin", "member", "otp_member", "gulf_admin", "stranger"]
ACME = {
    "name": "Acme Trading",
    "code": "acme",
    "country": "KW",
    "currency": "KWD",
    "time_zone": "Asia/Kuwait",
    "email": "",
}


@pytest.fixture
def operator(client: Client, cast) -> Client:
    client.force_login(cast.operator)
    return client


def counts() -> tuple[int, ...]:
    models = (Account, Invitation, CreditLimitChange, AccountChange)
    return tuple(model.objects.count() for model in models)


# --- who gets in ------------------------------------------------------------------------------


@pytest.mark.parametrize("who", OTHERS)
def test_customers_get_404_everywhere_and_nothing_happens(client, cast, who):
    client.force_login(getattr(cast, who))
    before = counts()
    for page, arguments in PLACES.items():
        assert client.get(address(page, *arguments)).status_code == 404, page
        sent = client.post(address(page, *arguments), ACME | {"limit": "9", "reason": "mine"})
        assert sent.status_code in {404, 405}, page
    assert counts() == before


def test_who_is_not_signed_in_is_asked_to_and_who_has_no_second_factor_sets_one_up(client, cast):
    bare = make_user("bare@platform.example", is_staff=True)
    bare.authenticator_set.all().delete()
    before = counts()
    for page, arguments in PLACES.items():
        assert client.get(address(page, *arguments))["Location"].startswith("/auth/login/")
    client.force_login(bare)
    for page, arguments in PLACES.items():
        for answer in (
            client.get(address(page, *arguments)),
            client.post(address(page, *arguments), ACME),
        ):
            assert answer.status_code == 302, page
            assert answer["Location"] == reverse("security")
    assert counts() == before


@pytest.mark.parametrize(
    "path",
    [
        "accounts/nobody/",
        "accounts/marketing/",  # a subaccount is no company
        "accounts/nobody/edit/",
        "accounts/nobody/admin/",
        "accounts/nile/limit/sales/",  # another company's
        "accounts/nile/suspend/sales/",
        "accounts/nile/restore/nobody/",
        "accounts/gulf/limit/nile/preview/",
        "accounts/?after=%00",
        "accounts/?after=A+b",
    ],
)
def test_what_is_not_there_is_404(operator, path):
    assert operator.get(f"/operator/{path}").status_code == 404
    assert operator.post(f"/operator/{path}", ACME).status_code in {404, 405}


# --- the list ---------------------------------------------------------------------------------


def test_the_list_tells_figures_and_is_filtered(operator, cast):
    tree.suspend(account=cast.gulf, by=cast.operator, reason="late")
    empty = make_master("empty", name="Empty House")
    limits.change(account=cast.nile, limit=Decimal(50), reason="agreed")
    here = address("account-list")
    text = plain(operator.get(here))
    assert "Nile Retail Group nile Egypt Active 3 EGP 10,000.00 EGP 50.00 EGP 10,050.00" in text
    assert "Gulf Trading gulf Kuwait Suspended 1 KWD 300.000" in text
    for query, found in [
        ("q=retail+NILE", ["nile"]),
        ("q=gul", ["gulf"]),
        ("country=EG", ["empty", "nile"]),
        ("state=suspended", ["gulf"]),
        ("state=restricted", ["empty"]),
        ("state=active&country=EG", ["nile"]),
        ("q=zzz", []),
    ]:
        rows = operator.get(f"{here}?{query}").context["rows"]
        assert [row["company"].code for row in rows] == found, query
    give(empty, "1")
    assert not operator.get(f"{here}?state=restricted").context["rows"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("q=" + "x" * 101, "at most 100 characters"),
        ("q=a%00b", "Null characters are not allowed."),
        ("q=a%0Ab", "Write it in one line"),
        ("country=XX", "No master account is in “XX”."),
        ("state=closed", "“closed” is not a state of a master account."),
    ],
)
def test_a_bad_filter_says_why_and_shows_no_rows(operator, query, sentence):
    response = operator.get(f"{address('account-list')}?{query}")
    assert sentence in plain(response)
    assert response.context["rows"] == []


def test_pages_follow_each_other_and_take_no_more_queries(
    operator, cast, monkeypatch, django_assert_num_queries
):
    monkeypatch.setattr("billing.views.operator_accounts.PAGE_SIZE", 1)
    here = address("account-list")
    first = operator.get(f"{here}?q=a")
    assert [row["company"].code for row in first.context["rows"]] == ["gulf"]
    assert f"{here}?q=a&amp;after=gulf" in first.content.decode()
    second = operator.get(f"{here}?q=a&after=gulf")
    assert [row["company"].code for row in second.context["rows"]] == ["nile"]
    assert second.context["next"] is None
    monkeypatch.undo()
    with django_assert_num_queries(7):
        operator.get(here)
    make_branches(cast.nile, 5)
    make_master("third")
    with django_assert_num_queries(7):
        operator.get(here)


# --- opening ----------------------------------------------------------------------------------


def test_opening_one_with_its_first_admin_who_accepts(operator, cast, client):
    asked = ACME | {"email": "First@acme.example"}
    response = operator.post(address("account-new"), asked, follow=True)
    assert response.redirect_chain == [(address("account", "acme"), 302)]
    assert "Opened Acme Trading." in plain(response)
    assert "first@acme.example is invited to be its first master admin" in plain(response)
    acme = Account.objects.get(code="acme")
    assert (acme.country, acme.currency, acme.time_zone) == ("KW", "KWD", "Asia/Kuwait")
    opened = AuditEvent.objects.get(account=acme, action="account_opened")
    assert opened.actor == cast.operator
    made = Invitation.objects.get(account=acme)
    assert (made.role, made.invited_by) == (Role.MASTER_ADMIN, cast.operator)
    # Sent twice: one account, one mail.
    again = plain(operator.post(address("account-new"), asked, follow=True))
    assert "Acme Trading is there already, just so." in again
    assert Invitation.objects.filter(account=acme).count() == 1
    person = {
        "name": "First",
        "password1": "seven green camels",
        "password2": "seven green camels",
    }
    Client().post(link(made), person)
    assert Membership.objects.get(account=acme).role == Role.MASTER_ADMIN
    assert "first@acme.example" in plain(operator.get(address("account", "acme")))


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"name": " "}, "name", "Write a name."),
        ({"name": "x" * 101}, "name", "at most 100 characters; this one has 101"),
        ({"name": "a\u2028b"}, "name", "cannot be seen"),
        ({"code": ""}, "code", "Write a code."),
        ({"code": "Ac me"}, "code", "lower-case letters, digits and hyphens"),
        ({"code": "acme\n"}, "code", ""),
        ({"code": "nile"}, "code", "Another master account has this code."),
        ({"code": "new"}, "code", "a word of the console's own addresses"),
        ({"country": ""}, "country", "Choose the country."),
        ({"country": "EU"}, "country", "“EU” is none of those listed."),
        ({"currency": "DEM"}, "currency", "“DEM” is none of those listed."),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "is none of those listed."),
        ({"email": "nobody"}, "email", "Write a whole e-mail address"),
        ({"email": f"{'x' * 250}@acme.example"}, "email", "at most 254 characters"),
        ({"name": "a\0b"}, "name", "Null characters"),
    ],
)
def test_what_is_malformed_is_said_beside_its_field_and_opens_nothing(
    operator, cast, fields, field, sentence
):
    before = counts()
    response = operator.post(address("account-new"), ACME | fields)
    if fields == {"code": "acme\n"}:  # spaces at the ends are no part of it
        assert response.status_code == 302
        return
    assert response.status_code == 422
    assert any(sentence in error for error in response.context["form"].errors[field])
    assert response.context["form"]["name"].value() == (ACME | fields)["name"]
    assert counts() == before


def test_two_who_open_the_same_code_at_once_open_one_and_the_other_is_told(cast):
    def open_one(name: str) -> str:
        browser = Client()
        browser.force_login(cast.operator)
        answer = browser.post(address("account-new"), ACME | {"name": name})
        return plain(answer) if answer.status_code == 422 else "opened"

    told = at_once(partial(open_one, "Acme Trading"), partial(open_one, "Acme Shipping"))
    assert sorted(each == "opened" for each in told) == [False, True]
    assert any("Another master account has this code." in each for each in told)
    assert Account.objects.filter(code="acme").count() == 1


# --- the page of one --------------------------------------------------------------------------


def test_the_page_tells_all_of_it_in_a_fixed_number_of_queries(
    operator, cast, django_assert_num_queries
):
    limits.change(account=cast.marketing, limit=Decimal(70), reason="Ramadan", by=cast.operator)
    adjustments.make(
        account=cast.retail,
        amount=Decimal("-2.50"),
        reason="booked twice",
        reference="fix-1",
        by=cast.operator,
    )
    tree.suspend(account=cast.nile, by=cast.operator, reason="Cheque came back")
    here = address("account", "nile")
    operator.get(here)
    with django_assert_num_queries(14):
        response = operator.get(here)
    text = plain(response)
    for told in (
        "EGP 10,000 .00",
        "Africa/Cairo",
        "admin@nile.example",
        "for the platform",
        "Cheque came back",
        "Marketing EGP 0.00 EGP 70.00 Ramadan operator@platform.example",
        "EGP \N{MINUS SIGN}2.50 Retail branches booked twice · operator@platform.example",
        "OTP and security",
    ):
        assert told in text, told
    make_branches(cast.nile, 30)
    with django_assert_num_queries(14):
        text = plain(operator.get(here))
    assert "Branch 0" in text
    assert "All subaccounts" in text


def test_the_reason_of_a_suspension_is_not_told_to_customers(operator, cast):
    tree.suspend(account=cast.retail, by=cast.operator, reason="Smells of fraud")
    page = reverse("subaccount-detail", args=["nile", "retail"])
    assert "Smells of fraud" in plain(operator.get(page))
    operator.force_login(cast.admin)
    for path in (page, reverse("audit-log", args=["nile"])):
        text = plain(operator.get(path))
        assert "Smells of fraud" not in text
        assert "Operator" in text or "platform" in text


# --- the first admin --------------------------------------------------------------------------


def test_operators_invite_nobody_to_a_company_that_has_an_admin(operator, cast):
    response = operator.post(address("account-admin", "nile"), {"email": "me@elsewhere.example"})
    assert response.status_code == 403
    assert "Nile Retail Group has a master admin, who invites its people" in plain(response)
    assert not Invitation.objects.exists()


def test_a_first_admin_is_one_and_can_be_sent_again_or_withdrawn(operator, cast):
    make_master("acme")
    here = address("account-admin", "acme")
    assert operator.post(here, {"email": "a@acme.example"}).status_code == 302
    second = operator.post(here, {"email": "b@acme.example"})
    assert second.status_code == 422
    assert "a@acme.example is invited to be the first master admin of Acme" in plain(second)
    first = Invitation.objects.get()
    foreign = invitations.invite(
        company=cast.nile,
        account=cast.nile,
        email="x@nile.example",
        role=Role.MASTER_ADMIN,
        by=cast.admin,
    )
    for number in ("", "x", "999999999999999999999", str(foreign.pk)):
        answer = operator.post(here, {"do": "withdraw", "invitation": number})
        assert answer.status_code == 422
        assert "nothing was done" in plain(answer)
    operator.post(here, {"do": "again", "invitation": str(first.pk)})
    [latest] = Invitation.objects.filter(ended="", account__code="acme")
    assert latest.pk != first.pk
    assert operator.post(here, {"do": "eat", "invitation": "1"}).status_code == 403
    for _twice in range(2):
        operator.post(here, {"do": "withdraw", "invitation": str(latest.pk)})
    assert not Invitation.objects.filter(ended="", account__code="acme").exists()
    for email in ("", "nobody"):
        assert operator.post(here, {"email": email}).status_code == 422
    assert operator.post(here, {"email": "b@acme.example"}).status_code == 302

"""The page of a company's API keys: made and shown once, revoked at once, nobody else's."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from accounts import api_keys
from accounts.models import ApiKey, Scope
from accounts.refusals import Refused
from tests.accounts.people import as_, words
from tests.threads import at_once

pytestmark = pytest.mark.django_db

KEYS = "/accounts/nile/api-keys/"


def form(**changes):
    return {
        "name": "SMS gateway",
        "scopes": ["balance:read", "charges:write"],
        "form": str(uuid4()),
    } | changes


def make(cast, name: str = "Old gateway") -> tuple[ApiKey, str]:
    return api_keys.create(name=name, scopes=[Scope.BALANCE_READ], master=cast.nile, by=cast.admin)


@pytest.mark.parametrize(
    ("who", "sees", "makes"),
    [
        ("admin", 200, 200),
        ("operator", 200, 403),
        ("finance", 403, 403),
        ("marketing_admin", 403, 403),
        ("member", 403, 403),
        ("gulf_admin", 404, 404),
        ("stranger", 404, 404),
    ],
)
def test_who_sees_makes_and_revokes_keys(cast, who, sees, makes):
    row, _key = make(cast)
    browser = as_(getattr(cast, who))
    answer = browser.get(KEYS)
    assert answer.status_code == sees
    assert (row.prefix in words(answer)) is (sees == 200)
    assert ("New key" in words(answer)) is (makes == 200)
    assert browser.get(f"{KEYS}new/").status_code == makes
    assert browser.post(f"{KEYS}new/", form()).status_code == makes
    page = f"{KEYS}{row.prefix}/revoke/"
    assert browser.get(page).status_code == makes
    assert browser.post(page).status_code == (302 if makes == 200 else makes)
    row.refresh_from_db()
    assert bool(row.revoked_at) is (makes == 200)
    assert ApiKey.objects.count() == 1 + (makes == 200)


def test_an_anonymous_person_makes_no_key(cast):
    for page in (KEYS, f"{KEYS}new/"):
        assert "/auth/login/" in Client().post(page, form())["Location"]
    assert not ApiKey.objects.exists()


def test_a_key_is_shown_once_and_opens_the_api_until_it_is_revoked(cast):
    browser = as_(cast.admin)
    typed = form()
    answer = browser.post(f"{KEYS}new/", typed)
    [key] = set(re.findall(r"cck_[a-z2-7]{8}_[A-Za-z0-9_-]{43}", words(answer)))
    assert "no-store" in answer["Cache-Control"]
    row = ApiKey.objects.get()
    assert (row.name, row.created_by, row.master) == ("SMS gateway", cast.admin, cast.nile)
    assert row.scopes == ["balance:read", "charges:write"]

    def ask() -> int:
        address = "/api/v1/masters/nile/accounts/marketing/balance"
        return Client().get(address, headers={"Authorization": f"Bearer {key}"}).status_code

    assert ask() == 200
    # Sent again it makes no second one, and shows none.
    again = browser.post(f"{KEYS}new/", typed, follow=True)
    assert "was made already" in words(again)
    assert ApiKey.objects.count() == 1
    for page in (again, browser.get(KEYS)):
        assert row.prefix in words(page)
        assert key not in words(page)
    assert all(key not in str(each.get_decoded()) for each in Session.objects.all())
    assert all(key not in morsel.value for morsel in browser.cookies.values())

    browser.post(f"{KEYS}{row.prefix}/revoke/")
    assert ask() == 401
    twice = browser.post(f"{KEYS}{row.prefix}/revoke/", follow=True)
    assert "was revoked already" in words(twice)
    assert "Revoked keys" in words(twice)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"form": "1"}, "form"),
        ({"form": ""}, "form"),
    ],
)
def test_a_bad_form_is_refused_beside_its_field_and_keeps_what_was_typed(cast, typed, field):
    answer = as_(cast.admin).post(f"{KEYS}new/", form(**typed))
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    if field == "form":
        # With a number of its own it can be sent again.
        fresh = answer.context["form"]["form"].value()
        assert as_(cast.admin).post(f"{KEYS}new/", form(form=fresh)).status_code == 200
    assert ApiKey.objects.count() == (field == "form")


def test_keys_of_others_and_of_the_platform_are_not_there(cast):
    of_platform, _ = api_keys.create(name="All", scopes=[Scope.BALANCE_READ], master=None)
    of_gulf, _ = api_keys.create(name="Gulf", scopes=[Scope.BALANCE_READ], master=cast.gulf)
    browser = as_(cast.admin)
    for row in (of_platform, of_gulf):
        assert row.prefix not in words(browser.get(KEYS))
        assert browser.post(f"{KEYS}{row.prefix}/revoke/").status_code == 404
        row.refresh_from_db()
        assert row.revoked_at is None
    # A form's number that another company has used tells nothing of it.
    used = uuid4()
    api_keys.create(
        name="Theirs", scopes=[Scope.BALANCE_READ], master=cast.gulf, form=used, by=cast.gulf_admin
    )
    answer = browser.post(f"{KEYS}new/", form(form=str(used)))
    assert "The key for SMS gateway" in words(answer)
    assert "Theirs" not in words(answer)


def test_a_company_has_fifty_keys_in_use(cast, monkeypatch):
    monkeypatch.setattr(api_keys, "MOST_OF_A_COMPANY", 1)
    make(cast)
    answer = as_(cast.admin).post(f"{KEYS}new/", form())
    assert answer.status_code == 422
    assert "has 1 keys, and cannot have more" in words(answer)


def test_the_number_of_queries_does_not_grow_with_the_keys(cast, django_assert_num_queries):
    browser = as_(cast.admin)
    for number in range(10):
        row, _key = make(cast, f"Gateway {number}")
        if number % 2:
            api_keys.revoke(prefix=row.prefix)
    with django_assert_num_queries(9):
        assert browser.get(KEYS).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_same_form_sent_twice_at_once_makes_one_key(cast):
    number = uuid4()

    def job():
        try:
            return api_keys.create(
                name="Gateway",
                scopes=[Scope.BALANCE_READ],
                master=cast.nile,
                by=cast.admin,
                form=number,
            )
        except Refused as refusal:
            return refusal

    results = at_once(*[job] * 3)
    assert sum(isinstance(each, api_keys.KeyMadeAlready) for each in results) == 2
    assert ApiKey.objects.count() == 1

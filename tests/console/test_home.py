"""The front door."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import Membership, Role, User

pytestmark = pytest.mark.django_db


def test_who_has_one_company_goes_straight_to_it(cast, client):
    client.force_login(cast.member)
    answer = client.get(reverse("home"))
    assert answer.status_code == 302
    assert answer.url == "/accounts/nile/"


def test_who_has_several_companies_chooses(cast, client):
    Membership.objects.create(user=cast.member, account=cast.gulf, role=Role.FINANCE)
    client.force_login(cast.member)
    page = client.get(reverse("home")).content.decode()
    assert "Nile Retail Group" in page
    assert "Gulf Trading" in page


def test_an_operator_begins_with_what_waits(cast, client):
    client.force_login(cast.operator)
    answer = client.get(reverse("home"))
    assert answer.status_code == 302
    assert answer.url == "/operator/"
    # From inside a company the way to the others is the list of them all.
    page = client.get("/accounts/nile/").content.decode()
    assert '<a class="company" href="/operator/accounts/">' in page


def test_a_stranger_reads_that_there_is_nothing_yet(cast, client):
    client.force_login(cast.stranger)
    answer = client.get(reverse("home"))
    assert answer.status_code == 200
    assert "Nile" not in answer.content.decode()


def test_anonymous_people_sign_in_first(client, db):
    answer = client.get(reverse("home"))
    assert answer.status_code == 302
    assert answer.url == "/auth/login/?next=/"


@pytest.mark.parametrize("path", ["/favicon.ico", "/auth/login/", "/auth/password/reset/"])
def test_what_needs_no_sign_in(client, db, path):
    assert client.get(path).status_code in {200, 302}
    assert "login/?next" not in client.get(path).headers.get("Location", "")


def test_nobody_signs_up_by_themselves(client, db):
    answer = client.post(
        "/auth/signup/", {"email": "me@example.com", "password1": "correct horse battery"}
    )
    assert "by invitation" in answer.content.decode().lower()
    assert not User.objects.filter(email="me@example.com").exists()


@pytest.mark.parametrize("path", ["/nowhere", "/accounts/", "/accounts/no%00where/", "/%ff"])
def test_an_address_typed_by_hand_answers_404(cast, client, path):
    client.force_login(cast.admin)
    assert client.get(path).status_code == 404


def test_pages_carry_a_strict_policy_and_are_not_framed(cast, client):
    client.force_login(cast.admin)
    headers = client.get("/accounts/nile/").headers
    policy = headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert "HX-Request" in headers["Vary"]

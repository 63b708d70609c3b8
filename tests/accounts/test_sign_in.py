"""Signing in and passwords: what is said, in the words of the console."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db


def sign_in(client, email: str, password: str) -> str:
    data = {"login": email, "password": password}
    return client.post(reverse("account_login"), data, follow=True).content.decode()


def test_signing_in_says_nothing_but_shows_the_page(cast, client):
    page = sign_in(client, "admin@nile.example", PASSWORD)
    assert "Available balance" in page
    assert "signed in as" not in page.lower()


def test_a_wrong_password_and_an_unknown_address_read_the_same(cast, client):
    for email in ("admin@nile.example", "nobody@nile.example"):
        page = sign_in(client, email, "wrong")
        assert "The e-mail address or the password is wrong." in page


def test_what_is_no_address_is_said(cast, client):
    assert "Write a whole e-mail address" in sign_in(client, "admin", PASSWORD)


def test_too_many_failures_say_how_long_to_wait(cast, client):
    for _attempt in range(5):
        sign_in(client, "admin@nile.example", "wrong")
    page = sign_in(client, "admin@nile.example", PASSWORD)
    assert "Wait five minutes, then try again." in page


def test_too_many_requests_answer_with_a_page_of_ours(cast, client, settings):
    settings.ACCOUNT_RATE_LIMITS = {"reset_password": "1/m/ip"}
    for _attempt in range(2):
        answer = client.post(reverse("account_reset_password"), {"email": "who@nile.example"})
    assert answer.status_code == 429
    page = answer.content.decode()
    assert "Too many attempts" in page
    assert "Wait a few minutes" in page
    assert 'class="plain' in page
    assert reverse("account_login") in page


def test_the_fields_speak_of_e_mail_in_one_way(cast, client):
    for name in ("account_login", "account_reset_password"):
        page = client.get(reverse(name)).content.decode()
        assert "E-mail address</label>" in page
        assert "Email" not in page
        assert "placeholder" not in page
        assert "Forgotten your password?" in page


def test_the_forgotten_password_is_answered_alike_for_everyone(cast, client):
    for email in ("admin@nile.example", "nobody@nile.example"):
        answer = client.post(reverse("account_reset_password"), {"email": email}, follow=True)
        assert "Check your e-mail" in answer.content.decode()


def test_the_link_of_a_new_password_leads_to_us_whatever_host_was_asked_for(
    cast, client, mailoutbox, settings
):
    settings.BASE_URL = "https://console.example"
    client.post(
        reverse("account_reset_password"),
        {"email": cast.admin.email},
        headers={"host": "testserver:6666"},
    )
    [mail] = mailoutbox
    assert "https://console.example/auth/password/reset/key/" in mail.body
    [(html, _kind)] = mail.alternatives
    for told in (mail.subject, mail.body, html):
        assert "testserver" not in told
        assert ":6666" not in told


def test_a_password_is_changed_from_the_console(cast, client):
    client.force_login(cast.admin)
    change = reverse("account_change_password")
    security = reverse("security")
    assert f'href="{security}"' in client.get("/accounts/nile/").content.decode()
    assert f'href="{change}"' in client.get(security).content.decode()
    page = client.get(change).content.decode()
    for words in ("Current password", "New password (again)", "Forgotten your password?"):
        assert words in page
    new = {"password1": "a very new horse", "password2": "a very new horse"}
    page = client.post(change, {"oldpassword": "wrong", **new}).content.decode()
    assert "The current password is wrong." in page
    page = client.post(change, {"oldpassword": PASSWORD, **new}, follow=True).content.decode()
    assert "Your password is changed." in page
    assert "How you sign in" in page

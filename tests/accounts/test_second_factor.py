"""Second factors: set up, asked for, kept encrypted, and needed by those who need one."""

from __future__ import annotations

import json
import re

import pytest
from allauth.mfa.models import Authenticator
from django.urls import reverse

from accounts import sign_in_rules
from tests.factories import PASSWORD, SECRET, code_of, give_app

pytestmark = pytest.mark.django_db

SET_UP = "/auth/2fa/totp/activate/"
CODES = "/auth/2fa/recovery-codes/"


def sign_in(client, user, **extra):
    return client.post(
        reverse("account_login"), {"login": user.email, "password": PASSWORD}, **extra
    )


def second_step(client, code: str):
    return client.post(reverse("mfa_authenticate"), {"code": code})


@pytest.mark.django_db(transaction=True)
def test_an_app_is_set_up_with_its_code_and_told_by_mail(cast, client, mailoutbox):
    sign_in(client, cast.member)
    page = client.get(SET_UP).content.decode()
    secret = re.search(r'class="secret">(\w+)<', page).group(1)
    assert "The code is wrong" in client.post(SET_UP, {"code": "000000"}).content.decode()
    answer = client.post(SET_UP, {"code": code_of(secret)})
    assert answer.url == CODES
    kept = Authenticator.objects.get(user=cast.member, type="totp").data["secret"]
    assert secret not in kept
    codes = re.findall(r"<code>(\d{8})</code>", client.get(CODES).content.decode())
    assert len(codes) == 10
    again = client.get(CODES).content.decode()
    assert not any(code in again for code in codes)
    assert "10 codes are left" in again
    [mail] = mailoutbox
    assert mail.subject == "An authenticator app was set up"
    assert "Was it not you?" in mail.body
    [(html, kind)] = mail.alternatives
    assert kind == "text/html"
    assert "Was it not you?" in html


def test_signing_in_asks_for_the_code_which_is_good_once(cast, client):
    give_app(cast.admin)
    assert sign_in(client, cast.admin).url == reverse("mfa_authenticate")
    assert client.get("/accounts/nile/").status_code == 302
    assert "The code is wrong" in second_step(client, "123456").content.decode()
    code = code_of()
    assert second_step(client, code).url == "/"
    client.post(reverse("account_logout"))
    sign_in(client, cast.admin)
    assert "was used already" in second_step(client, code).content.decode()
    assert second_step(client, code_of(later=1)).url == "/"


def test_the_code_that_set_an_app_up_signs_nobody_in(cast, client):
    sign_in(client, cast.member)
    secret = re.search(r'class="secret">(\w+)<', client.get(SET_UP).content.decode()).group(1)
    code = code_of(secret)
    assert client.post(SET_UP, {"code": code}).url == CODES
    client.post(reverse("account_logout"))
    sign_in(client, cast.member)
    assert "was used already" in second_step(client, code).content.decode()


def test_a_recovery_code_signs_in_once(cast, client):
    give_app(cast.admin)
    client.force_login(cast.admin)
    client.post(f"{CODES}generate/")
    code = re.search(r"<code>(\d{8})</code>", client.get(CODES).content.decode()).group(1)
    client.logout()
    sign_in(client, cast.admin)
    assert second_step(client, code).url == "/"
    assert "9 codes are left" in client.get(reverse("security")).content.decode()
    client.logout()
    sign_in(client, cast.admin)
    assert "The code is wrong" in second_step(client, code).content.decode()


def test_many_wrong_codes_are_locked_out_and_the_right_one_with_them(cast, client):
    give_app(cast.admin)
    sign_in(client, cast.admin)
    for _attempt in range(5):
        second_step(client, "000000")
    assert "Wait five minutes" in second_step(client, code_of()).content.decode()


BROKEN = [
    "",
    "x",
    "null",
    "[]",
    "7",
    '"\\u0000"',
    "{}",
    '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {}}',
    json.dumps(
        {
            "id": "AAAA",
            "rawId": "AAAA",
            "type": "public-key",
            "response": {
                "clientDataJSON": "eyJ9",
                "attestationObject": "o2Nm",
                "authenticatorData": "AA",
                "signature": "AA",
                "userHandle": "////",
            },
        }
    ),
    '{"id": 7, "rawId": "!", "type": "public-key", "response": {"clientDataJSON": "e30"}}',
    "[" * 40_000,
    "[" * 100_000,
    "9" * 40_000,
]


@pytest.mark.parametrize("credential", BROKEN)
def test_a_broken_passkey_is_refused_on_every_page(cast, client, credential):
    login = reverse("mfa_login_webauthn")
    client.get(login, headers={"accept": "application/json"})
    answer = client.post(login, {"credential": credential})
    assert answer.url == reverse("account_login")
    give_app(cast.admin)
    sign_in(client, cast.admin)
    assert client.post(reverse("mfa_authenticate"), {"credential": credential}).status_code == 200
    client.force_login(cast.admin)
    add = "/auth/2fa/webauthn/add/"
    client.get(add)
    answer = client.post(add, {"credential": credential, "name": "x"})
    assert answer.status_code == 200
    assert not Authenticator.objects.filter(type="webauthn").exists()


def test_a_secret_written_with_another_key_fits_no_code_and_breaks_nothing(
    cast, client, settings, caplog
):
    give_app(cast.admin)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "n" * 50
    sign_in(client, cast.admin)
    assert "The code is wrong" in second_step(client, code_of()).content.decode()
    assert "SECRET_KEY" in caplog.text
    assert SECRET not in caplog.text
    settings.SECRET_KEY_FALLBACKS = [old]
    assert second_step(client, code_of()).url == "/"


def test_who_lacks_a_factor_that_the_company_wants_is_led_to_set_it_up(cast, client, settings):
    client.force_login(cast.member)
    page = "/accounts/nile/transactions/"
    assert client.get(page).status_code == 200
    sign_in_rules.change(company=cast.nile, needs_second_factor=True, confirm_above=None)
    assert client.get(page).url == reverse("security")
    assert client.post("/accounts/nile/alerts/new/").url == reverse("security")
    told = client.get(reverse("security")).content.decode()
    assert "Nile Retail Group asks its people for a second factor." in told
    # Of another company, and foreign: as before.
    assert client.get("/accounts/gulf/").status_code == 404
    give_app(cast.member)
    assert client.get(page).status_code == 200
    client.force_login(cast.gulf_admin)
    assert client.get("/accounts/gulf/").status_code == 200
    client.force_login(cast.admin)
    settings.DEMO = True
    assert client.get(page).status_code == 200


def test_an_operator_without_a_factor_comes_to_no_page(cast, client):
    Authenticator.objects.filter(user=cast.operator).delete()
    client.force_login(cast.operator)
    for page in ("/", "/operator/", "/operator/methods/", "/accounts/nile/"):
        assert client.get(page).url == reverse("security")
    assert "Operators need a second factor." in client.get(reverse("security")).content.decode()
    assert client.get("/favicon.ico").url.endswith("favicon.svg")


def test_the_last_factor_stays_with_who_needs_one(cast, client):
    client.force_login(cast.operator)
    remove = "/auth/2fa/totp/deactivate/"
    assert "this is the last one" in client.get(remove).content.decode()
    client.post(remove)
    assert Authenticator.objects.filter(user=cast.operator, type="totp").exists()
    give_app(cast.admin)
    client.force_login(cast.admin)
    assert client.post(remove).status_code == 302
    assert not Authenticator.objects.filter(user=cast.admin).exists()


def test_the_password_alone_removes_no_factor(cast, client):
    """A second factor is taken away only by proving it."""
    client.force_login(cast.admin)
    give_app(cast.admin)
    session = client.session
    session["account_authentication_methods"] = []
    session.save()
    again = client.post("/auth/2fa/totp/deactivate/")
    assert again.url.startswith("/auth/2fa/reauthenticate/")
    by_password = client.post("/auth/reauthenticate/", {"password": PASSWORD})
    assert by_password.url.startswith("/auth/2fa/reauthenticate/")
    assert Authenticator.objects.filter(user=cast.admin).exists()


def test_a_foreign_passkey_is_not_found(cast, client):
    foreign = Authenticator.objects.get(user=cast.operator)
    client.force_login(cast.admin)
    for page in ("remove", "edit"):
        path = f"/auth/2fa/webauthn/keys/{foreign.pk}/{page}/"
        assert client.get(path).status_code == 404
        assert client.post(path, {"name": "mine"}).status_code == 404
    gone = client.post("/auth/2fa/webauthn/keys/99999999/remove/", follow=True)
    assert "removed already" in gone.content.decode()

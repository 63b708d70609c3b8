"""A line for each request, and in no line of any log what lets its reader in."""

from __future__ import annotations

import json
import logging
import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts import api_keys, invitation_mails, invitations
from accounts.models import Role, Scope
from console import logs
from tests.billing.payments.counter import SECRET
from tests.factories import PASSWORD, code_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def lines(settings):
    """What a program reads: every logger's lines, from DEBUG up."""
    settings.ACCESS_LOG = True
    written: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record):
            written.append(logs.JsonLines().format(record))

    keep, root = Keep(), logging.getLogger()
    level = root.level
    root.addHandler(keep)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(keep)
    root.setLevel(level)


def accesses(lines: list[str]) -> list[dict]:
    return [line for line in map(json.loads, lines) if line["logger"] == "console.access_log"]


def test_a_line_says_what_was_asked_by_whom_and_how_long_it_took(cast, client, lines):
    client.force_login(cast.admin)
    del lines[:]
    client.get("/accounts/nile/transfers/?q=private", headers={"X-Request-ID": "abcdef-123456"})
    [line] = accesses(lines)
    assert line.pop("duration_ms") > 0
    assert {name: line[name] for name in ("method", "path", "status", "user", "request_id")} == {
        "method": "GET",
        "path": "/accounts/nile/transfers/",
        "status": 200,
        "user": cast.admin.pk,
        "request_id": "abcdef-123456",
    }
    assert line["route"] == "accounts/<slug:company>/transfers/"
    assert "private" not in str(lines)


def test_probes_are_no_news_and_an_address_that_leads_nowhere_is_not_repeated(client, lines):
    client.get("/healthz")
    client.get("/invitation/geheimnis-cut-off")
    [line] = accesses(lines)
    assert (line["path"], line["status"]) == ("-", 404)
    assert "user" not in line
    assert "geheimnis" not in str(lines)


def test_no_line_is_written_where_it_is_off(client, lines, settings):
    settings.ACCESS_LOG = False
    client.get("/")
    assert accesses(lines) == []


def test_no_secret_stands_in_any_line(cast, settings, lines):
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRET = "sk_sandbox_tests", SECRET
    browser = Client()
    form = {"login": cast.admin.email, "password": PASSWORD}
    browser.post("/auth/login/", form | {"password": "wr0ng-but-close"})
    browser.post("/auth/login/", form)
    code = code_of()
    operator = Client()
    operator.post("/auth/login/", form | {"login": cast.operator.email})
    operator.post(reverse("mfa_authenticate"), {"code": code})

    Client().post(reverse("account_reset_password"), {"email": cast.member.email})
    [reset] = re.findall(r"/auth/password/reset/key/(\S+)/", mail.outbox[-1].body)
    Client().get(f"/auth/password/reset/key/{reset}/", follow=True)

    made = invitations.invite(
        company=cast.nile,
        by=cast.admin,
        account=cast.marketing,
        role=Role.MEMBER,
        email="new@nile.example",
    )
    invitation_mails.send(made.pk)
    token = invitations.token_of(made)
    Client().get(f"/invitations/{token}/?next={token}")
    Client().get(f"/invitations/{token[:-3]}xyz/")

    _row, secret = api_keys.create(name="SMS", master=cast.nile, scopes=[Scope.CHARGES_WRITE])
    for said in (secret, secret[:-1] + "x"):
        Client().get("/api/v1/balances/nile", headers={"Authorization": f"Bearer {said}"})
    Client().post(
        "/gateways/stripe/webhook/",
        b"{}",
        content_type="application/json",
        headers={"Stripe-Signature": "t=1,v1=0123456789abcdef"},
    )

    assert len(accesses(lines)) > 10
    text = "\n".join(lines)
    sessions = {client.cookies["sessionid"].value for client in (browser, operator)}
    secrets = {
        PASSWORD,
        "wr0ng-but-close",
        code,
        reset.partition("-")[2],
        token,
        token[:-3],
        secret,
        secret[:-1],
        SECRET,
        "sk_sandbox_tests",
        "0123456789abcdef",
        *sessions,
    }
    assert {said for said in secrets if said in text} == set()

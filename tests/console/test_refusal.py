"""Who may not do something reads why, and whom to ask."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


def test_a_member_reads_why_within_the_console(cast, client):
    client.force_login(cast.member)
    answer = client.get(reverse("transfer-new", args=["nile"]))
    assert answer.status_code == 403
    page = answer.content.decode()
    assert "Only an admin of the master account can move credit" in page
    assert "ask an admin of Nile Retail Group" in page
    assert 'class="sidebar"' in page
    assert "Member · EGP" in page


def test_an_operator_is_not_sent_to_an_admin(cast, client):
    client.force_login(cast.operator)
    answer = client.get(reverse("transfer-new", args=["nile"]))
    assert answer.status_code == 403
    assert "ask an admin" not in answer.content.decode()


def test_a_stranger_learns_of_no_company(cast, client):
    client.force_login(cast.stranger)
    assert client.get(reverse("transfer-new", args=["nile"])).status_code == 404


@pytest.fixture
def over_https(settings):
    """The console as it is in production."""
    settings.SECURE_SSL_REDIRECT = True
    # Middleware reads its settings when a client first asks.
    return Client()


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1/docs", "/api/v1/masters/nile/charges", "/%2Fapi/v1/docs"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_a_program_without_https_is_refused_and_redirected_nowhere(
    over_https, path, method, django_assert_num_queries
):
    headers = {"Authorization": "Bearer cck_abcdefgh_" + "A" * 43}
    with django_assert_num_queries(0):
        answer = over_https.generic(method, path, b"{}", headers=headers)
    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "Location" not in answer.headers
    assert "no-store" in answer.headers["Cache-Control"]
    if method != "HEAD":
        assert answer.json()["type"] == "/api/v1/problems/https-required"


def test_over_https_a_program_gets_its_answer(over_https):
    assert over_https.get("/api/v1/openapi.json", secure=True).status_code == 200
    assert over_https.get("/api/v1/masters/nile/subaccounts", secure=True).status_code == 401


@pytest.mark.parametrize("path", ["/auth/login/", "/apis", "/accounts/api/", "/auth/api/"])
def test_a_page_without_https_is_redirected(over_https, path):
    answer = over_https.get(path)
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"https://testserver{path}"

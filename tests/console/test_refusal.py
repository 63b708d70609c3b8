"""Who may not do something reads why, and whom to ask."""

from __future__ import annotations

import pytest
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

"""What a company asks of its people: who may set it, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Account
from tests.factories import PASSWORD, give_app

pytestmark = pytest.mark.django_db

PAGE = "/accounts/nile/security/"
WANTED = {"needs_second_factor": "on", "confirm_above": "5000.50"}


def rules(cast) -> tuple[bool, Decimal | None]:
    row = Account.objects.get(pk=cast.nile.pk)
    return row.needs_second_factor, row.confirm_above


def test_only_master_admins_come_to_the_page(cast, client):
    assert client.get(PAGE).url.startswith("/auth/login/")
    expected = {
        "stranger": 404,
        "gulf_admin": 404,
        "member": 403,
        "marketing_admin": 403,
        "finance": 403,
        "operator": 403,
        "admin": 200,
    }
    for who, status in expected.items():
        client.force_login(getattr(cast, who))
        assert client.get(PAGE).status_code == status, who
        if status != 200:
            assert client.post(PAGE, WANTED).status_code == status, who
    assert rules(cast) == (False, None)


def test_the_rules_are_saved_once_and_shown(cast, client):
    give_app(cast.admin)
    client.force_login(cast.admin)
    assert "Saved the rules" in client.post(PAGE, WANTED, follow=True).content.decode()
    assert rules(cast) == (True, Decimal("5000.50"))
    page = client.post(PAGE, WANTED, follow=True).content.decode()
    assert "The rules are these already." in page
    assert 'value="5000.50"' in page
    client.post(PAGE, {"confirm_above": ""})
    assert rules(cast) == (False, None)


@pytest.mark.parametrize("amount", ["-1", "1,000", "1e3", "0.001", "9" * 13, "\0", "x" * 5000])
def test_an_amount_that_is_none_is_said_beside_the_field_and_kept(cast, client, amount):
    client.force_login(cast.admin)
    answer = client.post(PAGE, {"confirm_above": amount})
    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() == {"confirm_above"}
    assert rules(cast) == (False, None)


def test_nobody_asks_of_others_what_they_have_not_themselves(cast, client):
    client.force_login(cast.admin)
    answer = client.post(PAGE, WANTED)
    assert answer.status_code == 422
    assert "You have none yourself" in answer.content.decode()
    assert rules(cast) == (False, None)


def test_a_thief_of_an_open_browser_does_not_loosen_them(cast, client):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client.force_login(cast.admin)
        clock.shift(timedelta(minutes=11))
        assert client.post(PAGE, {"confirm_above": "7"}).url == "/auth/reauthenticate/"
        assert rules(cast) == (False, None)
        client.post("/auth/reauthenticate/", {"password": PASSWORD})
        client.get(PAGE)
    assert rules(cast) == (False, Decimal(7))


def test_subaccounts_have_no_rules(cast):
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.filter(pk=cast.retail.pk).update(needs_second_factor=True)

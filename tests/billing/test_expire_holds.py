"""``manage.py expire_holds``: the sweep by hand."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from billing import holds
from billing.models import Balance, Hold, HoldState
from tests.factories import balance_of
from tests.threads import at_once

MOMENT = timedelta(milliseconds=1)


def place(account, reference, expires_in=MOMENT):
    outcome = holds.hold(
        account=account, amount=Decimal(5), reference=reference, expires_in=expires_in
    )
    assert outcome.status == holds.Status.ACCEPTED


def run() -> str:
    out = StringIO()
    call_command("expire_holds", stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_it_expires_what_is_past_its_time_and_says_how_many(cast):
    for account in (cast.marketing, cast.retail, cast.otp, cast.gulf):
        place(account, f"campaign of {account.code}")
    place(cast.marketing, "tomorrow", timedelta(days=1))
    time.sleep(0.01)

    assert run() == "Expired 4 holds.\n"

    assert Hold.objects.filter(state=HoldState.EXPIRED).count() == 4
    assert balance_of(cast.marketing).on_hold == 5
    assert not Balance.objects.exclude(account=cast.marketing).filter(on_hold__gt=0).exists()


@pytest.mark.django_db
def test_one_hold_is_one_and_a_second_run_finds_none(cast):
    place(cast.marketing, "campaign")
    time.sleep(0.01)
    assert run() == "Expired 1 hold.\n"
    assert run() == "Expired 0 holds.\n"


@pytest.mark.django_db(transaction=True)
def test_a_balance_that_stays_locked_ends_it_with_a_sentence(cast):
    place(cast.marketing, "campaign")
    time.sleep(0.01)

    def sweep():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        with pytest.raises(CommandError, match="Somebody keeps a balance locked"):
            run()

    with transaction.atomic():
        Balance.objects.select_for_update().get(account=cast.marketing)
        at_once(sweep)

    assert run() == "Expired 1 hold.\n"

"""One reference for two holders at once: they meet on the unique key, also in a COPY."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction

from billing import charges, ledger_sql
from billing.charges import Charge
from billing.ledger import StartAgain
from billing.models import Entry
from billing.verification import verify
from tests.threads import at_once, wait_until_someone_waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)

SIZES = [1, ledger_sql.BULK]
CENT = Decimal("0.01")


def batch(account, size):
    """As many charges, the last of them with the reference that somebody else writes."""
    names = [*(f"b-{number}" for number in range(size - 1)), "m-1"]
    return [Charge(account.pk, CENT, name) for name in names]


@pytest.mark.parametrize("size", SIZES)
def test_who_comes_second_waits_starts_again_and_finds_the_first(cast, size):
    written = threading.Event()

    def first():
        with transaction.atomic():
            charges.rehearse_many(
                master=cast.nile.pk, charges=[Charge(cast.marketing.pk, CENT, "m-1")]
            )
            written.set()
            wait_until_someone_waits_for_a_lock()

    def second():
        written.wait(30)
        return charges.charge_many(master=cast.nile.pk, charges=batch(cast.retail, size))

    _, outcomes = at_once(first, second)
    assert [o.status for o in outcomes] == ["accepted"] * (size - 1) + ["conflict"]
    assert Entry.objects.get(reference="m-1").account_id == cast.marketing.pk
    assert verify().is_clean


@pytest.mark.parametrize("size", SIZES)
def test_who_waits_too_long_for_the_first_is_told_to_start_again(cast, size):
    written, told = threading.Event(), threading.Event()

    def first():
        with transaction.atomic():
            charges.rehearse_many(
                master=cast.nile.pk, charges=[Charge(cast.marketing.pk, CENT, "m-1")]
            )
            written.set()
            told.wait(30)

    def second():
        written.wait(30)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        try:
            with pytest.raises(StartAgain):
                charges.charge_many(master=cast.nile.pk, charges=batch(cast.retail, size))
        finally:
            told.set()

    at_once(first, second)
    assert not Entry.objects.filter(reference="b-0").exists()
    assert verify().is_clean

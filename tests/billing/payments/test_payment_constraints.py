"""What the database itself refuses about payments, whoever asks."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from billing.gateways.protocol import What
from billing.models import Arrival, Payment, PaymentState
from tests.billing.payments.cast import about, make_payment, paid, tell

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(cast):
    payment = make_payment(cast.marketing)
    tell(payment, paid(payment, "pi_1"))
    tell(payment, paid(payment, "pi_2"))  # in review: paid already
    tell(payment, about(payment, What.DISPUTED, reference="dp", amount=Decimal(1), currency="EGP"))
    # What Django deferred would hide the triggers' own refusals.
    connection.check_constraints()
    return payment


def refused(sql: str, match: str) -> None:
    def run() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
            connection.check_constraints()  # those that were deferred, too

    with pytest.raises(DatabaseError, match=match):
        run()


KEPT = ["payment", "arrival", "refund", "dispute", "paymentevent", "gatewayevent"]


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize("table", KEPT)
def test_rows_are_kept_also_for_replication_roles(payment, table, role):
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL session_replication_role = {role}")
    for statement in ("DELETE FROM", "TRUNCATE"):
        refused(f"{statement} billing_{table}", "its rows are kept|cannot truncate a table")


@pytest.mark.parametrize("table", ["paymentevent", "gatewayevent"])
def test_trails_are_append_only(payment, table):
    refused(f"UPDATE billing_{table} SET id = id + 1000", "its rows are kept")


@pytest.mark.parametrize(
    "change",
    [
        "amount = 101",
        "fee = 1",
        "currency = 'USD'",
        "account_id = master_id",
        "reference = 'RF2'",
        "gateway = 'other'",
        "gateway_reference = 'cs_other'",
        "state = 'failed', paid_at = NULL, credited = 0",
        "credited = 99",
        "created_at = now()",
    ],
)
def test_what_was_asked_for_stays_and_paid_is_paid(payment, change):
    refused(f"UPDATE billing_payment SET {change}", "what was asked for stays")


@pytest.mark.parametrize(
    "change",
    [
        "state = 'returned', credited = 0, receipt_number = NULL, receipt_year = NULL",
        "amount = 1",
        "credited = 2",
    ],
)
def test_a_credited_arrival_never_changes(payment, change):
    refused(
        f"UPDATE billing_arrival SET {change} WHERE state = 'credited'",
        "credited or returned once",
    )


@pytest.mark.parametrize("change", ["amount = 1", "currency = 'USD'", "gateway_reference = 'x'"])
def test_what_is_in_review_stays_what_came(payment, change):
    refused(
        f"UPDATE billing_arrival SET {change} WHERE state = 'review'", "credited or returned once"
    )


def test_one_money_comes_once_and_a_receipt_has_one_number(payment):
    for name, value in (("gateway_reference", "pi_1"), ("receipt_number", 1)):
        twin = Arrival.objects.get(state="credited")
        twin.pk, twin.gateway_reference, twin.receipt_number = None, "pi_3", 3
        setattr(twin, name, value)
        with pytest.raises(IntegrityError, match="unique"), transaction.atomic():
            twin.save()


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"amount": "0"}, "payment_amount_positive"),
        ({"fee": -1}, "payment_fee_not_negative"),
        ({"state": "gone"}, "payment_state_is_known"),
        ({"state": PaymentState.PAID}, "payment_paid_is_credited"),
        ({"credited": 5}, "payment_paid_is_credited"),
        ({"refunded": 1}, "payment_refunded_at_most_credited"),
    ],
)
def test_a_payment_that_cannot_be_is_refused(cast, fields, match):
    with pytest.raises(IntegrityError, match=match), transaction.atomic():
        make_payment(cast.marketing, **fields)


def test_a_payment_stays_within_its_company(cast, payment):
    make_payment(cast.gulf)
    connection.check_constraints()
    for table in ("payment", "arrival", "dispute"):
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE billing_{table} DISABLE TRIGGER USER")
        refused(f"UPDATE billing_{table} SET master_id = {cast.gulf.pk}", "_in_company")
    assert Payment.objects.filter(master=cast.nile).count() == 1

"""``verify_ledger`` on transfers that are moved back, and on many at once."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection

from billing import transfers
from billing.transfer_batches import Line, make_many
from billing.verification import transfers as transfer_checks
from billing.verification import verify

NAMES = {check.name for check in transfer_checks.CHECKS}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def books(cast):
    """100 from Nile to Retail, 30 of it back, and 5 each to two at once."""
    moved = transfers.make(
        source=cast.nile, destination=cast.retail, amount=Decimal(100), key=uuid4(), by=None
    )
    transfers.reverse(transfer=moved, amount=Decimal(30), key=uuid4(), by=None)
    lines = [Line(cast.marketing, Decimal(5)), Line(cast.retail, Decimal(5))]
    make_many(source=cast.nile, lines=lines, key=uuid4(), by=None)
    return cast


def cook(*statements: str) -> None:
    """What only a superuser could do: change the books past constraints and keys."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = 'billing_transfer'::regclass AND contype = 'c'"
        )
        checks = cursor.fetchall()
        for name, _definition in checks:
            cursor.execute(f"ALTER TABLE billing_transfer DROP CONSTRAINT {name}")
        cursor.execute("SET session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET session_replication_role = origin")
        for name, definition in checks:
            cursor.execute(
                f"ALTER TABLE billing_transfer ADD CONSTRAINT {name}"
                f" {definition.removesuffix(' NOT VALID')} NOT VALID"
            )


def test_what_fits_is_clean(books):
    report = verify()
    assert report.is_clean
    assert set(report.checks) >= NAMES


FIRST = "(SELECT min(id) FROM billing_transfer)"
BACK = "(SELECT id FROM billing_transfer WHERE reverses_id IS NOT NULL)"


@pytest.mark.parametrize(
    ("statements", "sentence"),
    [
        (
            [f"UPDATE billing_transfer SET reversed = 31 WHERE id = {FIRST}"],
            "31.000000 moved back, its reversals are 30.000000",
        ),
        (
            [
                f"UPDATE billing_transfer SET amount = 130 WHERE id = {BACK}",
                f"UPDATE billing_transfer SET reversed = 130 WHERE id = {FIRST}",
            ],
            "130.000000 moved back, its reversals are 130.000000",
        ),
        ([f"UPDATE billing_transfer SET reverses_id = 0 WHERE id = {BACK}"], "is not there"),
        (
            [f"UPDATE billing_transfer SET reverses_id = {BACK} WHERE line = 1"],
            "which is itself a reversal",
        ),
        (
            [
                "UPDATE billing_transfer SET created_at = created_at + interval '1 day'"
                f" WHERE id = {FIRST}"
            ],
            "which was made later",
        ),
        (
            [
                "UPDATE billing_transfer SET source_id = destination_id,"
                f" destination_id = source_id WHERE id = {BACK}"
            ],
            "does not go the same way back",
        ),
        (["UPDATE billing_transferbatch SET total = 11"], "2 lines of 11.000000 in all; found 2"),
        (["UPDATE billing_transferbatch SET count = 3"], "3 lines of 10.000000 in all; found 2"),
        (["UPDATE billing_transfer SET line = 5 WHERE line = 1"], "lines 0 to 5"),
        (
            ["UPDATE billing_transfer SET batch_id = NULL, line = 0 WHERE line = 1"],
            "found 1 of 5.000000",
        ),
    ],
)
def test_what_was_cooked_is_named(books, statements, sentence):
    cook(*statements)
    report = verify()
    assert any(
        finding.check in NAMES and sentence in finding.first for finding in report.findings
    ), report.findings

"""What the database refuses about money, whoever asks: triggers, checks and keys."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from billing import holds, limits, transfers
from billing.models import (
    Balance,
    CreditLimitChange,
    Entry,
    Hold,
    Transfer,
    TransferBatch,
)
from tests.factories import set_limit

pytestmark = pytest.mark.django_db


def refused(sql, *parameters, match):
    def run():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            connection.check_constraints()  # those that were deferred, too

    with pytest.raises(IntegrityError, match=match):
        run()


APPEND_ONLY = ["billing_entry", "billing_creditlimitchange"]


@pytest.mark.parametrize("role", ["origin", "replica", "local"])
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_books_are_append_only_also_for_replication_roles(cast, table, role):
    set_limit(cast.nile, "5")
    # What Django deferred would hide the trigger's own refusal of TRUNCATE.
    connection.check_constraints()
    column = "description" if table == "billing_entry" else "reason"
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL session_replication_role = {role}")
    refused(f"UPDATE {table} SET {column} = 'x'", match=f"UPDATE on {table} is refused")
    # A statement that would touch no row is refused as well: nobody has business here.
    refused(f"UPDATE {table} SET {column} = 'x' WHERE false", match="is refused")
    refused(f"DELETE FROM {table}", match=f"DELETE on {table} is refused")
    refused(f"TRUNCATE {table}", match=f"TRUNCATE on {table} is refused")


def test_the_row_of_a_balance_stays(cast):
    refused("DELETE FROM billing_balance", match="DELETE on billing_balance is refused")
    refused("TRUNCATE billing_balance", match="TRUNCATE on billing_balance is refused")


def test_triggers_are_enabled_always(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'A'"
            " AND tgrelid::regclass::text ~ '^(accounts|billing)_'"
        )
        assert cursor.fetchall() == []


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"credit_limit": -1}, "balance_limit_not_negative"),
        ({"on_hold": -1}, "balance_hold_not_negative"),
        ({"last_seq": 0}, "balance_last_entry_is_whole"),
        ({"last_posted_at": None}, "balance_last_entry_is_whole"),
    ],
)
def test_a_balance_that_cannot_be_is_refused(cast, fields, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Balance.objects.filter(account=cast.nile).update(**fields)


@pytest.mark.parametrize("column", ["credit", "credit_limit", "on_hold"])
def test_the_balance_of_a_shared_account_is_zero(cast, column):
    refused(
        f"UPDATE billing_balance SET {column} = 1, last_seq = 1, last_posted_at = now()"
        " WHERE account_id = %s",
        cast.otp.pk,
        match="balance_of_shared_is_zero",
    )


def test_an_account_with_credit_cannot_become_shared(cast):
    """The balance's copy of the mode follows the account's; then the CHECK speaks."""
    refused(
        "UPDATE accounts_account SET balance_mode = 'shared' WHERE id = %s",
        cast.marketing.pk,
        match="balance_of_shared_is_zero",
    )


def test_the_balances_mode_and_master_are_the_accounts(cast):
    refused(
        "UPDATE billing_balance SET mode = 'shared' WHERE account_id = %s",
        cast.gulf_sales.pk,
        match="balance_of_account",
    )
    refused(
        "UPDATE billing_balance SET master_id = %s WHERE account_id = %s",
        cast.gulf.pk,
        cast.otp.pk,
        match="balance_of_account",
    )


def entry(cast, **fields):
    defaults = {
        "master": cast.nile,
        "holder": cast.nile,
        "seq": 99,
        "account": cast.nile,
        "posted_at": timezone.now(),
        "leg": 0,
        "kind": "adjustment",
        "origin": "system",
        "reference": "r-1",
        "amount": Decimal(1),
        "balance_after": Decimal(1),
    }
    return Entry.objects.create(**(defaults | fields))


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"seq": 0}, "entry_seq_from_one"),
        ({"leg": -1}, "entry_leg_from_zero"),
        ({"amount": 0}, "entry_amount_not_zero"),
        ({"reference": ""}, "entry_has_a_reference"),
        ({"kind": "gift"}, "entry_kind_is_known"),
        ({"kind": "usage"}, "entry_sign_fits_kind"),
        ({"kind": "refund"}, "entry_sign_fits_kind"),
        ({"kind": "payment", "amount": -1}, "entry_sign_fits_kind"),
        ({"seq": 1}, "billing_entry_pkey"),
        ({"hold_id": uuid4()}, "entry_captured_is_usage"),
        ({"kind": "reversal"}, "entry_reversal_names_what_it_undoes"),
        ({"origin": "reversal"}, "entry_reversal_names_what_it_undoes"),
        (
            {"kind": "reversal", "origin": "reversal", "reference": "transfer:console:r"},
            "entry_reversal_names_what_it_undoes",
        ),
    ],
)
def test_an_entry_that_cannot_be_is_refused(cast, fields, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        entry(cast, **fields)


def test_a_reference_and_leg_are_written_once(cast):
    entry(cast)
    with pytest.raises(IntegrityError, match="entry_reference_unique"), transaction.atomic():
        entry(cast, seq=100)
    entry(cast, seq=101, leg=1)


def test_no_foreign_key_leaves_the_three_but_from_balance_to_account(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint"
            " WHERE contype = 'f'"
            " AND conrelid IN ('billing_entry'::regclass, 'billing_balance'::regclass,"
            " 'billing_hold'::regclass)"
        )
        assert cursor.fetchall() == [("billing_balance", "accounts_account")]


def test_every_key_and_index_of_the_three_begins_with_the_master(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_attribute"
            " ON attrelid = indrelid AND attnum = indkey[0]"
            " WHERE indrelid IN ('billing_entry'::regclass, 'billing_balance'::regclass,"
            " 'billing_hold'::regclass)"
            " AND attname <> 'master_id'"
        )
        assert cursor.fetchall() == []


# What is the platform's own, or may turn out to be no company's.
OF_NOBODY = {
    "billing_paymentmethod",
    "billing_gatewayevent",
    "billing_bankstatement",
    "billing_bankline",
}


def test_every_table_of_billing_carries_the_master(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'billing%'"
            " AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid"
            " AND attname = 'master_id' AND attnotnull)"
        )
        assert {name for (name,) in cursor.fetchall()} == OF_NOBODY


def test_a_transfer_stays_within_one_company(cast):
    made = transfers.make(
        source=cast.nile, destination=cast.retail, amount=Decimal(1), key=uuid4(), by=None
    )
    for column in ("source_id", "destination_id"):
        refused(
            f"UPDATE billing_transfer SET {column} = %s WHERE id = %s",
            cast.gulf.pk,
            made.pk,
            match="in_company",
        )
    refused(
        "UPDATE billing_transfer SET destination_id = source_id",
        match="transfer_between_two_accounts",
    )
    refused("UPDATE billing_transfer SET amount = 0", match="transfer_amount_positive")


def made(source, destination, amount="10", **fields):
    return Transfer.objects.create(
        master=source.master,
        key=uuid4(),
        source=source,
        destination=destination,
        amount=Decimal(amount),
        created_at=timezone.now(),
        **fields,
    )


def impossible(match, fields) -> None:
    """No transfer with these fields can be written."""

    def write():
        with transaction.atomic():
            made(**fields)
            connection.check_constraints()

    with pytest.raises(IntegrityError, match=match):
        write()


def test_a_reversal_goes_the_same_way_back_within_the_company(cast):
    first = made(cast.nile, cast.retail)
    elsewhere = made(cast.gulf, cast.gulf_sales)
    for source, destination, reverses in (
        (cast.nile, cast.retail, first),
        (cast.marketing, cast.nile, first),
        (cast.retail, cast.marketing, first),
        (cast.nile, cast.marketing, elsewhere),
    ):
        fields = {"source": source, "destination": destination, "reverses": reverses}
        impossible("transfer_reversal_goes_back", fields)
    back = made(cast.retail, cast.nile, reverses=first)
    connection.check_constraints()
    refused(
        "UPDATE billing_transfer SET reverses_id = id WHERE id = %s",
        back.pk,
        match="transfer_reverses_another",
    )


def test_no_more_is_moved_back_than_was_moved_and_nothing_of_a_reversal(cast):
    first = made(cast.nile, cast.retail)
    back = made(cast.retail, cast.nile, reverses=first)
    for amount in ("10.000001", "-1"):
        refused(
            "UPDATE billing_transfer SET reversed = %s WHERE id = %s",
            amount,
            first.pk,
            match="transfer_reversed_at_most_once",
        )
    refused(
        "UPDATE billing_transfer SET reversed = 1 WHERE id = %s",
        back.pk,
        match="transfer_reversal_is_final",
    )


def test_the_lines_of_a_batch_come_from_its_source_one_each(cast):
    def batch(source, **fields):
        defaults = {"count": 1, "total": 1, "created_at": timezone.now(), "key": uuid4()}
        return TransferBatch.objects.create(
            master=source.master, source=source, **defaults | fields
        )

    whole = batch(cast.nile)
    made(cast.nile, cast.retail, batch=whole)
    here = {"source": cast.nile, "destination": cast.marketing}
    other = {"source": cast.marketing, "destination": cast.retail}
    foreign = {"source": cast.gulf, "destination": cast.gulf_sales}
    impossible("transfer_line_in_batch", other | {"batch": whole, "line": 1})
    impossible("transfer_line_in_batch", foreign | {"batch": whole, "line": 1})
    impossible("transfer_line_unique", here | {"batch": whole})
    impossible("transfer_line_of_a_batch", here | {"line": 1})
    for match, fields in (
        ("batch_count_positive", {"count": 0}),
        ("batch_total_positive", {"total": 0}),
        ("batch_key_unique", {"key": whole.key}),
    ):
        with pytest.raises(IntegrityError, match=match), transaction.atomic():
            batch(cast.nile, **fields)
    another = batch(cast.nile)
    refused(
        "UPDATE billing_transferbatch SET source_id = %s WHERE id = %s",
        cast.gulf.pk,
        another.pk,
        match="batch_source_in_company",
    )


def test_a_transfers_key_is_unique_within_the_company(cast):
    key = uuid4()
    for company, other in ((cast.nile, cast.retail), (cast.gulf, cast.gulf_sales)):
        transfers.make(source=company, destination=other, amount=Decimal(1), key=key, by=None)
    assert Transfer.objects.filter(key=key).count() == 2


def test_a_limit_changes_with_its_history_and_never_to_the_same(cast):
    first = limits.change(
        account=cast.retail, limit=Decimal(50), reason="contract 17", by=cast.operator
    )
    assert (first.old, first.new, first.by, first.reason) == (
        0,
        50,
        cast.operator,
        "contract 17",
    )
    assert limits.change(account=cast.retail, limit=Decimal(50), reason="again") is None
    second = limits.change(account=cast.retail, limit=Decimal("10.5"), reason="late payer")
    assert (second.old, second.new) == (50, Decimal("10.5"))
    assert CreditLimitChange.objects.count() == 2


def test_a_limit_is_refused_when_negative_without_reason_or_for_a_shared_account(cast):
    with pytest.raises(ValueError, match="zero or more"):
        limits.change(account=cast.retail, limit=Decimal(-1), reason="x")
    with pytest.raises(ValueError, match="for a reason"):
        limits.change(account=cast.retail, limit=Decimal(1), reason="  ")
    with pytest.raises(transfers.SharedBalance):
        limits.change(account=cast.otp, limit=Decimal(1), reason="x")
    assert not CreditLimitChange.objects.exists()


@pytest.fixture
def hold(cast):
    return holds.hold(account=cast.retail, amount=Decimal(10), reference="h-1").hold


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"amount": 0}, "hold_amount_positive"),
        ({"reference": ""}, "hold_has_a_reference"),
        ({"captured": 11}, "hold_captured_at_most_held"),
        ({"captured": -1}, "hold_captured_at_most_held"),
        ({"expires_at": timezone.now() - HOUR}, "hold_expires_later"),
        ({"state": "lost"}, "hold_state_is_whole"),
        ({"state": "released"}, "hold_state_is_whole"),
        ({"ended_at": timezone.now()}, "hold_state_is_whole"),
        ({"captured": 10}, "hold_state_is_whole"),
        ({"state": "captured", "ended_at": timezone.now()}, "hold_state_is_whole"),
        (
            {"state": "expired", "ended_at": timezone.now(), "captured": 10},
            "hold_state_is_whole",
        ),
    ],
)
def test_a_hold_that_cannot_be_is_refused(cast, fields, constraint):
    whole = {
        "master": cast.nile,
        "holder": cast.retail,
        "account": cast.retail,
        "origin": "api",
        "reference": "h-2",
        "amount": Decimal(10),
        "placed_at": timezone.now(),
        "expires_at": timezone.now() + HOUR,
    }
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Hold.objects.create(**(whole | fields))
    Hold.objects.create(**whole)
    with pytest.raises(IntegrityError, match="hold_reference_unique"), transaction.atomic():
        Hold.objects.create(**whole)


@pytest.mark.parametrize("role", ["origin", "replica", "local"])
def test_what_a_hold_was_placed_as_stays(cast, hold, role):
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL session_replication_role = {role}")
    for change in (
        "id = gen_random_uuid()",
        f"master_id = {cast.gulf.pk}",
        f"holder_id = {cast.nile.pk}",
        f"account_id = {cast.nile.pk}",
        "amount = 11",
        "reference = 'h-2'",
        "origin = 'console'",
        "description = 'other'",
        "placed_at = placed_at - interval '1 day'",
        "expires_at = expires_at + interval '1 day'",
        f"by_id = {cast.admin.pk}",
    ):
        refused(f"UPDATE billing_hold SET {change}", match="refused this change")
    refused("DELETE FROM billing_hold", match="DELETE on billing_hold is refused")
    refused("TRUNCATE billing_hold", match="TRUNCATE on billing_hold is refused")


def test_a_hold_ends_once_and_what_was_captured_stays_so(cast, hold):
    holds.capture(master=cast.nile.pk, hold=hold.id, amount=Decimal(4), reference="c-1")
    refused("UPDATE billing_hold SET captured = 3", match="refused this change")
    holds.release(master=cast.nile.pk, hold=hold.id)
    for change in ("state = 'open', ended_at = NULL", "state = 'expired'", "captured = 5"):
        refused(f"UPDATE billing_hold SET {change}", match="refused this change")

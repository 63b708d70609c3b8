"""``verify_ledger``: clean books pass, and each way of cooking them is named."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from billing import charges, transfers
from tests.factories import set_limit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def books(cast):
    """Books with a bit of everything in them."""
    set_limit(cast.marketing, "100")
    set_limit(cast.marketing, "50")
    transfers.make(
        source=cast.nile, destination=cast.retail, amount=Decimal(7), key=uuid4(), by=cast.admin
    )
    charges.charge(account=cast.otp, amount=Decimal("0.0075"), reference="m-1")
    charges.charge(account=cast.retail, amount=Decimal("2"), reference="m-2")
    return cast


def run(**options):
    out, err = StringIO(), StringIO()
    try:
        call_command("verify_ledger", stdout=out, stderr=err, no_color=True, **options)
    except SystemExit as stop:
        return stop.code, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def cook(sql, *parameters):
    """What only a superuser could do: walk past the triggers and change the books."""
    tables = ["billing_entry", "billing_creditlimitchange", "billing_balance", "accounts_account"]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        cursor.execute(sql, parameters)
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal",
                [table],
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def test_clean_books_pass_with_counts(books):
    code, out, err = run()
    assert (code, err) == (0, "")
    assert "Looked at entries: 8, balances: 6, transfers: 1, credit limit changes: 2." in out
    assert "Credit in all: EGP 10,518.4925." in out
    assert "Credit in all: KWD 300.000." in out
    assert out.count("  ok  ") == 10
    assert "All 10 checks hold." in out


def test_one_master_accounts_books_alone(books):
    cook("UPDATE billing_balance SET credit = credit + 1 WHERE account_id = %s", books.gulf.pk)
    code, out, _ = run(master="nile")
    assert code == 0
    assert "Looked at entries: 7, balances: 4" in out
    assert run(master="gulf")[0] == 1
    assert run()[0] == 1


def test_an_unknown_master_account_is_said_so(books):
    with pytest.raises(CommandError, match="no master account with the code x"):
        run(master="x")


COOKED = {
    "amount": ("UPDATE billing_entry SET amount = -3 WHERE reference = 'm-2'", "the books say"),
    "balance": (
        "UPDATE billing_balance SET credit = credit + 0.000001 WHERE last_seq > 1",
        "its entries give",
    ),
    "gap": ("DELETE FROM billing_entry WHERE seq = 1", "seq should be 1"),
    "time": (
        "UPDATE billing_entry SET posted_at = posted_at - interval '1 day' WHERE seq = 2",
        "after one of",
    ),
    "holder": (
        "UPDATE billing_entry SET master_id = holder_id WHERE reference = 'm-2'",
        "do not belong together",
    ),
    "leg": ("UPDATE billing_entry SET leg = 5 WHERE reference = 'm-2'", "legs 5 to 5"),
    "kinds": (
        "UPDATE billing_entry SET kind = 'adjustment' WHERE kind = 'transfer' AND leg = 0",
        "kinds adjustment, transfer",
    ),
    "transfer": (
        "UPDATE billing_entry SET amount = 6 WHERE kind = 'transfer' AND leg = 1",
        "nets to -1.000000",
    ),
    "transfer row": ("UPDATE billing_transfer SET amount = 8", "its entries are"),
    "transfer gone": ("DELETE FROM billing_transfer", "there is no such transfer"),
    "limit": (
        "UPDATE billing_balance SET credit_limit = 51 WHERE credit_limit = 50",
        "in force 51.000000, its history ends at 50.000000",
    ),
    "limit history": (
        "UPDATE billing_creditlimitchange SET old = 99 WHERE new = 50",
        "the one before ended at 100.000000",
    ),
    "hold": ("UPDATE billing_balance SET on_hold = 1 WHERE credit > 1000", "open holds give 0"),
    "mode": (
        "UPDATE accounts_account SET balance_mode = 'allocated' WHERE balance_mode = 'shared'",
        "its balance row: mode shared",
    ),
    "no balance": ("DELETE FROM billing_balance WHERE last_seq = 0", "mode missing"),
}


@pytest.mark.parametrize("how", COOKED)
def test_cooked_books_are_named_and_exit_with_1(books, how):
    sql, sentence = COOKED[how]
    cook(sql)
    code, _, err = run()
    assert code == 1
    assert sentence in err
    assert "WRONG" in err
    assert "master account nile" in err or how == "holder"

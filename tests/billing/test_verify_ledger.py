"""``verify_ledger``: clean books pass, and each way of cooking them is named."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from billing import adjustments, caps, charges, holds, refunds, transfers
from billing.gateways.protocol import What
from billing.ledger import Leg, Posting, post, transact
from billing.models import Kind, Origin
from billing.verification import CHECKS
from tests.billing.payments.cast import about, make_payment, paid, tell
from tests.factories import set_limit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def books(cast):
    """Books with a bit of everything in them."""
    set_limit(cast.marketing, "100")
    set_limit(cast.marketing, "50")
    caps.change(account=cast.retail, cap=Decimal(5))
    caps.change(account=cast.otp, cap=Decimal(0), is_hard=False)
    caps.change(account=cast.marketing, cap=Decimal(25), by=cast.admin)
    transfers.make(
        source=cast.nile, destination=cast.retail, amount=Decimal(7), key=uuid4(), by=cast.admin
    )
    charges.charge(account=cast.otp, amount=Decimal("0.0075"), reference="m-1")
    charges.charge(account=cast.retail, amount=Decimal("2"), reference="m-2")
    charges.reverse(master=cast.nile.pk, reference="m-1", reason="Not delivered", by=cast.operator)
    adjust(cast)
    place_holds(cast)
    pay(cast)
    return cast


def pay(cast):
    """One payment in the other company, of which a part is refunded and another disputed."""
    payment = make_payment(cast.gulf, "60")
    tell(payment, paid(payment))
    refund = refunds.request(
        payment=payment, amount=Decimal(20), reason="Asked", key=uuid4(), by=cast.operator
    )
    tell(payment, about(payment, What.REFUNDED, refund=str(refund.pk)))
    disputed = {"reference": "dp_1", "amount": Decimal(15), "currency": "KWD"}
    tell(payment, about(payment, What.DISPUTED, **disputed))
    refunds.request(
        payment=payment, amount=Decimal(5), reason="Again", key=uuid4(), by=cast.operator
    )


def adjust(cast):
    """One adjustment by its verb, and one of two legs; both are taken back."""
    adjustments.make(
        account=cast.nile, amount=Decimal(3), reason="Agreed", reference="a-1", by=cast.operator
    )
    legs = (Leg(cast.nile.pk, Decimal(1)), Leg(cast.retail.pk, Decimal(2)))
    posting = Posting(Kind.ADJUSTMENT, "a:2", legs)
    transact(lambda: post(master=cast.nile.pk, postings=[posting], origin=Origin.CONSOLE))
    for reference in ("a-1", "a:2"):
        charges.reverse(
            master=cast.nile.pk, reference=reference, reason="A slip", origin=Origin.CONSOLE
        )


def place_holds(cast):
    """One open and partly captured, with another's balance; captured, released, expired ones."""

    def place(account, reference, **keywords):
        ten = Decimal(10)
        return holds.hold(account=account, amount=ten, reference=reference, **keywords).hold

    shared = place(cast.otp, "h-open")
    holds.capture(master=cast.nile.pk, hold=shared.id, amount=Decimal("1.5"), reference="c-1")
    holds.capture(master=cast.nile.pk, hold=shared.id, amount=Decimal("0.5"), reference="c-2")
    whole = place(cast.marketing, "h-captured")
    holds.capture(master=cast.nile.pk, hold=whole.id, reference="c-3")
    holds.release(master=cast.nile.pk, hold=place(cast.marketing, "h-released").id)
    place(cast.marketing, "h-expired", expires_in=timedelta(microseconds=1))
    assert holds.sweep() == 1


def run(**options):
    out, err = StringIO(), StringIO()
    try:
        call_command("verify_ledger", stdout=out, stderr=err, no_color=True, **options)
    except SystemExit as stop:
        return stop.code, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def cook(sql, *parameters):
    """What only a superuser could do: walk past the triggers and change the books."""
    tables = [
        "billing_entry",
        "billing_hold",
        "billing_creditlimitchange",
        "billing_capchange",
        "billing_dailytotal",
        "billing_balance",
        "billing_payment",
        "billing_arrival",
        "billing_refund",
        "accounts_account",
    ]
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


def cook_past(table, constraint, sql):
    """As ``cook``, past a CHECK constraint too; it is back afterwards, for what comes next."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [constraint]
        )
        [[definition]] = cursor.fetchall()
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        cook(sql)
        definition = definition.removesuffix(" NOT VALID")
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition} NOT VALID")


def test_clean_books_pass_with_counts(books):
    code, out, err = run()
    assert (code, err) == (0, "")
    assert (
        "Looked at entries: 21, balances: 6, holds: 6, transfers: 1, payments: 1,"
        " daily totals: 16, credit limit changes: 2, spending cap changes: 3, account changes: 6."
    ) in out
    assert "Credit in all: EGP 10,506.50." in out
    assert (
        "Contra accounts: payments clearing 10,520.50, transfers 0.00,"
        " usage revenue \N{MINUS SIGN}14.00, adjustments 0.00."
    ) in out
    assert "Credit in all: KWD 325.000." in out
    assert out.count("  ok  ") == len(CHECKS) == 29
    assert "All 29 checks hold." in out


def test_one_master_accounts_books_alone(books):
    cook("UPDATE billing_balance SET credit = credit + 1 WHERE account_id = %s", books.gulf.pk)
    code, out, _ = run(master="nile")
    assert code == 0
    assert "Looked at entries: 17, balances: 4, holds: 4" in out
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
    "transfers in all": (
        "UPDATE billing_entry SET amount = 6 WHERE kind = 'transfer' AND leg = 1",
        "of them transfers -1.000000",
    ),
    "contra": (
        "UPDATE billing_entry SET amount = -3 WHERE reference = 'm-2'",
        "credit 10506.500000, contra accounts 10505.500000",
    ),
    "on hold": (
        "UPDATE billing_balance SET on_hold = on_hold + 1 WHERE credit > 1000",
        "9.000000 on hold, open holds give 8.000000",
    ),
    "on hold of none": (
        "UPDATE billing_balance SET on_hold = 1 WHERE on_hold = 0 AND mode = 'allocated'",
        "1.000000 on hold, open holds give 0",
    ),
    "held": (
        "UPDATE billing_hold SET amount = 11 WHERE state = 'open'",
        "8.000000 on hold, open holds give 9.000000",
    ),
    "ended": (
        "UPDATE billing_hold SET state = 'released', ended_at = placed_at WHERE state = 'open'",
        "8.000000 on hold, open holds give 0",
    ),
    "captured": (
        "UPDATE billing_hold SET captured = 2.000001 WHERE state = 'open'",
        "2.000001 of 10.000000 captured, its entries give 2.000000",
    ),
    "never captured": (
        "UPDATE billing_hold SET captured = 1 WHERE state = 'released'",
        "1.000000 of 10.000000 captured, its entries give 0",
    ),
    "capture of another": (
        "UPDATE billing_entry SET account_id = holder_id WHERE reference = 'c-2'",
        "is of account otp, holder nile",
    ),
    "capture of nothing": (
        "DELETE FROM billing_hold WHERE reference = 'h-captured'",
        "(reference c-3, leg 0): there is no hold",
    ),
    "late capture": (
        "UPDATE billing_hold SET expires_at = placed_at + interval '1 microsecond'",
        "(reference c-1, leg 0): posted",
    ),
    "holder of hold": (
        "UPDATE billing_hold SET holder_id = (SELECT id FROM accounts_account"
        " WHERE code = 'retail') WHERE reference = 'h-released'",
        "(api h-released) of account marketing: its account, holder and master do not belong",
    ),
    "end of hold": (
        "UPDATE billing_hold SET ended_at = expires_at WHERE state = 'released'",
        "(api h-released) of account marketing: released, 0.000000 of 10.000000 captured, ended",
    ),
    "reversal of less": (
        "UPDATE billing_entry SET amount = 0.0074 WHERE reference = 'usage:api:m-1'",
        "reversal reversal usage:api:m-1: 0 of its 1 legs undo one of the 1 that it names",
    ),
    "reversal of one leg": (
        "DELETE FROM billing_entry WHERE reference = 'adjustment:console:a:2' AND leg = 1",
        "adjustment:console:a:2: 1 of its 1 legs undo one of the 2 that it names",
    ),
    "reversal of nothing": (
        "UPDATE billing_entry SET reference = 'm-0' WHERE reference = 'm-1'",
        "usage:api:m-1: 0 of its 1 legs undo one of the 0 that it names",
    ),
    "reversal of another's": (
        "UPDATE billing_entry SET account_id = holder_id WHERE reference = 'm-1'",
        "usage:api:m-1: 0 of its 1 legs",
    ),
    "reversal of a reversal": (
        "UPDATE billing_entry SET reference = 'usage:reversal:usage:api:m-1'"
        " WHERE reference = 'adjustment:console:a-1'",
        "usage:reversal:usage:api:m-1: 0 of its 1 legs undo one of the 1 that it names",
    ),
    "reversal of a payment": (
        "UPDATE billing_entry SET reference = 'usage:payment:' || (SELECT reference"
        " FROM billing_entry WHERE kind = 'payment' LIMIT 1) WHERE reference = 'usage:api:m-1'",
        "0 of its 1 legs undo one of the 1 that it names",
    ),
    "mode": (
        "UPDATE accounts_account SET balance_mode = 'allocated' WHERE balance_mode = 'shared'",
        "its balance row: mode shared",
    ),
    "daily total": (
        "UPDATE billing_dailytotal SET amount_out = amount_out + 1"
        " WHERE kind = 'usage' AND amount_out = 2",
        "(usage_revenue): 0.000000 in, 3.000000 out by 1 entries; its entries give 0, 2.000000, 1",
    ),
    "daily total missing": (
        "DELETE FROM billing_dailytotal WHERE kind = 'reversal' AND contra = 'usage_revenue'",
        "(usage_revenue): 0 in, 0 out by 0 entries; its entries give 0.007500, 0, 1",
    ),
    "daily total of nothing": (
        "UPDATE billing_dailytotal SET day = day - 1 WHERE kind = 'transfer'",
        "1 entries; its entries give 0, 0, 0",
    ),
    "name": (
        "UPDATE accounts_account SET name = 'Other' WHERE code = 'retail'",
        "account retail: Other, allocated, active; its history ends at Retail branches, allocated",
    ),
    "cap": (
        "UPDATE billing_balance SET cap = 6 WHERE cap = 5",
        "in force 6.000000, its history ends at 5.000000",
    ),
    "cap history": (
        "UPDATE billing_capchange SET old = 1 WHERE new = 5",
        "starts from 1.000000, the one before ended at none",
    ),
    "charge past the cap": (
        "UPDATE billing_capchange SET new = 1.9 WHERE new = 5",
        "usage m-2 of account retail: 2.000000 of its cap of 1.900000 used",
    ),
    "hold past the cap": (
        "UPDATE billing_capchange SET new = 15 WHERE new = 25",
        "hold h-released of account marketing: 20.000000 of its cap of 15.000000 used",
    ),
    "past the limit": (
        "UPDATE billing_entry SET balance_after = -1 WHERE reference = 'm-2'",
        "(reference m-2, leg 0): leads to -1.000000, the credit limit was 0",
    ),
    "payment credited": (
        "UPDATE billing_payment SET credited = 61",
        "its arrivals, refunds and disputes give 60.000000, 20.000000, 15.000000",
    ),
    "payment refunded": (
        "UPDATE billing_refund SET amount = 19 WHERE state = 'done'",
        "give 60.000000, 19.000000, 15.000000",
    ),
    "payment in the books": (
        "UPDATE billing_entry SET amount = -14 WHERE kind = 'chargeback'",
        "of account gulf: 25.000000 left of it, its entries give 26.000000",
    ),
    "receipt": ("UPDATE billing_arrival SET receipt_number = 2", "it is the 1. of its year"),
    "receipt counter": ("UPDATE billing_receiptcounter SET last = 2", "the counter is at 2"),
    "refund's hold": (
        "UPDATE billing_hold SET amount = 4 WHERE origin = 'payment' AND state = 'open'",
        "of 5.000000, requested: its hold is open",
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
    assert how == "holder" or "master account nile" in err or "master account gulf" in err


PAST = {
    "more than held": (
        "billing_hold",
        "hold_captured_at_most_held",
        "UPDATE billing_hold SET captured = 11 WHERE state = 'captured'",
        "11.000000 of 10.000000 captured",
    ),
    "open and ended": (
        "billing_hold",
        "hold_state_is_whole",
        "UPDATE billing_hold SET ended_at = placed_at WHERE state = 'open'",
        "open, 2.000000 of 10.000000 captured, ended 20",
    ),
    "captured and nothing": (
        "billing_hold",
        "hold_state_is_whole",
        "UPDATE billing_hold SET state = 'captured' WHERE state = 'released'",
        "captured, 0.000000 of 10.000000 captured, ended 20",
    ),
    "captured as another kind": (
        "billing_entry",
        "entry_captured_is_usage",
        "UPDATE billing_entry SET kind = 'refund' WHERE reference = 'c-1'",
        "but is refund",
    ),
    "reversal by another name": (
        "billing_entry",
        "entry_reversal_names_what_it_undoes",
        "UPDATE billing_entry SET origin = 'api' WHERE reference = 'usage:api:m-1'",
        "reversal api usage:api:m-1: 0 of its 1 legs undo one of the 1",
    ),
}


@pytest.mark.parametrize("how", PAST)
def test_what_the_database_refuses_is_named_too(books, how):
    table, constraint, sql, sentence = PAST[how]
    cook_past(table, constraint, sql)
    code, _, err = run()
    assert code == 1
    assert sentence in err

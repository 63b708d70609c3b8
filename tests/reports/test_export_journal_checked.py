"""hledger and beancount check the exported books, and find what was cooked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError
from django.db import connection

from billing import charges
from billing.models import Contra, Kind
from reports.journal import export as export_to
from reports.journal.books import CONTRA_ACCOUNTS
from tests.factories import give, make_master, make_subaccount
from tests.reports.journals import FORMATS, balances, complaints, enter, export, fill, ours
from tests.threads import at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("format", FORMATS),
]


@pytest.fixture
def books(cast):
    """Nile's books with a bit of everything in them."""
    fill(cast)
    return cast


@pytest.fixture
def history(db):
    """A company whose entries stand at the borders of days in Cairo, by credit after each."""
    nile = make_master("nile")
    shop = make_subaccount(nile, "shop")
    # Cairo's clocks went from 24 April 00:00 to 01:00, and on 29 October from 24:00 to 23:00.
    for amount, kind, moment in [
        ("100", Kind.PAYMENT, "2026-01-31T21:59:59.999999Z"),  # 23:59:59, the last moment
        ("-1", Kind.USAGE, "2026-01-31T22:00:00Z"),  # midnight
        ("-2", Kind.USAGE, "2026-04-23T21:59:59.999999Z"),  # 23:59:59
        ("-4", Kind.USAGE, "2026-04-23T22:00:00Z"),  # 01:00, where the day begins
        ("-8", Kind.USAGE, "2026-10-29T20:30:00Z"),  # 23:30, for the first time
        ("-16", Kind.USAGE, "2026-10-29T21:10:00Z"),  # 23:10, for the second time
        ("-32", Kind.USAGE, "2026-10-29T22:00:00Z"),  # midnight
    ]:
        enter(shop, amount, kind, moment=datetime.fromisoformat(moment))
    return nile


def cook(sql, *parameters):
    """What only a superuser could do."""
    with connection.cursor() as cursor:
        for table in ("billing_entry", "billing_balance"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(sql, parameters)
        for table in ("billing_entry", "billing_balance"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("ALTER TABLE billing_entry ENABLE ALWAYS TRIGGER entry_append_only")
        cursor.execute("ALTER TABLE billing_balance ENABLE ALWAYS TRIGGER balance_kept")


def test_it_agrees_and_its_balances_are_ours(books, format):
    journal = export(format)
    assert complaints(format, journal) == ""
    found = balances(format, journal)
    assert found == ours(books.nile)
    assert found["Liabilities:Customers:Nile:Marketing"] == Decimal("487.25")
    # 3.000001 and -1.25; what was slipped was taken back.
    assert found["Expenses:Adjustments:Nile"] == Decimal("1.750001")
    # 12.5, the last decimal, what was captured; m-0 was reversed.
    assert found["Income:Usage-Revenue:Nile"] == Decimal("-14.000004")
    assert "Liabilities:Transfers:Nile" not in found
    assert sum(found.values()) == 0


def test_another_currency_and_its_decimals(books, format):
    charges.charge(account=books.gulf, amount=Decimal("0.0005"), reference="m-1")
    journal = export(format, master="gulf")
    assert complaints(format, journal) == ""
    assert balances(format, journal)["Liabilities:Customers:Gulf:Gulf"] == Decimal("-299.9995")
    assert "EGP" not in journal


def test_it_finds_an_amount_that_was_changed_on_both_sides(books, format):
    journal = export(format)
    cooked = re.sub(r"(:\w+ +-?)12\.500000 EGP", r"\g<1>12.500001 EGP", journal)
    assert cooked != journal
    assert "12.500001" in cooked
    assert complaints(format, cooked)


def test_it_finds_an_amount_that_was_changed_on_one_side(books, format):
    cooked = export(format).replace(" -12.500000 EGP", " -12.500001 EGP", 1)
    assert "balance" in complaints(format, cooked)


def test_it_finds_an_entry_that_is_missing(books, format):
    journal = export(format)
    transactions = journal.split("\n\n")
    kept = [each for each in transactions if "m-1" not in each]
    assert len(kept) == len(transactions) - 1
    assert complaints(format, "\n\n".join(kept))


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE billing_balance SET credit = credit + 0.000001 WHERE credit > 5000",
        "UPDATE billing_entry SET amount = -12.500001 WHERE amount = -12.5",
        "UPDATE billing_entry SET balance_after = balance_after + 1 WHERE reference = 'c-2'",
        "DELETE FROM billing_entry WHERE reference = 'm-2'",
        # The contra account of transfers gives it away.
        "UPDATE billing_entry SET kind = 'adjustment' WHERE kind = 'transfer' AND leg = 0",
    ],
)
def test_it_finds_what_was_cooked_in_the_database(books, format, sql):
    cook(sql)
    assert complaints(format, export(format))


@pytest.mark.parametrize("column", ["holder_id", "account_id"])
def test_books_that_name_a_stranger_cannot_be_exported(books, format, column):
    cook(f"UPDATE billing_entry SET {column} = %s WHERE reference = 'm-2'", books.gulf.pk)
    with pytest.raises(CommandError, match=r"The books are wrong: account [0-9]+ is not of this"):
        export(format)


def test_the_same_books_give_the_same_journal(books, format):
    assert export(format) == export(format)


def test_a_company_without_entries(db, format):
    make_master("nile")
    journal = export(format)
    assert complaints(format, journal) == ""
    assert balances(format, journal) == {}


DAYS = [
    # From, to, the entries' amounts, the credit before.
    ("2026-01-31", "2026-01-31", ["100.000000"], "0"),
    ("2026-02-01", "2026-02-28", ["-1.000000"], "100"),
    ("2026-03-01", "2026-03-31", [], "99"),
    ("2026-04-23", "2026-04-23", ["-2.000000"], "99"),
    ("2026-04-24", "2026-04-24", ["-4.000000"], "97"),
    ("2026-10-29", "2026-10-29", ["-8.000000", "-16.000000"], "93"),
    ("2026-10-30", "2026-10-31", ["-32.000000"], "69"),
    ("2026-02-01", None, [f"-{2**n}.000000" for n in range(6)], "100"),
    (None, "2026-02-01", ["100.000000", "-1.000000"], "0"),
    (None, "2026-01-30", [], "0"),
    ("2027-01-01", None, [], "37"),
]


@pytest.mark.parametrize(("first", "last", "amounts", "before"), DAYS)
def test_a_period_is_of_whole_days_and_begins_with_what_was_there(
    history, format, first, last, amounts, before
):
    options = {"first": first, "last": last}
    journal = export(format, **options)
    assert complaints(format, journal) == ""
    income = r"(?:Income|Assets):\S+  (-?[0-9.]+) EGP"
    entries = [each for each in journal.split("\n\n") if "reference:" in each]
    assert [re.search(income, each)[1] for each in entries] == amounts
    found = balances(format, journal)
    spent = [Decimal(amount) for amount in amounts if amount.startswith("-")]
    earned = Decimal(before) + sum(map(Decimal, amounts))
    assert found.get("Income:Usage-Revenue:Nile", 0) == sum(spent)
    assert found.get("Liabilities:Customers:Nile:Shop", 0) == -earned
    # What the platform earned before is equity by then.
    earlier = Decimal(100) - Decimal(before) if Decimal(before) else Decimal(0)
    assert -found.get("Equity:Opening-Balances:Nile", 0) == earlier
    assert bool(Decimal(before)) == ("opening balances" in journal.split("payee closing")[-1])


def test_a_period_that_was_cooked_is_found(history, format):
    cook("UPDATE billing_entry SET balance_after = balance_after + 1 WHERE amount = -1")
    assert not complaints(format, export(format, last="2026-01-31"))
    assert complaints(format, export(format, first="2026-02-01", last="2026-02-28"))
    # The opening balance is what the last entry says: wrong, so the next one does not fit.
    assert complaints(format, export(format, first="2026-03-01"))


def test_the_legs_of_a_transfer_may_stand_on_two_days(books, format):
    """As when the database's clock was set back over midnight: one leg today, one tomorrow."""
    cook(
        "UPDATE billing_entry SET posted_at = posted_at - interval '3 days'"
        " WHERE NOT (kind = 'transfer' AND amount = 7) AND holder_id <> %s",
        books.retail.pk,
    )
    yesterday = datetime.now(tz=UTC).date() - timedelta(days=1)
    for period in ({"last": str(yesterday)}, {"first": str(yesterday)}, {}):
        journal = export(format, **period)
        assert complaints(format, journal) == "", period
    assert "Liabilities:Transfers:Nile" in balances(format, export(format, last=str(yesterday)))


def test_what_is_posted_meanwhile_is_not_in_it(books, format):
    """One snapshot: the entries, and the balances at the end that were read before or after."""
    pieces = []

    def write(text):
        if not pieces:
            at_once(lambda: give(books.marketing, "1000", "meanwhile"))
        pieces.append(text)

    export_to(company=books.nile, format=format, write=write)
    journal = "".join(pieces)
    assert "meanwhile" not in journal
    assert complaints(format, journal) == ""
    assert "meanwhile" in export(format)


def test_the_chart_knows_every_contra_account(format):
    assert set(CONTRA_ACCOUNTS) == set(Contra)
    assert len(set(CONTRA_ACCOUNTS.values())) == len(Contra)

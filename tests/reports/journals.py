"""Journals for the tests: books to export, and what hledger and beancount make of them."""

from __future__ import annotations

import csv
import io
import itertools
import os
import subprocess
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from beancount import loader
from beancount.core.data import Transaction
from django.core.management import call_command

from accounts.models import Account
from billing import adjustments, charges, holds, transfers
from billing.ledger import Leg, Outcome, Posting, post, transact
from billing.models import Balance, Entry, Kind, Origin
from tests.factories import Cast, set_limit

HLEDGER = "/usr/bin/hledger"
FORMATS = ["hledger", "beancount"]
SIDES = {
    Kind.PAYMENT: "Assets:Payments-Clearing:Nile",
    Kind.REFUND: "Assets:Payments-Clearing:Nile",
    Kind.CHARGEBACK: "Assets:Payments-Clearing:Nile",
    Kind.TRANSFER: "Liabilities:Transfers:Nile",
    Kind.USAGE: "Income:Usage-Revenue:Nile",
    Kind.ADJUSTMENT: "Expenses:Adjustments:Nile",
    "usage:": "Income:Usage-Revenue:Nile",
    "adjustment:": "Expenses:Adjustments:Nile",
}
_numbers = itertools.count(1)


def enter(
    account: Account,
    amount: str,
    kind: Kind = Kind.ADJUSTMENT,
    *,
    moment: datetime | None = None,
    reference: str = "",
    description: str = "",
) -> Outcome:
    """One entry of any kind, at any time that is over."""
    posting = Posting(
        kind,
        reference or f"entry-{next(_numbers)}",
        (Leg(account.pk, Decimal(amount)),),
        description,
        enforce_limit=False,
        moment=moment,
    )
    [outcome] = transact(
        lambda: post(master=account.master_id, postings=[posting], origin=Origin.SYSTEM)
    )
    return outcome


def fill(cast: Cast) -> None:
    """Books with a bit of everything: all kinds, a shared holder, a debt, the last decimal."""
    set_limit(cast.marketing, "1000")
    for source, destination, amount in [
        (cast.nile, cast.retail, "7"),
        (cast.retail, cast.marketing, "0.25"),
        (cast.marketing, cast.nile, "900"),
    ]:
        transfers.make(
            source=source,
            destination=destination,
            amount=Decimal(amount),
            key=uuid4(),
            by=cast.admin,
            note="Budget; of the month",
        )
    for number, (account, amount) in enumerate(
        [(cast.otp, "0.0075"), (cast.marketing, "12.5"), (cast.otp, "0.000001")]
    ):
        charges.charge(
            account=account,
            amount=Decimal(amount),
            reference=f"m-{number}",
            description="SMS to Egypt, 1 message",
        )
    enter(cast.nile, "-30.5", Kind.REFUND)
    enter(cast.marketing, "-75", Kind.CHARGEBACK)
    for account, amount, reference in [
        (cast.nile, "3.000001", "goodwill"),
        (cast.otp, "-0.5", "slip"),
        (cast.retail, "-1.25", "right"),
    ]:
        adjustments.make(
            account=account,
            amount=Decimal(amount),
            reason="Agreed; by phone",
            reference=reference,
            by=cast.operator,
        )
    nile = cast.nile.pk
    charges.reverse(master=nile, reference="m-0", reason="Not delivered", by=cast.operator)
    charges.reverse(master=nile, reference="slip", reason="A slip", origin=Origin.CONSOLE)
    held = holds.hold(account=cast.otp, amount=Decimal(5), reference="campaign").hold
    holds.capture(master=nile, hold=held.id, amount=Decimal("1.5"), reference="c-1")
    holds.capture(master=nile, hold=held.id, amount=Decimal("0.000003"), reference="c-2")


def export(format: str, *, master: str = "nile", **options: Any) -> str:
    """The journal that the command writes to standard output."""
    out = io.StringIO()
    call_command("export_journal", master=master, format=format, stdout=out, **options)
    return out.getvalue()


def hledger(journal: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Debian's hledger on the journal. It reads and writes as its locale says: UTF-8."""
    return subprocess.run(
        [HLEDGER, "-f", "-", *arguments],
        input=journal,
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        check=False,
    )


def complaints(format: str, journal: str) -> str:
    """What the program finds wrong with the journal; nothing when it agrees."""
    if format == "hledger":
        checked = hledger(journal, "check", "--strict", "ordereddates", "payees")
        assert bool(checked.returncode) == bool(checked.stderr)
        return checked.stderr
    _, errors, _ = loader.load_string(journal)
    return "\n".join(error.message for error in errors)


def balances(format: str, journal: str) -> dict[str, Decimal]:
    """The balance of every account that the program computes; those of zero left out."""
    if format == "hledger":
        shown = hledger(journal, "balance", "--no-total", "--flat", "--output-format=csv")
        found = list(csv.DictReader(io.StringIO(shown.stdout)))
        totals = {row["account"]: Decimal(row["balance"].split()[0]) for row in found}
        return {name: total for name, total in totals.items() if total}
    entries, _, _ = loader.load_string(journal)
    totals = defaultdict(Decimal)
    for entry in entries:
        for posting in entry.postings if isinstance(entry, Transaction) else ():
            totals[posting.account] += posting.units.number
    return {name: total for name, total in totals.items() if total}


def ours(master: Account) -> dict[str, Decimal]:
    """The same from the tables: credits from the balances, the other side from the entries."""
    company = master.code.capitalize()
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for balance in Balance.objects.filter(master=master).select_related("account"):
        code = balance.account.code.capitalize()
        totals[f"Liabilities:Customers:{company}:{code}"] = -balance.credit
    for entry in Entry.objects.filter(master=master):
        undone = entry.reference.partition(":")[0] + ":"
        totals[SIDES[undone if entry.kind == Kind.REVERSAL else Kind(entry.kind)]] += entry.amount
    return {name: total for name, total in totals.items() if total}

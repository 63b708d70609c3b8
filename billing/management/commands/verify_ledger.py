"""``manage.py verify_ledger``: proves the books from the entries alone."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Account
from billing.verification import verify
from console import money


class Command(BaseCommand):
    """Prints what was counted; exits 1 and names the first wrong row of each failed check."""

    help = (
        "Recompute balances, references, transfers, reversals, holds and limits from the entries."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--master", metavar="CODE", help="only this master account's books")

    def handle(self, *args: Any, master: str | None, **options: Any) -> None:
        """Run the checks."""
        account = None
        if master is not None:
            account = Account.objects.masters().filter(code=master).first()
            if account is None:
                raise CommandError(f"There is no master account with the code {master}.")
        report = verify(master=account.pk if account else None)
        counted = ", ".join(f"{name}: {number:,}" for name, number in report.counts.items())
        self.stdout.write(f"Looked at {counted}.")
        for currency, credit in report.credit.items():
            decimals = money.currency_decimals(currency)
            amount = money.format_amount(credit, decimals)
            self.stdout.write(f"Credit in all: {currency} {amount}.")
            sides = ", ".join(
                f"{contra.label.lower()} {money.format_amount(total, decimals)}"
                for contra, total in report.contra[currency].items()
            )
            self.stdout.write(f"Contra accounts: {sides}.")
        wrong = {finding.check: finding for finding in report.findings}
        for check in report.checks:
            if check not in wrong:
                self.stdout.write(f"  ok     {check}")
                continue
            finding = wrong[check]
            self.stderr.write(self.style.ERROR(f"  WRONG  {check}"))
            self.stderr.write(f"         rows: {finding.rows:,}; the first: {finding.first}")
        if wrong:
            self.stderr.write(self.style.ERROR("The books are wrong."))
            sys.exit(1)
        self.stdout.write(self.style.SUCCESS(f"All {len(report.checks)} checks hold."))

"""``manage.py verify_statements``: proves the statements from the entries."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Account
from reports.statement_checks import CHECKS, verify_statements


class Command(BaseCommand):
    """Prints each check; exits 1 and names the first wrong row of those that failed."""

    help = "Recompute opening, closing and movements of every statement from the entries."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One company, or all."""
        parser.add_argument("--master", metavar="CODE", help="only this master account's")

    def handle(self, *args: Any, master: str | None, **options: Any) -> None:
        """Run the checks. Raises CommandError when one failed."""
        company = None
        if master is not None:
            company = Account.objects.masters().filter(code=master).first()
            if company is None:
                raise CommandError(f"There is no master account with the code {master}.")
        wrong = {
            finding.check: finding
            for finding in verify_statements(master=company.pk if company else None)
        }
        for check in CHECKS:
            if finding := wrong.get(check.name):
                self.stderr.write(self.style.ERROR(f"  WRONG  {check.name}"))
                self.stderr.write(f"         rows: {finding.rows:,}; the first: {finding.first}")
            else:
                self.stdout.write(f"  ok     {check.name}")
        if wrong:
            raise CommandError("The statements are wrong.")
        self.stdout.write(self.style.SUCCESS(f"All {len(CHECKS)} checks hold."))

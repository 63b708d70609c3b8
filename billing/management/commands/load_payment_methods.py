"""``manage.py load_payment_methods``: the ways to pay of each country."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from billing import payment_methods


class Command(BaseCommand):
    """Part of each deployment, after ``migrate``."""

    help = "Load the payment methods. What operators have edited stays; a second run does nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, and say how many are new and how many changed."""
        added, changed = payment_methods.load()
        if options["verbosity"]:
            self.stdout.write(f"{added} payment methods added, {changed} changed.")

"""``manage.py expire_holds``: what the worker does every minute, by hand or by cron."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing import holds


class Command(BaseCommand):
    """Expires holds and prints how many."""

    help = "Give back what holds past their time still keep. It may run at any time."

    def handle(self, *args: Any, **options: Any) -> None:
        """Expire them; a second run finds none. Raises CommandError while a balance is locked."""
        try:
            expired = holds.sweep()
        except holds.StartAgain as error:
            raise CommandError(
                "Somebody keeps a balance locked. What was expired before it stays so:"
                " run this again for the rest."
            ) from error
        self.stdout.write(f"Expired {expired:,} {'hold' if expired == 1 else 'holds'}.")

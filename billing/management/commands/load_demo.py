"""``manage.py load_demo``: companies, people and a year of movements to look at."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from billing import demo


class Command(BaseCommand):
    """Refuses where HTTPS is on: everybody knows the demo's password."""

    help = "Load the demo data. A second run changes nothing, an interrupted one is completed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One flag, for a demo that is served to others on purpose."""
        parser.add_argument(
            "--force",
            action="store_true",
            help="also where HTTPS is on, with logins whose password everybody knows",
        )

    def handle(self, *args: Any, force: bool = False, **options: Any) -> None:
        """Load, or say that it was done. Raises CommandError when it must not be."""
        if settings.HTTPS and not force:
            raise CommandError(
                "HTTPS is on, so this looks like a real deployment; the demo's logins have a"
                " password that everybody knows. Nothing was loaded. (--force loads it.)"
            )
        try:
            loaded = demo.load(self._say if options["verbosity"] else lambda line: None)
        except demo.ForeignDataError as refusal:
            raise CommandError(str(refusal)) from refusal
        if not loaded.is_new:
            self._say(
                f"The demo data of {loaded.now:%-d %B %Y} is already loaded: nothing was changed."
                " (`make clean` removes it.)"
            )
            return
        rate = loaded.entries / loaded.seconds
        self._say(
            f"{loaded.entries:,} entries in {loaded.accounts} accounts,"
            f" {loaded.seconds:.1f} s, {rate:,.0f} a second."
        )

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

"""``manage.py export_journal``: the books for an independent program to check."""

from __future__ import annotations

import os
import re
import secrets
import signal
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError

from accounts.models import Account
from console.days import FIRST_DAY, LAST_DAY
from reports.journal import FORMATS, ForeignAccount, export

HELP = """\
Write a company's books as a journal that an independent program can check.

Each entry is a transaction between the customer's credit, a liability of the platform, and the
contra account of its kind. Balances are asserted: after each entry (hledger), or after each day on
which they moved (beancount), and at the end.

  manage.py export_journal --master nile --format hledger --output nile.journal
  hledger -f nile.journal check --strict ordereddates payees

  manage.py export_journal --master nile --format beancount --output nile.beancount \\
      --from 2026-10-01 --to 2026-10-31
  bean-check nile.beancount

Days are those of the company's time zone, and both are included. With --from, the balances of the
day before come first, against equity.
"""


class Command(BaseCommand):
    """The arguments, the place of the file and the words; ``reports.journal`` does the work."""

    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Keep the lines of the help as they are written."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose books, of which days, how and where to."""
        parser.add_argument(
            "--master", metavar="CODE", required=True, help="the code of the master account"
        )
        parser.add_argument("--from", dest="first", metavar="DATE", help="2026-10-01; or all")
        parser.add_argument("--to", dest="last", metavar="DATE", help="2026-10-31; or all")
        parser.add_argument("--format", choices=sorted(FORMATS), required=True)
        parser.add_argument(
            "--output",
            metavar="PATH",
            default="-",
            help="written whole or not at all; standard output by default",
        )

    def handle(
        self,
        *args: Any,
        master: str,
        first: str | None,
        last: str | None,
        format: str,
        output: str,
        **options: Any,
    ) -> None:
        """Export. Raises CommandError when nothing, or not all, could be written."""
        company = Account.objects.masters().filter(code=master).first()
        if company is None:
            raise CommandError(
                f"There is no master account with the code {master!r}.", returncode=2
            )
        days = _day("--from", first), _day("--to", last)
        if days[0] and days[1] and days[1] < days[0]:
            raise CommandError(f"--to {last} is before --from {first}.", returncode=2)

        def run(write: Callable[[str], object]) -> int:
            return export(company=company, first=days[0], last=days[1], format=format, write=write)

        try:
            if output == "-":
                self._to_standard_output(run)
                return
            with _whole_file(Path(output)) as write:
                count = run(write)
            self.stdout.write(f"{count:,} entries of {master} are in {output}.")
        except (OperationalError, InterfaceError) as error:
            raise CommandError(f"Stopped: {error}") from error
        except ForeignAccount as error:
            raise CommandError(f"The books are wrong: {error}. Run verify_ledger.") from error

    def _to_standard_output(self, run: Callable[[Callable[[str], object]], int]) -> None:
        """Always UTF-8, whatever the terminal says: hledger and beancount read nothing else."""
        reconfigure = getattr(self.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", newline="\n")
        try:
            run(self.stdout.write)
            self.stdout.flush()
        except BrokenPipeError:
            # Whoever read has seen enough. Python would complain when it flushes at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(128 + signal.SIGPIPE)
        except OSError as error:
            raise CommandError(f"Cannot write: {error.strerror}.") from error


def _day(option: str, text: str | None) -> date | None:
    """The day that is written as 2026-10-31. Raises CommandError."""
    if text is None:
        return None
    try:
        # Other ways of ISO 8601 that Python reads (20261031, 2026-W44-6) are slips here.
        day = (
            date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
        )
    except ValueError:
        day = None
    if day is None:
        raise CommandError(
            f"{option} {text!r} is not a day: write year-month-day, for example 2026-10-31.",
            returncode=2,
        )
    if not FIRST_DAY <= day <= LAST_DAY:
        raise CommandError(
            f"{option} {text}: choose a day from {FIRST_DAY} to {LAST_DAY}.", returncode=2
        )
    return day


@contextmanager
def _whole_file(place: Path) -> Iterator[Callable[[str], object]]:
    """What writes into a draft beside the place, which takes the place when all went well."""
    draft = None
    try:
        # Through a link, so that the link stays one.
        place = place.resolve()
        if place.exists() and not place.is_file():
            raise CommandError(f"{place} is not a file: name another --output.", returncode=2)
        draft = place.with_name(f".{place.name[:200]}.{secrets.token_hex(4)}")
        with draft.open("x", encoding="utf-8", newline="\n") as stream:
            yield stream.write
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(place)
    except OSError as error:
        raise CommandError(f"Cannot write {place}: {error.strerror}.", returncode=2) from error
    finally:
        with suppress(OSError):
            if draft is not None:
                draft.unlink()

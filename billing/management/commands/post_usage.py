"""``manage.py post_usage``: charge the usage that a CSV file lists."""

from __future__ import annotations

import csv
import os
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError
from tqdm import tqdm

from accounts.models import Account
from billing import usage_import
from billing.models import Origin
from billing.usage_files import COLUMNS, Rejected, UsageFile, UsageFileError
from billing.usage_import import RejectedFile, Tally
from console import money

# So many rejected rows are shown at once; all of them are in the file of rejected rows.
SHOWN = 10
HELP = """\
Charge the usage that a CSV file lists.

The file is UTF-8 with a header row and commas; gzip is recognised by itself. Columns:
  account      the account's code within the company
  reference    names this usage once and for all, at most 200 characters
  amount       more than zero, in the company's currency, at most six decimals: 0.0075
  at           when it happened (may be missing), ISO 8601; without an offset it is
               in the company's time zone
  description  at most 500 characters (may be missing)

  manage.py post_usage usage.csv --master nile
  manage.py post_usage part.csv.gz --master nile --columns account=dept,reference=id --dry-run

Rows are posted in batches, each in a transaction of its own. A reference that was posted before
is recognised and not charged again: run the same file again after an interruption or a top-up.
Files have references of their own, apart from those that came by the API. What the API may have
charged already, as after an outage of it, is posted with --origin api: then each is charged once.
Rows that are not posted go, as they were, with line and reason, to FILE.rejected.csv, which can be
posted itself later. (A leading = + - @ in our own columns there gets an apostrophe in front.)

--dry-run decides every row as the real run would and writes nothing to the books. It works in one
transaction that is rolled back at the end; until then other charges of these accounts wait.

Exit code: 0 all is in the books, 1 some rows are not, 2 nothing could be done, 130 Ctrl-C.
"""


class Command(BaseCommand):
    """The arguments, the progress bar and the words; ``billing.usage_import`` does the work."""

    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Keep the lines of the help as they are written."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE and the options."""
        parser.add_argument("file", metavar="FILE", help="the file; - is standard input")
        parser.add_argument(
            "--master", metavar="CODE", required=True, help="the code of the master account"
        )
        parser.add_argument(
            "--columns",
            metavar="OURS=THEIRS,...",
            default="",
            help="how columns are called in the file: account=dept,reference=message_id",
        )
        parser.add_argument(
            "--past-limit",
            action="store_true",
            help="the usage has happened: post it past the limit and whatever the account's state",
        )
        parser.add_argument(
            "--origin",
            choices=[Origin.IMPORT.value, Origin.API.value],
            default=Origin.IMPORT.value,
            help="whose references they are: the files' (import, the default) or the API's",
        )
        parser.add_argument("--dry-run", action="store_true", help="decide, and write nothing")
        parser.add_argument(
            "--rejected",
            metavar="PATH",
            help="where rejected rows go; FILE.rejected.csv by default",
        )

    def handle(
        self,
        *args: Any,
        file: str,
        master: str,
        columns: str,
        past_limit: bool,
        origin: str,
        dry_run: bool,
        rejected: str | None,
        **options: Any,
    ) -> None:
        """Post the file. Raises CommandError when not all of it is in the books afterwards."""
        company = Account.objects.masters().filter(code=master).first()
        if company is None:
            raise CommandError(
                f"There is no master account with the code {master!r}.", returncode=2
            )
        place = _place_of_rejected(file, rejected)
        with _open(file) as stream:
            try:
                usage = UsageFile(
                    stream,
                    columns=_read_columns(columns),
                    accounts=dict(company.tree.values_list("code", "pk")),
                    zone=company.zone,
                    enforce_limit=not past_limit,
                )
            except (UsageFileError, OSError) as error:
                raise CommandError(f"{file}: {error}", returncode=2) from error
            except KeyboardInterrupt:
                raise CommandError("Interrupted.", returncode=130) from None
            run = _Run(self, usage, RejectedFile(place, usage.header), _size(stream))
            problem = run.post(company.pk, origin=Origin(origin), dry_run=dry_run)
        self._report(run, company, dry_run=dry_run)
        if problem is not None:
            raise problem
        if not run.tally.rejected and Path(place).exists():
            self.stdout.write(f"{place} is of an earlier run: all of this file is in the books.")
        if run.tally.rejected:
            raise CommandError(
                f"{run.tally.rejected.total():,} rows were not posted. They are in {place} with"
                " their reasons."
            )

    def _report(self, run: _Run, company: Account, *, dry_run: bool) -> None:
        """Say what became of the file."""
        tally = run.tally
        refused = ", ".join(f"{code} {count:,}" for code, count in tally.refused.items())
        amount = money.format_amount(tally.amount, company.decimals)
        rate = tally.rows / run.seconds if run.seconds else 0
        if dry_run:
            self.stdout.write("Dry run: nothing was written. It would be:")
        self.stdout.write(f"posted     {tally.posted:>12,}   {company.currency} {amount}")
        self.stdout.write(f"replayed   {tally.replayed:>12,}   (in the books already)")
        self.stdout.write(
            f"refused    {sum(tally.refused.values()):>12,}"
            + (f"   ({refused})" if refused else "")
        )
        self.stdout.write(f"malformed  {tally.malformed:>12,}")
        self.stdout.write(f"{tally.rows:,} rows in {run.seconds:.1f} s, {rate:,.0f} rows/s")


class _Run:
    """One reading of one file, with its bar and its counts."""

    def __init__(
        self, command: BaseCommand, usage: UsageFile, rejected: RejectedFile, size: int | None
    ) -> None:
        self._command = command
        self._usage = usage
        self._rejected = rejected
        self._size = size
        self.tally = Tally()
        self.seconds = 0.0

    def post(self, master: int, *, origin: Origin, dry_run: bool) -> CommandError | None:
        """Post as far as can be; what stopped it before the end."""
        began = time.monotonic()
        # disable=None: no bar where nobody watches.
        bar = tqdm(total=self._size, unit="B", unit_scale=True, disable=None, file=sys.stderr)

        def progress() -> None:
            bar.update(self._usage.bytes_read - bar.n)

        def reject(row: Rejected) -> None:
            self._rejected.add(row)
            if self.tally.rejected.total() <= SHOWN:
                with bar.external_write_mode(file=sys.stderr):
                    self._command.stderr.write(f"line {row.line}: {row.reason}")

        try:
            with bar:
                usage_import.post(
                    self._usage,
                    master=master,
                    tally=self.tally,
                    reject=reject,
                    progress=progress,
                    origin=origin,
                    dry_run=dry_run,
                )
        except KeyboardInterrupt:
            return CommandError("Interrupted. Run it again to post the rest.", returncode=130)
        except (OperationalError, InterfaceError, OSError) as error:
            return CommandError(f"Stopped: {error}. Run it again to post the rest.")
        finally:
            self.seconds = time.monotonic() - began
            self._rejected.close()
        return None


def _read_columns(text: str) -> dict[str, str]:
    """``account=dept,reference=id`` as a dictionary; a name with a comma stands in quotes."""
    columns: dict[str, str] = {}
    for part in next(csv.reader([text]), []):
        ours, _, theirs = (side.strip() for side in part.partition("="))
        if ours not in COLUMNS or not theirs:
            raise CommandError(
                f"--columns: {part!r} is not OURS=THEIRS, where OURS is one of"
                f" {', '.join(COLUMNS)}.",
                returncode=2,
            )
        if ours in columns:
            raise CommandError(f"--columns names {ours} twice.", returncode=2)
        columns[ours] = theirs
    return columns


def _open(file: str) -> AbstractContextManager[BinaryIO]:
    """The bytes of the file. Standard input stays open afterwards. Raises CommandError."""
    if file == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return open(file, "rb")
    except OSError as error:
        raise CommandError(f"Cannot read {file}: {error.strerror}.", returncode=2) from error


def _size(stream: BinaryIO) -> int | None:
    """How many bytes there are to read, if that can be known."""
    with suppress(OSError):
        return os.fstat(stream.fileno()).st_size or None
    return None


def _place_of_rejected(file: str, asked: str | None) -> str:
    """Where rejected rows go. Raises CommandError where nothing can be written."""
    place = Path(asked or ("usage.rejected.csv" if file == "-" else f"{file}.rejected.csv"))
    if file != "-" and place.exists() and Path(file).exists() and place.samefile(file):
        raise CommandError(f"{place} is the file itself.", returncode=2)
    target = place if place.exists() else place.parent
    if place.is_dir() or not os.access(target, os.W_OK):
        raise CommandError(
            f"Rejected rows would go to {place}, which cannot be written: name another place by"
            " --rejected.",
            returncode=2,
        )
    return str(place)

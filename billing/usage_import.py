"""Posting files of usage: in batches, each committed, so that what was killed can be completed."""

from __future__ import annotations

import csv
import gc
import io
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import islice
from types import FrameType
from typing import Protocol

from django.db import transaction

from billing.charges import Charge, charge_many, rehearse_many
from billing.ledger import Outcome, StartAgain, Status
from billing.models import Origin
from billing.usage_files import MALFORMED, Rejected, Usage

BATCH = 2_000
# A batch starts again when an account's mode changes at that very moment.
ATTEMPTS = 5


class Charger(Protocol):
    """``charge_many`` for one company and origin, or what stands in for it."""

    def __call__(self, *, charges: Sequence[Charge]) -> list[Outcome]: ...


@dataclass
class Tally:
    """What became of the rows so far; ``amount`` is what was posted, in the company's currency."""

    posted: int = 0
    replayed: int = 0
    amount: Decimal = Decimal(0)
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def malformed(self) -> int:
        """How many rows were no usage."""
        return self.rejected[MALFORMED]

    @property
    def refused(self) -> dict[str, int]:
        """How many rows were refused, by the refusal's code, the most frequent first."""
        return {code: n for code, n in self.rejected.most_common() if code != MALFORMED}

    @property
    def rows(self) -> int:
        """All rows that were decided."""
        return self.posted + self.replayed + self.rejected.total()


def post(
    rows: Iterable[Usage | Rejected],
    *,
    master: int,
    tally: Tally,
    reject: Callable[[Rejected], None],
    progress: Callable[[], None],
    origin: Origin = Origin.IMPORT,
    dry_run: bool = False,
) -> None:
    """Post the rows of a file for the company whose id is ``master``.

    ``origin`` is whose references they are: files have their own, apart from those of the API.
    Each batch is committed and counted in ``tally`` before the next is read; then ``progress`` is
    called. Rows that are not posted go to ``reject``. Posting a file again replays what is there
    already: killed half way, it is completed by the next run. Raises KeyboardInterrupt for Ctrl-C,
    and only between two batches.

    ``dry_run`` decides likewise, to the last row, and writes nothing. It is one transaction that
    is rolled back at the end, because later rows must see what earlier ones would have spent.
    Until then other charges of the same accounts wait.
    """
    if not dry_run:
        _post(rows, partial(charge_many, master=master, origin=origin), tally, reject, progress)
        return
    with transaction.atomic(durable=True):
        try:
            _post(rows, partial(_rehearse, master=master, origin=origin), tally, reject, progress)
        finally:
            transaction.set_rollback(True)


def _rehearse(*, master: int, charges: Sequence[Charge], origin: Origin) -> list[Outcome]:
    # A savepoint: what must start again undoes itself only.
    with transaction.atomic():
        return rehearse_many(master=master, charges=charges, origin=origin)


def _post(
    rows: Iterable[Usage | Rejected],
    charge: Charger,
    tally: Tally,
    reject: Callable[[Rejected], None],
    progress: Callable[[], None],
) -> None:
    waiting = iter(rows)
    # What was there before is not garbage: searching it again and again takes a fifth of the time.
    gc.freeze()
    try:
        while batch := list(islice(waiting, BATCH)):
            with _uninterrupted():
                for rejected in _decide(batch, charge, tally):
                    tally.rejected[rejected.code] += 1
                    reject(rejected)
            progress()
    finally:
        gc.unfreeze()


def _decide(
    batch: Sequence[Usage | Rejected], charge: Charger, tally: Tally
) -> Iterator[Rejected]:
    """Post one batch, count it, and give back what was not posted, in the file's order."""
    outcomes = iter(_charge([row.charge for row in batch if isinstance(row, Usage)], charge))
    for row in batch:
        if isinstance(row, Rejected):
            yield row
            continue
        outcome = next(outcomes)
        if outcome.refusal is not None:
            yield Rejected(row.line, outcome.refusal.message, outcome.refusal.code, row.cells)
        elif outcome.status is Status.REPLAYED:
            tally.replayed += 1
        else:
            tally.posted += 1
            tally.amount += row.charge.amount


def _charge(batch: Sequence[Charge], charge: Charger) -> list[Outcome]:
    for _ in range(ATTEMPTS - 1):
        try:
            return charge(charges=batch)
        except StartAgain:
            continue
    return charge(charges=batch)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until the batch is committed and counted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if asked:
        raise KeyboardInterrupt


class RejectedFile:
    """What was not posted, as CSV that can be fed again; the file begins with the first row.

    The cells stand as they were, so that they are the same when they come back; our three columns
    behind them never begin a formula (a spreadsheet would run it). Where the cells of a malformed
    line could not be told apart they are empty, and ``rejected_text`` has the line.
    """

    COLUMNS = ("rejected_line", "rejected_reason", "rejected_text")

    def __init__(self, path: str, header: Sequence[str]) -> None:
        self.path = path
        # A file of rejected rows that comes back has our columns already.
        self._kept = [at for at, name in enumerate(header) if name not in self.COLUMNS]
        self._names = [header[at] for at in self._kept]
        self._file: io.TextIOWrapper | None = None
        self._writer = csv.writer(io.StringIO())

    def add(self, row: Rejected) -> None:
        """Write one row. Raises OSError."""
        if self._file is None:
            self._file = open(  # noqa: SIM115
                self.path, "w", encoding="utf-8", newline="", opener=_own_file
            )
            self._writer = csv.writer(self._file, lineterminator="\n")
            self._writer.writerow([*self._names, *self.COLUMNS])
        cells = row.cells or [""] * (max(self._kept, default=0) + 1)
        ours = [row.line, _no_formula(row.reason), _no_formula(row.text)]
        self._writer.writerow([*(cells[at] for at in self._kept), *ours])

    def close(self) -> bool:
        """Close the file; whether there is one."""
        if self._file is not None:
            self._file.close()
        return self._file is not None


def _own_file(path: str, flags: int) -> int:
    """Never through a link that somebody may have laid in a shared folder; for our eyes only."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _no_formula(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text

"""Reading files of usage: CSV of any length, plain or gzip, in one pass and little memory.

A file has a header row and is UTF-8; every other row becomes a charge, or is rejected with its
line and a reason, and the reading goes on behind it. Lines are those that an editor shows: a
quoted cell may hold several.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

from billing import references
from billing.charges import Charge
from console import money

# Our names of the columns; a file has others if --columns says so.
REQUIRED = ("account", "reference", "amount")
COLUMNS = (*REQUIRED, "at", "description")
# A line is at most so long (bytes), and a row of quoted lines at most so many: one quote that is
# never closed must not take the rest of the file with it, nor all the memory.
LONGEST_LINE = 100_000
MOST_LINES = 50
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
MALFORMED = "malformed"
UNKNOWN_ACCOUNT = "unknown_account"

_FOREIGN = {
    b"PK\x03\x04": "It is a zip archive or a spreadsheet: save the sheet as CSV (UTF-8).",
    b"\xff\xfe": "It is UTF-16: save it as UTF-8.",
    b"\xfe\xff": "It is UTF-16: save it as UTF-8.",
}


class UsageFileError(ValueError):
    """The file as a whole cannot be read as usage; ``str(error)`` says why."""


class Usage(NamedTuple):
    """A row that can be charged, and its cells as they were."""

    line: int
    cells: Sequence[str]
    charge: Charge


class Rejected(NamedTuple):
    """A row that was not posted. ``cells`` is None where they could not be told apart."""

    line: int
    reason: str
    code: str = MALFORMED
    cells: Sequence[str] | None = None
    text: str = ""


class _MalformedError(ValueError):
    """A row that is no usage."""


class _BrokenOffError(Exception):
    """The file cannot be read further."""


class UsageFile:
    """One file of usage, read once: iterate over it.

    ``stream`` gives the bytes, ``columns`` maps our names to the file's. ``accounts`` are the
    company's by code; a time without an offset is in ``zone``. Raises UsageFileError when there is
    no header with these columns.
    """

    def __init__(
        self,
        stream: BinaryIO,
        *,
        columns: Mapping[str, str],
        accounts: Mapping[str, int],
        zone: ZoneInfo,
        enforce_limit: bool = True,
    ) -> None:
        self._source = _Source(stream)
        self._rows = _Rows(_unpacked(self._source))
        self._accounts = accounts
        self._zone = zone
        self._enforce_limit = enforce_limit
        self._latest = datetime.now(UTC) + timedelta(days=1)
        self.header = self._rows.read_header()
        self._at = _positions(self.header, columns)
        self._rows.width = len(self.header)
        self._rows.one_line = [at for name, at in self._at.items() if name != "description"]

    @property
    def bytes_read(self) -> int:
        """How many bytes of the stream have been read, compressed as they came."""
        return self._source.count

    def __iter__(self) -> Iterator[Usage | Rejected]:
        account_at, reference_at, amount_at = (self._at[name] for name in REQUIRED)
        moment_at, description_at = self._at.get("at"), self._at.get("description")
        for row in self._rows:
            if isinstance(row, Rejected):
                yield row
                continue
            line, cells = row
            try:
                reference = references.check(cells[reference_at])
                amount = _read_amount(cells[amount_at])
                at = None if moment_at is None else self._read_moment(cells[moment_at])
                description = ""
                if description_at is not None:
                    description = references.check_description(cells[description_at])
            except (
                _MalformedError,
                money.AmountError,
                references.ReferenceMalformed,
                references.DescriptionMalformed,
            ) as error:
                yield Rejected(line, str(error), cells=cells)
                continue
            account = self._accounts.get(cells[account_at])
            if account is None:
                reason = f"The company has no account with the code {_shown(cells[account_at])}."
                yield Rejected(line, reason, UNKNOWN_ACCOUNT, cells)
                continue
            charge = Charge(account, amount, reference, description, at, self._enforce_limit)
            yield Usage(line, cells, charge)

    def _read_moment(self, text: str) -> datetime | None:
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=self._zone)
            moment = moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise _MalformedError(
                f"The time {_shown(text)} is not ISO 8601, such as 2026-11-03T14:05:00+02:00."
            ) from None
        if not EARLIEST <= moment <= self._latest:
            raise _MalformedError(
                f"The time {_shown(text)} lies before the year 2000 or in the future."
            )
        return moment


def _read_amount(text: str) -> Decimal:
    amount = money.read_amount(text)
    if amount <= 0:
        raise _MalformedError("The amount is not more than zero.")
    return amount


def _positions(header: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    """Where each of our columns stands; what is not asked for has its own name, if it is there."""
    found = {}
    for name in COLUMNS:
        wanted = columns.get(name, name)
        if header.count(wanted) > 1:
            raise UsageFileError(f"The file has more than one column {wanted!r}.")
        if wanted in header:
            found[name] = header.index(wanted)
        elif name in REQUIRED or name in columns:
            raise UsageFileError(
                f"The file has no column {wanted!r} for the {name}. It has:"
                f" {', '.join(map(repr, header))}. Its columns are separated by commas;"
                " other names are told by --columns."
            )
    return found


class _Line(NamedTuple):
    number: int
    raw: bytes


class _Rows:
    """The rows of a CSV file as their first line and cells, with the ones that are no rows.

    ``width`` is how many cells a row has; ``one_line`` are those that hold no line breaks.
    """

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self._number = 0
        self._broken_off: _BrokenOffError | None = None
        # Taken for a quoted cell, and given back.
        self._waiting: deque[_Line] = deque()
        self.width: int | None = None
        self.one_line: Sequence[int] = ()

    def read_header(self) -> list[str]:
        """The names of the columns. Raises UsageFileError."""
        header = next(iter(self), None)
        if header is None:
            raise UsageFileError("The file is empty; a header row with the columns is expected.")
        if isinstance(header, Rejected):
            raise UsageFileError(
                f"The header in line {header.line} cannot be read. {header.reason}"
            )
        return [name.strip() for name in header[1]]

    def __iter__(self) -> Iterator[tuple[int, list[str]] | Rejected]:
        while True:
            try:
                line = self._next_line()
            except _BrokenOffError as error:
                # What came before is whole: the line that broke off is not among it.
                yield Rejected(self._number + 1, str(error))
                return
            if line is None:
                return
            try:
                cells = self._cells(line)
            except _MalformedError as error:
                yield Rejected(line.number, str(error), text=_readable(line.raw))
                continue
            if cells:
                yield line.number, cells

    def _next_line(self) -> _Line | None:
        """The next line, None at the end. Raises _BrokenOffError, then each time."""
        if self._waiting:
            return self._waiting.popleft()
        if self._broken_off is not None:
            raise self._broken_off
        try:
            raw = self._stream.readline(LONGEST_LINE)
            rest = raw
            while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
                # Too long, and refused for it in _text. What follows is not kept.
                rest = self._stream.readline(LONGEST_LINE)
        except (OSError, EOFError, zlib.error) as error:
            self._broken_off = _BrokenOffError(f"The file breaks off here: {error}")
            raise self._broken_off from error
        if not raw:
            return None
        if self._number == 0:
            raw = raw.removeprefix(codecs.BOM_UTF8)
        self._number += 1
        return _Line(self._number, raw)

    def _cells(self, line: _Line) -> list[str]:
        """The cells of the row that begins here; none for an empty line. Raises _MalformedError.

        When it does, only this one line is given up: those after it are read for themselves.
        """
        if b'"' not in line.raw:
            text = _text(line.raw)
            return self._checked(text.split(",")) if text else []
        try:
            return self._checked(_parse(line.raw))
        except _MalformedError:
            if line.raw.count(b'"') % 2 == 0:
                raise
        # A quote is open: the row ends in the line that has the one that closes it.
        taken = [line]
        try:
            while len(taken) <= MOST_LINES and (following := self._next_line()) is not None:
                taken.append(following)
                if following.raw.count(b'"') % 2:
                    cells = self._checked(_parse(b"".join(each.raw for each in taken)))
                    if any("\n" in cells[at] for at in self.one_line):
                        break
                    return cells
        except (_MalformedError, _BrokenOffError):
            pass  # Said below; who has broken off says so again.
        self._waiting.extendleft(reversed(taken[1:]))
        raise _MalformedError('A quote (") is opened and not closed.')

    def _checked(self, cells: list[str]) -> list[str]:
        if self.width is not None and len(cells) != self.width:
            raise _MalformedError(f"The row has {len(cells)} cells, the header has {self.width}.")
        return cells


def _text(raw: bytes) -> str:
    """The line as text without its end. Raises _MalformedError."""
    if len(raw) >= LONGEST_LINE:
        raise _MalformedError(f"The line is longer than {LONGEST_LINE:,} bytes.")
    if b"\0" in raw:
        raise _MalformedError("The line holds a NUL character.")
    try:
        return raw.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _MalformedError(
            f"The line is not UTF-8: byte {raw[error.start]:#04x} at place {error.start + 1}."
        ) from None


def _parse(raw: bytes) -> list[str]:
    """The cells of a row in which there are quotes. Raises _MalformedError."""
    try:
        return next(csv.reader([_text(raw)], strict=True), [])
    except csv.Error as error:
        raise _MalformedError(f"The quotes do not fit: {error}.") from None


def _readable(raw: bytes) -> str:
    """The line as well as it can be shown."""
    return raw.decode(errors="backslashreplace").rstrip("\r\n").replace("\0", "\\x00")


def _shown(text: str) -> str:
    """A cell as part of a sentence."""
    return repr(text if len(text) <= 60 else text[:60] + "...")


class _Source(io.RawIOBase):
    """The stream's bytes as they come, counted; ``start`` are the first ones."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.start = self._unread = stream.read(4)
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        chunk, self._unread = self._unread, b""
        if not chunk:
            # Of a pipe what is there, without waiting for more.
            read = getattr(self._stream, "read1", self._stream.read)
            chunk = read(len(buffer))
        buffer[: len(chunk)] = chunk
        self.count += len(chunk)
        return len(chunk)


def _unpacked(source: _Source) -> io.BufferedIOBase:
    for start, hint in _FOREIGN.items():
        if source.start.startswith(start):
            raise UsageFileError(f"The file is no CSV. {hint}")
    plain = io.BufferedReader(source, 1 << 16)
    if source.start.startswith(b"\x1f\x8b"):
        return io.BufferedReader(gzip.GzipFile(fileobj=plain), 1 << 16)
    return plain

"""Pages of entries by keyset: a page is found by the entry it follows, never by counting.

The order is (posted_at, holder, seq), newest first: total, and served by the indexes of Entry. A
page that begins after a given entry stays the same however many entries are written meanwhile, and
the thousandth page costs what the first does.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Literal, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.db.models import Q, QuerySet
from django.utils.crypto import salted_hmac

from accounts.models import Account
from billing.models import Entry

PAGE_SIZE = 50

# Which way, microseconds since 1970, holder, seq.
_PLAIN = Struct(">cqqq")
_TOWARDS: dict[bytes, Literal["older", "newer"]] = {b"o": "older", b"n": "newer"}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class BadCursorError(ValueError):
    """A cursor that was not made here for this company: cut off, changed, or of another one."""


class Cursor(NamedTuple):
    """Which way to go from which entry."""

    towards: Literal["older", "newer"]
    posted_at: datetime
    holder: int
    seq: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, newest first, and the cursors of the pages beside them ("" for none)."""

    entries: list[Entry]
    newer: str = ""
    older: str = ""


NO_PAGE = Page([])


def write_cursor(cursor: Cursor, company: Account) -> str:
    """The cursor as text for an address: nobody else can read it or make one for this company."""
    moment = (cursor.posted_at - _EPOCH) // _MICROSECOND
    plain = _PLAIN.pack(cursor.towards[0].encode(), moment, cursor.holder, cursor.seq)
    return _as_text(_cipher().encrypt(plain, _for(company)))


def read_cursor(text: str, company: Account) -> Cursor:
    """What ``write_cursor`` wrote for this company. Raises BadCursorError for all else."""
    try:
        sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if _as_text(sealed) != text:
            raise BadCursorError(text)
        towards, moment, holder, seq = _PLAIN.unpack(_cipher().decrypt(sealed, _for(company)))
    except (InvalidTag, ValueError) as error:
        raise BadCursorError(text) from error
    return Cursor(_TOWARDS[towards], _EPOCH + moment * _MICROSECOND, holder, seq)


def read_page(
    entries: QuerySet[Entry], company: Account, text: str = "", *, size: int = PAGE_SIZE
) -> Page:
    """The page that the cursor ``text`` asks for, the newest one for ""; two queries at most.

    ``entries`` are all that could be on it: filtered, not yet ordered. Where less than a page is
    left towards the newest, that is the newest page, filled up: nobody ends on three lonely rows.
    Raises BadCursorError.
    """
    cursor = read_cursor(text, company) if text else None
    if cursor is not None and cursor.towards == "newer":
        rows = _after(entries, cursor, size + 1)
        if len(rows) > size:
            # What the cursor came from lies on the older side.
            return _page(rows[size - 1 :: -1], company, newer=True, older=True)
        cursor = None
    rows = _before(entries, cursor, size + 1)
    newer = cursor is not None and bool(rows) and bool(_after(entries, _at(rows[0], "newer"), 1))
    return _page(rows[:size], company, newer=newer, older=len(rows) > size)


# The bound by moment stands alone, so that PostgreSQL joins it with the days of a filter and
# begins to read at the tighter of the two. A comparison of ROWs is not joined: where the filter
# has a last day, every page would be read from that day on. What bears the cursor's own moment is
# told apart by the rest: the entries of one posting, a thousand at most.
def _before(entries: QuerySet[Entry], cursor: Cursor | None, limit: int) -> list[Entry]:
    """At most ``limit`` entries older than the cursor's, newest first."""
    if cursor is not None:
        entries = entries.filter(
            Q(posted_at__lt=cursor.posted_at)
            | Q(holder__lt=cursor.holder)
            | Q(holder=cursor.holder, seq__lt=cursor.seq),
            posted_at__lte=cursor.posted_at,
        )
    return list(entries.order_by("-posted_at", "-holder_id", "-seq")[:limit])


def _after(entries: QuerySet[Entry], cursor: Cursor, limit: int) -> list[Entry]:
    """At most ``limit`` entries newer than the cursor's, oldest first."""
    entries = entries.filter(
        Q(posted_at__gt=cursor.posted_at)
        | Q(holder__gt=cursor.holder)
        | Q(holder=cursor.holder, seq__gt=cursor.seq),
        posted_at__gte=cursor.posted_at,
    )
    return list(entries.order_by("posted_at", "holder_id", "seq")[:limit])


def _page(rows: list[Entry], company: Account, *, newer: bool, older: bool) -> Page:
    return Page(
        entries=rows,
        newer=write_cursor(_at(rows[0], "newer"), company) if newer else "",
        older=write_cursor(_at(rows[-1], "older"), company) if older else "",
    )


def _at(entry: Entry, towards: Literal["older", "newer"]) -> Cursor:
    return Cursor(towards, entry.posted_at, entry.holder_id, entry.seq)


# A cursor names an entry of the holder by number, and who sees only a shared subaccount must not
# learn how many the pool has: it is encrypted. AES-SIV needs no nonce, so that a page's address
# stays the same.
def _cipher() -> AESSIV:
    return AESSIV(salted_hmac("reports.pages", "", algorithm="sha512").digest())


def _for(company: Account) -> list[bytes]:
    return [str(company.pk).encode()]


def _as_text(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).decode().rstrip("=")

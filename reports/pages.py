"""Pages of entries by keyset: a page is found by the entry it follows, never by counting.

Each order is total: by (posted_at, holder, seq), which the indexes of Entry serve, or by amount
first, which none does: that is for selections that are short or may take their time. A page that
begins after a given entry stays the same however many entries are written meanwhile, and the
thousandth page costs what the first does.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from struct import Struct, error
from typing import Literal, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.db import models
from django.db.models import Q, QuerySet
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from billing.models import Entry

PAGE_SIZE = 50


class Order(models.TextChoices):
    """In which order entries stand."""

    NEWEST = "newest", _("Newest first")
    OLDEST = "oldest", _("Oldest first")
    MOST_OUT = "most-out", _("Most money out first")
    MOST_IN = "most-in", _("Most money in first")

    @property
    def by_amount(self) -> bool:
        """Whether the amount comes first."""
        return self in {Order.MOST_OUT, Order.MOST_IN}

    @property
    def descends(self) -> bool:
        """Whether the greatest comes first."""
        return self in {Order.NEWEST, Order.MOST_IN}


# Order, which way, microseconds since 1970, holder, seq; the amount follows as text.
_PLAIN = Struct(">ccqqq")
_TOWARDS: dict[bytes, Literal["next", "previous"]] = {b"n": "next", b"p": "previous"}
_ORDERS = dict(zip([b"n", b"o", b"l", b"m"], Order, strict=True))
_LETTERS = {order: letter for letter, order in _ORDERS.items()}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class BadCursorError(ValueError):
    """A cursor that was not made here for this company and order: cut off, changed, of another."""


class Cursor(NamedTuple):
    """Which way to go from which entry, in which order."""

    towards: Literal["next", "previous"]
    posted_at: datetime
    holder: int
    seq: int
    amount: Decimal = Decimal(0)
    order: Order = Order.NEWEST


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries in their order, and the cursors of the pages beside them ("" for none)."""

    entries: list[Entry]
    previous: str = ""
    next: str = ""


NO_PAGE = Page([])


def write_cursor(cursor: Cursor, company: Account) -> str:
    """The cursor as text for an address: nobody else can read it or make one for this company."""
    moment = (cursor.posted_at - _EPOCH) // _MICROSECOND
    head = _LETTERS[cursor.order], cursor.towards[0].encode()
    plain = _PLAIN.pack(*head, moment, cursor.holder, cursor.seq)
    if cursor.order.by_amount:
        plain += str(cursor.amount).encode()
    return _seal(plain, "pages", company)


def read_cursor(text: str, company: Account, order: Order = Order.NEWEST) -> Cursor:
    """What ``write_cursor`` wrote for this company and order; else BadCursorError."""
    plain = _unseal(text, "pages", company)
    try:
        letter, towards, moment, holder, seq = _PLAIN.unpack(plain[: _PLAIN.size])
        amount = Decimal(plain[_PLAIN.size :].decode() or "0")
    except (error, InvalidOperation) as wrong:
        raise BadCursorError(text) from wrong
    if _ORDERS[letter] != order:
        raise BadCursorError(text)
    posted_at = _EPOCH + moment * _MICROSECOND
    return Cursor(_TOWARDS[towards], posted_at, holder, seq, amount, order)


def write_key(entry: Entry) -> str:
    """The entry as a part of an address: it does not say how many entries its holder has."""
    return _seal(f"{entry.holder_id}:{entry.seq}".encode(), "entry", entry.master_id)


def read_key(text: str, company: Account) -> tuple[int, int]:
    """Holder and seq of what ``write_key`` wrote for this company. Raises BadCursorError."""
    holder, seq = _unseal(text, "entry", company).decode().split(":")
    return int(holder), int(seq)


def read_page(
    entries: QuerySet[Entry],
    company: Account,
    text: str = "",
    *,
    order: Order = Order.NEWEST,
    size: int = PAGE_SIZE,
) -> Page:
    """The page that the cursor ``text`` asks for, the first one for ""; two queries at most.

    ``entries`` are all that could be on it: filtered, not yet ordered. Where less than a page is
    left towards the first, that is the first page, filled up: nobody ends on three lonely rows.
    Raises BadCursorError.
    """
    cursor = read_cursor(text, company, order) if text else None
    if cursor is not None and cursor.towards == "previous":
        rows = _beyond(entries, cursor, order, size + 1, back=True)
        if len(rows) > size:
            # What the cursor came from lies behind.
            return _page(rows[size - 1 :: -1], company, order, previous=True, next=True)
        cursor = None
    rows = _beyond(entries, cursor, order, size + 1)
    previous = False
    if cursor is not None and rows:
        previous = bool(_beyond(entries, _at(rows[0], "previous", order), order, 1, back=True))
    return _page(rows[:size], company, order, previous=previous, next=len(rows) > size)


def ordered(entries: QuerySet[Entry], order: Order, *, back: bool = False) -> QuerySet[Entry]:
    """The entries in the order, or from its end."""
    sign = "-" if order.descends != back else ""
    keys = ["posted_at", "holder_id", "seq"]
    if order.by_amount:
        keys.insert(0, "amount")
    return entries.order_by(*(f"{sign}{key}" for key in keys))


def _beyond(
    entries: QuerySet[Entry],
    cursor: Cursor | None,
    order: Order,
    limit: int,
    *,
    back: bool = False,
) -> list[Entry]:
    """At most ``limit`` entries that follow the cursor's, or ``back``: that it follows."""
    if cursor is not None:
        entries = entries.filter(_past(cursor, "lt" if order.descends != back else "gt"))
    return list(ordered(entries, order, back=back)[:limit])


def _past(cursor: Cursor, than: str) -> Q:
    """The entries past the cursor's.

    The bound by moment stands alone, so that PostgreSQL joins it with the days of a filter and
    begins to read at the tighter of the two. A comparison of ROWs is not joined: where the filter
    has a last day, every page would be read from that day on. What bears the cursor's own moment
    is told apart by the rest: the entries of one posting, a thousand at most.
    """
    posted, holder, seq = f"posted_at__{than}", f"holder__{than}", f"seq__{than}"
    past = Q(
        Q(**{posted: cursor.posted_at})
        | Q(**{holder: cursor.holder})
        | Q(**{"holder": cursor.holder, seq: cursor.seq}),
        **{f"{posted}e": cursor.posted_at},
    )
    if not cursor.order.by_amount:
        return past
    return Q(**{f"amount__{than}": cursor.amount}) | (Q(amount=cursor.amount) & past)


def _page(
    rows: list[Entry],
    company: Account,
    order: Order,
    *,
    previous: bool,
    next: bool,
) -> Page:
    return Page(
        entries=rows,
        previous=write_cursor(_at(rows[0], "previous", order), company) if previous else "",
        next=write_cursor(_at(rows[-1], "next", order), company) if next else "",
    )


def _at(entry: Entry, towards: Literal["next", "previous"], order: Order) -> Cursor:
    return Cursor(towards, entry.posted_at, entry.holder_id, entry.seq, entry.amount, order)


# These name an entry of the holder by number, and who sees only a shared subaccount must not learn
# how many the pool has: they are encrypted. AES-SIV needs no nonce, so that an address stays the
# same.
def _seal(plain: bytes, purpose: str, company: Account | int) -> str:
    sealed = _cipher(purpose).encrypt(plain, _for(company))
    return urlsafe_b64encode(sealed).decode().rstrip("=")


def _unseal(text: str, purpose: str, company: Account) -> bytes:
    try:
        sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if urlsafe_b64encode(sealed).decode().rstrip("=") != text:
            raise BadCursorError(text)
        return _cipher(purpose).decrypt(sealed, _for(company))
    except (InvalidTag, ValueError) as error:
        raise BadCursorError(text) from error


def _cipher(purpose: str) -> AESSIV:
    return AESSIV(salted_hmac(f"reports.{purpose}", "", algorithm="sha512").digest())


def _for(company: Account | int) -> list[bytes]:
    return [str(company if isinstance(company, int) else company.pk).encode()]

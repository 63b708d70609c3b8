"""What a journal is made of: the chart of accounts, the balances at both ends, the entries.

Signs are those of double entry as plain-text accounting writes them: what the platform owes and
earns is negative. A credit of 500 is -500 in the customer's account.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Max, Min, QuerySet

from accounts.models import Account
from billing.models import Balance, Contra, Entry, Kind
from console.days import day_start

# Payments are money on its way to the platform's bank, transfers credit on its way from one
# customer to another, adjustments what goodwill costs.
CONTRA_ACCOUNTS = {
    Contra.PAYMENTS_CLEARING: "Assets:Payments-Clearing",
    Contra.TRANSFERS: "Liabilities:Transfers",
    Contra.USAGE_REVENUE: "Income:Usage-Revenue",
    Contra.ADJUSTMENTS: "Expenses:Adjustments",
}
# Carried from period to period. Income and expenses begin each period at zero.
CARRIED = [Contra.PAYMENTS_CLEARING, Contra.TRANSFERS]
EQUITY = "Equity:Opening-Balances"
CHART = ["Assets", "Liabilities", "Equity", "Income", "Expenses"]

CHUNK = 2000
DAY = timedelta(days=1)
NEVER = datetime.min.replace(tzinfo=UTC)

# By kind, and for reversals by what they undo: it stands before the reference's first colon.
SUMS = """
SELECT kind, CASE kind WHEN 'reversal' THEN split_part(reference, ':', 1) || ':' ELSE '' END,
       coalesce(sum(amount) FILTER (WHERE posted_at < %(since)s), 0), sum(amount)
FROM billing_entry
WHERE master_id = %(master)s AND posted_at < coalesce(%(until)s, 'infinity'::timestamptz)
GROUP BY 1, 2"""

LAST_BALANCES = """
SELECT e.holder_id, e.balance_after
FROM billing_entry e
JOIN (
    SELECT holder_id, max(seq) AS seq FROM billing_entry
    WHERE master_id = %(master)s AND posted_at < %(moment)s GROUP BY holder_id) l
    ON l.holder_id = e.holder_id AND l.seq = e.seq
WHERE e.master_id = %(master)s"""

# The legs to come of transfers whose first leg is before the moment: rare, after the database's
# clock was set back at midnight.
ON_THEIR_WAY = """
SELECT coalesce(sum(later.amount), 0)
FROM billing_entry later
WHERE later.master_id = %(master)s AND later.kind = 'transfer' AND later.posted_at >= %(moment)s
  AND EXISTS (
    SELECT FROM billing_entry e
    WHERE e.master_id = %(master)s AND e.origin = later.origin
      AND e.reference = later.reference AND e.posted_at < %(moment)s)"""


class ForeignAccount(Exception):
    """The books name an account that is not of the company: ``verify_ledger`` says where."""


class _Names(dict[int, str]):
    """By id of the account."""

    def __missing__(self, account: int) -> str:
        raise ForeignAccount(f"account {account} is not of this company")


class Line(NamedTuple):
    """One entry. ``amount`` and ``balance_after`` have the ledger's sign: money in is positive.

    ``account`` and ``contra`` are names of the journal; ``attributed`` is the code of the account
    that used another's balance, "" for the holder's own.
    """

    day: date
    account: str
    contra: str
    holder: str
    seq: int
    kind: str
    amount: Decimal
    balance_after: Decimal
    posted_at: datetime
    occurred_at: datetime | None
    attributed: str
    origin: str
    reference: str
    description: str
    by: int | None
    hold: UUID | None


@dataclass(frozen=True, slots=True)
class Books:
    """All but the entries. ``opening`` and ``closing`` are balances by name of the journal.

    ``opened`` is the day of the declarations and, where there is an opening balance, the day
    before ``first``; ``ended`` the day at whose end ``closing`` holds. ``since`` and ``until`` are
    the moments of the period, the latter not included.
    """

    company: Account
    codes: dict[int, str]
    first: date | None
    last: date | None
    since: datetime
    until: datetime | None
    opened: date
    ended: date
    opening: dict[str, Decimal]
    closing: dict[str, Decimal]

    @property
    def accounts(self) -> list[str]:
        """Every account of the journal, in the order of its chart."""
        return sorted(self.closing, key=lambda name: (CHART.index(name.split(":")[0]), name))

    @property
    def currency(self) -> str:
        """The company's currency."""
        return self.company.currency


class Days:
    """The day of each moment in a zone; quick for moments that come in their order.

    A day begins once: where clocks are set back over midnight, it goes on.
    """

    def __init__(self, zone: zoneinfo.ZoneInfo) -> None:
        self._zone = zone
        self._day = date.min
        self._begins = self._ends = NEVER

    def __call__(self, moment: datetime) -> date:
        """The latest day that has begun."""
        if not self._begins <= moment < self._ends:
            self._day = moment.astimezone(self._zone).date()
            while day_start(self._day + DAY, self._zone) <= moment:
                self._day += DAY
            self._begins = day_start(self._day, self._zone)
            self._ends = day_start(self._day + DAY, self._zone)
        return self._day


def account_name(company: str, code: str) -> str:
    """The journal's name of an account's credit. Codes are lower-case, so no two are alike."""
    return f"Liabilities:Customers:{company.capitalize()}:{code.capitalize()}"


def contra_name(company: str, contra: Contra) -> str:
    """The journal's name of the company's contra account: journals can be put together."""
    return f"{CONTRA_ACCOUNTS[contra]}:{company.capitalize()}"


@cache
def contra_of(kind: str, undone: str = "") -> Contra:
    """The contra account of a kind; of a reversal, of what the reference says it undoes."""
    return Entry(kind=kind, reference=undone).contra


def read_books(company: Account, first: date | None, last: date | None) -> Books:
    """Everything but the entries, from the caller's snapshot. Raises ForeignAccount."""
    since = day_start(first, company.zone) if first else NEVER
    until = day_start(last + DAY, company.zone) if last else None
    codes = _Names(company.tree.values_list("pk", "code"))
    names = _names(company, codes)
    days = Days(company.zone)
    found = _entries(company, since, until).aggregate(Min("posted_at"), Max("posted_at"))
    earliest, latest = found["posted_at__min"], found["posted_at__max"]

    opening = {names[holder]: -credit for holder, credit in _balances(company, since).items()}
    closing = dict.fromkeys(names.values(), Decimal(0))
    closing |= {names[holder]: -credit for holder, credit in _balances(company, until).items()}
    before, after = _contra_sums(company, since, until)
    for contra in Contra:
        name = contra_name(company.code, contra)
        closing[name] = after[contra]
        if contra in CARRIED:
            opening[name] = before[contra]
        else:
            closing[name] -= before[contra]
    # Not what the entries add up to: what they must.
    closing[contra_name(company.code, Contra.TRANSFERS)] = _on_their_way(company, until)
    opening = {name: amount for name, amount in opening.items() if amount}
    if opening:
        equity = f"{EQUITY}:{company.code.capitalize()}"
        opening[equity] = closing[equity] = -sum(opening.values(), Decimal(0))

    begun = first or (days(earliest) if earliest else last) or days(company.created_at)
    return Books(
        company=company,
        codes=codes,
        first=first,
        last=last,
        since=since,
        until=until,
        opened=first - DAY if first else begun,
        ended=last or (days(latest) if latest else begun),
        opening=opening,
        closing=closing,
    )


def read_lines(books: Books) -> Iterator[Line]:
    """The entries of the period by time, each holder's by ``seq``; a server-side cursor.

    Raises ForeignAccount.
    """
    company = books.company
    names = _names(company, books.codes)
    contras = {contra: contra_name(company.code, contra) for contra in Contra}
    days = Days(company.zone)
    rows = (
        _entries(company, books.since, books.until)
        .order_by("posted_at", "holder_id", "seq")
        .values_list(
            "holder_id",
            "seq",
            "account_id",
            "by_id",
            "hold_id",
            "posted_at",
            "occurred_at",
            "kind",
            "origin",
            "reference",
            "description",
            "amount",
            "balance_after",
        )
    )
    for row in rows.iterator(chunk_size=CHUNK):
        holder, seq, account, by, hold, posted_at, occurred_at, kind, *texts, amount, after = row
        origin, reference, description = texts
        undone = reference.partition(":")[0] + ":" if kind == Kind.REVERSAL else ""
        yield Line(
            day=days(posted_at),
            account=names[holder],
            contra=contras[contra_of(kind, undone)],
            holder=books.codes[holder],
            seq=seq,
            kind=kind,
            amount=amount,
            balance_after=after,
            posted_at=posted_at.astimezone(company.zone),
            occurred_at=occurred_at and occurred_at.astimezone(company.zone),
            attributed="" if account == holder else books.codes[account],
            origin=origin,
            reference=reference,
            description=description,
            by=by,
            hold=hold,
        )


def _names(company: Account, codes: dict[int, str]) -> _Names:
    return _Names((pk, account_name(company.code, code)) for pk, code in codes.items())


def _entries(company: Account, since: datetime, until: datetime | None) -> QuerySet[Entry]:
    entries = Entry.objects.filter(master=company)
    if since != NEVER:
        entries = entries.filter(posted_at__gte=since)
    return entries.filter(posted_at__lt=until) if until else entries


def _balances(company: Account, moment: datetime | None) -> dict[int, Decimal]:
    """The holders' credit before the moment; for None today's, as the balances say it."""
    if moment is None:
        balances = Balance.objects.filter(master=company)
        return dict(balances.values_list("account_id", "credit"))
    if moment == NEVER:
        return {}
    return dict(_select(LAST_BALANCES, master=company.pk, moment=moment))


def _contra_sums(
    company: Account, since: datetime, until: datetime | None
) -> tuple[dict[Contra, Decimal], dict[Contra, Decimal]]:
    """The contra accounts' balances before each of the two moments."""
    before, after = (dict.fromkeys(Contra, Decimal(0)) for _ in range(2))
    for kind, undone, early, all_of_it in _select(
        SUMS, master=company.pk, since=since, until=until
    ):
        contra = contra_of(kind, undone)
        before[contra] += early
        after[contra] += all_of_it
    return before, after


def _on_their_way(company: Account, moment: datetime | None) -> Decimal:
    """What the contra account of transfers holds at the moment if every transfer is whole."""
    if moment is None:
        return Decimal(0)
    [[to_come]] = _select(ON_THEIR_WAY, master=company.pk, moment=moment)
    return -Decimal(to_come)


def _select(sql: str, **parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())

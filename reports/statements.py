"""Issuing statements: which entries of a balance belong to some days, fixed once and numbered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from accounts.models import Account, User
from billing.locking import clock
from billing.models import Balance, Contra, DailyTotal, DailyTotalQuerySet, Entry, Kind
from console.days import day_start
from reports.balance_life import read_life, stood_before
from reports.models import Statement

DAY = timedelta(days=1)
# The days of the longest statement, both ends counted.
LONGEST = 366
# What one person may have issued in an hour: numbers are the company's, and for good.
MOST_AN_HOUR = 60

NEXT_NUMBER = """
INSERT INTO reports_statementcounter AS c (master_id, year, last) VALUES (%s, %s, 1)
ON CONFLICT (master_id, year) DO UPDATE SET last = c.last + 1
RETURNING last"""


class StatementRefusedError(ValueError):
    """No statement can be issued of these days. ``field`` is the one to correct."""

    def __init__(self, message: str, field: Literal["account", "date_from", "date_to"]) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


@dataclass(frozen=True, slots=True)
class Moved:
    """What entries of one kind moved, in the company's currency; both sums zero or more."""

    kind: str
    entries: int
    amount_in: Decimal
    amount_out: Decimal

    @property
    def label(self) -> str:
        """The kind, as people call it."""
        return str(Kind(self.kind).label)

    @property
    def net(self) -> Decimal:
        """By how much they changed the balance."""
        return self.amount_in - self.amount_out

    def plus(self, entries: int, amount_in: Decimal, amount_out: Decimal) -> Moved:
        """With so many more entries of the same kind, or fewer where they are below zero."""
        return Moved(
            self.kind,
            self.entries + entries,
            self.amount_in + amount_in,
            self.amount_out + amount_out,
        )


def issue(*, holder: Account, first: date, last: date, by: User | None = None) -> Statement:
    """The statement of the holder's balance on these days of its company, both inclusive.

    Which entries are in it is fixed under the lock of the balance: all that were posted on these
    days until now. Of days that are over there is one: a second call returns it. Of days that are
    not, a second call returns the same while nothing more was posted, then a new one. ``by`` None
    is the monthly job. Raises StatementRefusedError. Opens a transaction of its own.
    """
    _check_days(first, last)
    with transaction.atomic(durable=True):
        # The entries are read after the lock was obtained, in statements of their own.
        balance = Balance.objects.select_for_update(no_key=True).get(
            master=holder.master_id, account=holder
        )
        now = clock()
        zone = holder.zone
        start, end = day_start(first, zone), day_start(last + DAY, zone)
        _check_period(holder, last, start, end, today=now.astimezone(zone).date())
        before, until = stood_before(holder, [start, end])
        # No later entry is posted before this, should the clock go back.
        issued_at = max(now, balance.last_posted_at or now)
        is_final = issued_at >= end
        issued = Statement.objects.filter(
            master=holder.master_id, holder=holder, first=first, last=last, is_final=is_final
        ).select_related("master")
        if not is_final:
            issued = issued.filter(last_seq=until.seq)
        found = issued.first()
        if found is not None:
            return found
        _require_few(by, now)
        statement = Statement(
            master_id=holder.master_id,
            holder=holder,
            first=first,
            last=last,
            is_final=is_final,
            first_seq=before.seq + 1,
            last_seq=until.seq,
            entries=until.seq - before.seq,
            opening=before.balance,
            closing=until.balance,
            issued_at=issued_at,
            by=by,
        )
        statement.year = issued_at.astimezone(zone).year
        with connection.cursor() as cursor:
            cursor.execute(NEXT_NUMBER, [holder.master_id, statement.year])
            [statement.number] = cursor.fetchone()
        statement.save(force_insert=True)
    return statement


def _require_few(by: User | None, now: datetime) -> None:
    """Nobody uses up the company's numbers by asking for one range after the other."""
    hour = Statement.objects.filter(by=by, issued_at__gt=now - timedelta(hours=1))
    if by is not None and hour.count() >= MOST_AN_HOUR:
        raise StatementRefusedError(
            _("You had %(most)d statements issued in the last hour. Wait a while, then go on.")
            % {"most": MOST_AN_HOUR},
            "date_to",
        )


def _check_days(first: date, last: date) -> None:
    """What is wrong whatever the account; the arithmetic of time zones needs sane days."""
    if last < first:
        raise StatementRefusedError(_("This day is before From. Swap the two days."), "date_to")
    days = (last - first).days + 1
    if days > LONGEST:
        raise StatementRefusedError(
            _("These are %(days)d days; a statement has at most %(most)d.")
            % {"days": days, "most": LONGEST},
            "date_to",
        )


def _check_period(
    holder: Account, last: date, start: datetime, end: datetime, *, today: date
) -> None:
    """Refuse days to come, days before the account was there, and those without a balance."""
    if last > today:
        raise StatementRefusedError(
            _("This day has not come yet: at the latest it is today, %(today)s.")
            % {"today": today.isoformat()},
            "date_to",
        )
    life = read_life(holder)
    if end <= life.began:
        began = life.began.astimezone(holder.zone).date()
        raise StatementRefusedError(
            _("%(name)s was opened on %(day)s: there is nothing before.")
            % {"name": holder.name, "day": began.isoformat()},
            "date_to",
        )
    if not life.held(start, end):
        raise StatementRefusedError(
            _(
                "%(name)s drew on the shared balance on these days and had none of its own:"
                " its activity shows what it used."
            )
            % {"name": holder.name},
            "account",
        )


def movements(statement: Statement) -> QuerySet[Entry]:
    """The entries of the statement, the oldest first; the same at any time."""
    return Entry.objects.filter(
        master=statement.master_id,
        holder=statement.holder_id,
        seq__range=(statement.first_seq, statement.last_seq),
    ).order_by("seq")


def moved_by_kind(statement: Statement) -> list[Moved]:
    """What the statement's entries moved, by kind: together its closing less its opening.

    Days are added up, not entries: three queries at most, however many there are.
    """
    days = totals_of(statement.holder, statement.first, statement.last)
    sums = {each.kind: each for each in by_kind(days)}
    end = day_start(statement.last + DAY, statement.master.zone)
    # On a day that was not over when it was issued more may have been posted since.
    later = Entry.objects.filter(master=statement.master_id, holder=statement.holder_id)
    following = later.filter(seq=statement.last_seq + 1, posted_at__lt=end).first()
    if following is not None:
        since = later.filter(
            posted_at__gte=following.posted_at, posted_at__lt=end, seq__gt=statement.last_seq
        )
        for each in _sums(since):
            known = sums[each.kind]
            sums[each.kind] = known.plus(-each.entries, -each.amount_in, -each.amount_out)
    order = list(Kind.values)
    return sorted(
        (each for each in sums.values() if each.entries), key=lambda each: order.index(each.kind)
    )


def _sums(entries: QuerySet[Entry]) -> list[Moved]:
    """The same of entries themselves; one query."""
    rows = (
        entries.order_by()
        .values_list("kind")
        .annotate(
            count=Count("seq"),
            came=Sum("amount", filter=Q(amount__gt=0), default=Decimal(0)),
            went=Sum("amount", filter=Q(amount__lt=0), default=Decimal(0)),
        )
    )
    return [Moved(kind, count, came, -went) for kind, count, came, went in rows]


def totals_of(holder: Account, first: date, last: date) -> DailyTotalQuerySet:
    """What moved the holder's balance on these days: of a master account, by any account."""
    accounts: Collection[int] | QuerySet[Account, int] = [holder.pk]
    if holder.is_master:
        accounts = Account.objects.filter(master=holder).values_list("pk", flat=True)
    return DailyTotal.objects.filter(
        master=holder.master_id, account__in=accounts, day__range=(first, last), holder=holder
    )


def by_kind(totals: QuerySet[DailyTotal]) -> list[Moved]:
    """The sums of daily totals by kind, in the order of kinds; one query."""
    return by_kind_and_day(totals)[0]


def by_kind_and_day(totals: QuerySet[DailyTotal]) -> tuple[list[Moved], dict[date, Decimal]]:
    """The same, and what was spent on each day: usage less its reversals. One query for both."""
    rows = (
        totals.order_by()
        .values_list("day", "kind", "contra")
        .annotate(Sum("entries"), Sum("amount_in"), Sum("amount_out"))
    )
    sums: dict[str, Moved] = {}
    spent: dict[date, Decimal] = {}
    for day, kind, contra, count, came, went in rows:
        known = sums.get(kind) or Moved(kind, 0, Decimal(0), Decimal(0))
        sums[kind] = known.plus(int(count), came, went)
        if contra == Contra.USAGE_REVENUE:
            spent[day] = spent.get(day, Decimal(0)) + went - came
    order = list(Kind.values)
    return sorted(sums.values(), key=lambda each: order.index(each.kind)), spent

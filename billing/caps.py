"""Spending caps: what an account may spend in a calendar month of its company.

A hard cap refuses what would pass it; a soft one only warns. The posting itself keeps to it
(``billing.clerk``); here it is changed and read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import (
    Case,
    DecimalField,
    F,
    OuterRef,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.models import Account, State, User
from billing import ledger
from billing.caps_sql import NEARLY, read_budgets
from billing.locking import clock, lock_balances
from billing.models import (
    DECIMAL_PLACES,
    MAX_DIGITS,
    SPENT,
    Balance,
    CapChange,
    DailyTotal,
    Hold,
    HoldState,
)
from billing.refusals import AccountClosed

_SUM = DecimalField(max_digits=MAX_DIGITS + 6, decimal_places=DECIMAL_PLACES)


class Usage(NamedTuple):
    """What an account spent this month, usage less its reversals, and what its holds reserve."""

    spent: Decimal
    held: Decimal


class Months(NamedTuple):
    """The first days of the company's last, current and next month."""

    last: date
    this: date
    next: date


@dataclass(frozen=True, slots=True)
class CapUse:
    """How an account stands with its cap this month, in the company's currency.

    ``spent`` is usage less its reversals, ``held`` what its open holds reserve.
    """

    cap: Decimal
    is_hard: bool
    spent: Decimal
    held: Decimal

    @property
    def used(self) -> Decimal:
        """What counts against the cap."""
        return self.spent + self.held

    @property
    def left(self) -> Decimal:
        """What may still be spent this month; zero when it is used up."""
        return max(self.cap - self.used, Decimal(0))

    @property
    def is_reached(self) -> bool:
        """Whether nothing of it is left."""
        return self.used >= self.cap

    @property
    def is_over(self) -> bool:
        """Whether more than the cap was spent: of a soft one, or past the limit on purpose."""
        return self.used > self.cap

    @property
    def is_near(self) -> bool:
        """Whether it is used by NEARLY or more."""
        return self.used >= self.cap * NEARLY

    @property
    def percent(self) -> int:
        """The used part in whole percent, rounded down; a cap of zero is always used up.

        More than 100 where it was passed.
        """
        if not self.cap:
            return 100
        return max(int(self.used * 100 / self.cap), 0)


def change(
    *,
    account: Account,
    cap: Decimal | None,
    is_hard: bool = True,
    by: User | None = None,
    moment: datetime | None = None,
) -> CapChange | None:
    """Set what the account may spend in a calendar month; None takes the cap away.

    ``cap`` is zero or more, in the company's currency; a hard cap of zero refuses all usage. One
    below what is spent already is allowed. Returns the row of the history, or None when it was so
    already: a second call changes nothing. Raises ValueError for a cap that is negative or does
    not fit and for a master account, AccountClosed, StartAgain as ``transact`` does. ``moment`` is
    for demo, import of history and tests only.
    """
    if account.is_master:
        raise ValueError("a master account has no spending cap: its balance is one")
    if cap is not None and (cap < 0 or not ledger.fits(cap)):
        raise ValueError("a spending cap is zero or more and fits the ledger")
    hard = is_hard or cap is None

    def work() -> CapChange | None:
        balance = lock_balances(account)[account.pk]
        account.refresh_from_db(fields=["state", "name"])
        if account.state == State.CLOSED:
            raise AccountClosed(account=account.pk, name=account.name)
        if (balance.cap, balance.cap_is_hard) == (cap, hard):
            return None
        row = CapChange.objects.create(
            master_id=account.master_id,
            account=account,
            old=balance.cap,
            old_is_hard=balance.cap_is_hard,
            new=cap,
            new_is_hard=hard,
            by=by,
            changed_at=moment or clock(),
        )
        balance.cap, balance.cap_is_hard = cap, hard
        balance.save(update_fields=["cap", "cap_is_hard"])
        audit.record(
            action=AuditAction.CAP_CHANGED,
            by=by,
            account=account,
            before={"cap": row.old, "is_hard": row.old_is_hard},
            after={"cap": cap, "is_hard": hard},
            moment=moment,
        )
        return row

    return ledger.transact(work)


def used_now(company: Account, now: datetime | None = None) -> Combinable:
    """What counts against the cap of a balance's account this month: an expression on balances.

    For searching and sorting many; it is null where there is no cap.
    """
    now = now or timezone.now()
    spent = (
        DailyTotal.objects.filter(
            master=company, account=OuterRef("account"), day__gte=_month(company.zone, now)
        )
        .spending()
        .order_by()
        .values("account")
        .annotate(spent=SPENT)
        .values("spent")
    )
    held = (
        Hold.objects.filter(
            master=company,
            account=OuterRef("account"),
            state=HoldState.OPEN,
            expires_at__gt=now,
        )
        .order_by()
        .values("account")
        .annotate(held=Sum(F("amount") - F("captured")))
        .values("held")
    )
    nothing = Value(Decimal(0), output_field=_SUM)
    # Only where there is a cap anything is added up.
    return Case(
        When(
            cap__isnull=False,
            then=Coalesce(Subquery(spent, output_field=_SUM), nothing)
            + Coalesce(Subquery(held, output_field=_SUM), nothing),
        ),
        default=None,
        output_field=_SUM,
    )


def use_of(balance: Balance) -> CapUse | None:
    """How the account of a balance that was annotated with ``cap_used=used_now(...)`` stands.

    What is spent and what is on hold come together. None without a cap, and for a closed account:
    the cap ends with it.
    """
    used: Decimal | None = balance.cap_used  # type: ignore[attr-defined]
    if balance.cap is None or used is None or balance.account.state == State.CLOSED:
        return None
    return CapUse(balance.cap, balance.cap_is_hard, used, Decimal(0))


def uses(
    company: Account, balances: Iterable[Balance], now: datetime | None = None
) -> dict[int, CapUse]:
    """By account: how those of ``balances`` that have a cap stand with it. At most one query."""
    now = now or timezone.now()
    capped = {each.account_id: each for each in balances if each.cap is not None}
    found = usage_of(company.pk, company.zone, capped, now)
    return {
        account: CapUse(
            cap=balance.cap or Decimal(0),
            is_hard=balance.cap_is_hard,
            spent=found[account].spent,
            held=found[account].held,
        )
        for account, balance in capped.items()
    }


def lately(account: Account, now: datetime | None = None) -> tuple[Usage, Decimal]:
    """What would count against a cap of the account this month, and what it spent in the last.

    One query.
    """
    now = now or timezone.now()
    last, this, _next = months(account.company, now)
    budget = read_budgets(account.master_id, [account.pk], now, [last, this])[account.pk]
    nothing = Decimal(0)
    return Usage(budget.spent.get(this, nothing), budget.held), budget.spent.get(last, nothing)


def usage_of(
    master: int, zone: ZoneInfo, accounts: Collection[int], now: datetime | None = None
) -> dict[int, Usage]:
    """By account: what would count against a cap this month. At most one query.

    Of the company, its id and time zone.
    """
    now = now or timezone.now()
    month = _month(zone, now)
    budgets = read_budgets(master, accounts, now, [month])
    return {
        account: Usage(budget.spent.get(month, Decimal(0)), budget.held)
        for account, budget in budgets.items()
    }


def months(company: Account, now: datetime | None = None) -> Months:
    """The company's months: caps begin anew with each."""
    this = _month(company.zone, now or timezone.now())
    return Months(
        last=(this - timedelta(days=1)).replace(day=1),
        this=this,
        next=(this + timedelta(days=31)).replace(day=1),
    )


def _month(zone: ZoneInfo, now: datetime) -> date:
    """The first day of the month in the zone."""
    return now.astimezone(zone).date().replace(day=1)

"""Spending caps: what an account may spend in a calendar month of its company.

A hard cap refuses what would pass it; a soft one only warns. The posting itself keeps to it
(``billing.clerk``); here it is changed and read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils import timezone

from accounts.models import Account, State, User
from billing import ledger
from billing.caps_sql import NEARLY, read_budgets
from billing.locking import clock, lock_balances
from billing.models import Balance, CapChange
from billing.refusals import AccountClosed


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
        """The used part in whole percent, at most 100; a cap of zero is always used up."""
        if self.is_reached:
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
        return row

    return ledger.transact(work)


def uses(
    company: Account, balances: Iterable[Balance], now: datetime | None = None
) -> dict[int, CapUse]:
    """By account: how those of ``balances`` that have a cap stand with it. At most one query."""
    now = now or timezone.now()
    capped = {each.account_id: each for each in balances if each.cap is not None}
    month = now.astimezone(company.zone).date().replace(day=1)
    budgets = read_budgets(company.pk, capped, now, [month])
    return {
        account: CapUse(
            cap=balance.cap or Decimal(0),
            is_hard=balance.cap_is_hard,
            spent=budgets[account].spent.get(month, Decimal(0)),
            held=budgets[account].held,
        )
        for account, balance in capped.items()
    }

"""The figures of the overview, read in a fixed number of queries whatever the company's size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils import formats, timezone

from accounts.access import Access
from accounts.models import Account, State
from billing import caps
from billing.caps import CapUse
from billing.models import Balance, Kind
from billing.standing import standing
from console.money import round_down
from reports.spending import NO_USAGE, Change, Months, Usage, compare, read_usage

# Usage, and the reversals that take it back.
SPENDING = [Kind.USAGE, Kind.REVERSAL]


@dataclass(frozen=True, slots=True)
class Line:
    """One account with its own balance, what it spent, and its state in a word.

    ``state`` is active, low, restricted, suspended or closed. A shared account's own balance is
    zero; of the balance it draws on, this says no more than whether anything is left.
    """

    balance: Balance
    usage: Usage
    # This month against the last, until the same day.
    change: Change
    # Of what all accounts spent, in whole percent; those of one tree add up to 100.
    share: int
    state: str
    # How it stands with its spending cap, where it has one.
    cap: CapUse | None = None
    # The path of what it spent on each of the last days.
    spark: str = ""

    @property
    def account(self) -> Account:
        """Whose line it is."""
        return self.balance.account

    @property
    def spent(self) -> Decimal:
        """What it spent this month."""
        return self.usage.month

    @property
    def cap_trouble(self) -> str:
        """``reached`` (a hard cap refuses), ``passed`` (a soft one warns), ``near``, or nothing.

        An account that is suspended or closed spends nothing, whatever its cap.
        """
        if self.cap is None or self.state in {"suspended", "closed"}:
            return ""
        if self.cap.is_reached:
            return "reached" if self.cap.is_hard else "passed"
        return "near" if self.cap.is_near else ""

    @property
    def needs_attention(self) -> bool:
        """Whether messages stop, or will soon, because of this account itself.

        Where the shared balance is used up, it is the master account that needs attention.
        """
        if self.cap_trouble:
            return True
        if self.state == "restricted":
            return not self.account.is_shared
        return self.state in {"low", "suspended"}

    @property
    def past_limit(self) -> Decimal:
        """By how much it is past its limit; zero when it is not."""
        return max(-self.balance.available, Decimal(0))


@dataclass(frozen=True, slots=True)
class Tree:
    """What one person sees of a company; ``master`` is None for those who see only parts."""

    company: Account
    master: Line | None
    subaccounts: list[Line]
    spent: Decimal
    change: Change
    # The company's day, and the first of its month.
    today: date
    month: date
    # Of all accounts the person sees, those not listed included.
    names: dict[int, str]

    @property
    def allocated(self) -> list[Line]:
        """The subaccounts with a balance of their own."""
        return [line for line in self.subaccounts if not line.account.is_shared]

    @property
    def drawing(self) -> list[int]:
        """The accounts that draw on the master account's balance, itself among them: their ids."""
        shared = [line for line in self.subaccounts if line.account.is_shared]
        return [self.company.pk, *(line.account.pk for line in shared if line.state != "closed")]

    @property
    def allocated_available(self) -> Decimal:
        """What these have available, together: the sum of the figures shown, debts included."""
        return sum(
            (round_down(line.balance.available, self.company.decimals) for line in self.allocated),
            Decimal(0),
        )

    @property
    def past_limit_count(self) -> int:
        """How many of these are past their limit, and so lower the sum."""
        return sum(1 for line in self.allocated if line.past_limit)


def read(access: Access, now: datetime) -> Tree:
    """What the person sees of the company: four queries at most.

    Who sees the tree has a closed subaccount listed only in a month in which it has spent.
    """
    company, today = access.company, local_day(access.company, now)
    balances = list(
        Balance.objects.filter(master=company, account__in=access.accounts).select_related(
            "account"
        )
    )
    pool = next((each for each in balances if each.account_id == company.pk), None)
    pool = pool or Balance.objects.get(master=company, account=company)
    found = read_usage(company, [balance.account_id for balance in balances], today)
    usages = [found.get(balance.account_id, NO_USAGE) for balance in balances]
    capped = caps.uses(company, balances, now)
    lines = []
    for balance, usage, share in zip(
        balances, usages, whole_shares([usage.month for usage in usages]), strict=True
    ):
        account = balance.account
        is_over = account.state == State.CLOSED and not account.is_master and not usage.month
        if not (is_over and access.sees_tree):
            lines.append(
                Line(
                    balance=balance,
                    usage=usage,
                    change=compare(usage.month, usage.previous, today),
                    share=share,
                    state=state_of(company, balance, pool, usage.pace),
                    cap=capped.get(account.pk),
                )
            )
    lines.sort(key=lambda line: line.account.name.casefold())
    spent = sum((usage.month for usage in usages), Decimal(0))
    before = sum((usage.previous for usage in usages), Decimal(0))
    return Tree(
        company=company,
        master=next((line for line in lines if line.account.is_master), None),
        subaccounts=[line for line in lines if not line.account.is_master],
        spent=spent,
        change=compare(spent, before, today),
        today=today,
        month=Months(today).first,
        names={balance.account_id: balance.account.name for balance in balances},
    )


def local_day(company: Account, now: datetime) -> date:
    """The day in the company's time zone."""
    return timezone.localtime(now, company.zone).date()


def whole_shares(amounts: Sequence[Decimal]) -> list[int]:
    """Each amount's share of all in whole percent: together 100, where anything was spent.

    By largest remainder. An account to which more was given back than it spent has no share.
    """
    parts = [max(amount, Decimal(0)) for amount in amounts]
    whole = sum(parts, Decimal(0))
    if not whole:
        return [0] * len(parts)
    exact = [part * 100 / whole for part in parts]
    shares = [int(share) for share in exact]
    largest = sorted(range(len(parts)), key=lambda each: shares[each] - exact[each])
    for each in largest[: 100 - sum(shares)]:
        shares[each] += 1
    return shares


def state_of(company: Account, balance: Balance, pool: Balance, pace: Decimal) -> str:
    """How the account stands, and whether it runs low; ``pace``: usage of seven days."""
    return standing(company, balance, pool, pace).value


def day_in_full(day: date) -> str:
    """``Monday 23 November 2026``."""
    return formats.date_format(day, "l j F Y")


def clock(company: Account, now: datetime) -> str:
    """``14:06`` in the company's time zone."""
    return formats.date_format(timezone.localtime(now, company.zone), "H:i")

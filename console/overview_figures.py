"""The figures of the overview, read in a fixed number of queries whatever the company's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Q, Sum
from django.utils import formats, timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.access import Access
from accounts.models import Account, State
from billing.models import Balance, Entry, EntryQuerySet, Kind
from billing.standing import Standing, standing
from console.figures import Figures
from console.money import round_down
from reports.descriptions import leg_of, other_sides, title
from reports.queries import visible_entries

# Usage, and the reversals that take it back.
SPENDING = [Kind.USAGE, Kind.REVERSAL]
# An account runs low when it could not go on for three days like in the last seven, or when nine
# tenths of its limit are used.
PACE = timedelta(days=7)
LOW_DAYS = 3
LOW_SHARE_OF_LIMIT = Decimal("0.1")

MOVEMENTS = 10
ICONS = {
    Kind.PAYMENT: "plus",
    Kind.REFUND: "undo-2",
    Kind.CHARGEBACK: "undo-2",
    Kind.TRANSFER: "arrow-left-right",
    Kind.USAGE: "send",
    Kind.ADJUSTMENT: "sliders-horizontal",
    Kind.REVERSAL: "rotate-ccw",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One account with its own balance, what it spent this month, and its state in a word.

    ``state`` is active, low, restricted, suspended or closed. A shared account's own balance is
    zero; of the balance it draws on, this says no more than whether anything is left.
    """

    balance: Balance
    spent: Decimal
    # Of what all accounts spent, in whole percent; those of one tree add up to 100.
    share: int
    state: str

    @property
    def account(self) -> Account:
        """Whose line it is."""
        return self.balance.account

    @property
    def needs_attention(self) -> bool:
        """Whether messages stop, or will soon, because of this account itself.

        Where the shared balance is used up, it is the master account that needs attention.
        """
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
    month: date
    # Of all accounts the person sees, those not listed included.
    names: dict[int, str]

    @property
    def allocated(self) -> list[Line]:
        """The subaccounts with a balance of their own."""
        return [line for line in self.subaccounts if not line.account.is_shared]

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


class Movement(NamedTuple):
    """One entry in words, or both entries of a transfer whose two sides the person sees."""

    entry: Entry
    icon: str
    title: str
    detail: str
    when: str
    amount: SafeString
    is_in: bool


class Usage(NamedTuple):
    """What an account spent since the month began, and in the last seven days."""

    month: Decimal
    pace: Decimal


NO_USAGE = Usage(Decimal(0), Decimal(0))


def read(access: Access, now: datetime) -> Tree:
    """What the person sees of the company: three queries.

    Who sees the tree has a closed subaccount listed only in a month in which it has spent.
    """
    company = access.company
    month = month_start(company, now)
    balances = list(
        Balance.objects.filter(master=company, account__in=access.accounts).select_related(
            "account"
        )
    )
    pool = Balance.objects.get(master=company, account=company)
    entries = visible_entries(access, [balance.account_id for balance in balances])
    usage = read_usage(entries, month, now)
    balances.sort(key=lambda balance: balance.account.name.casefold())
    shares = whole_shares([usage.get(balance.account_id, NO_USAGE).month for balance in balances])
    lines = []
    for balance, share in zip(balances, shares, strict=True):
        spent, pace = usage.get(balance.account_id, NO_USAGE)
        account = balance.account
        is_over = account.state == State.CLOSED and not account.is_master and not spent
        if not (is_over and access.sees_tree):
            lines.append(Line(balance, spent, share, state_of(company, balance, pool, pace)))
    return Tree(
        company=company,
        master=next((line for line in lines if line.account.is_master), None),
        subaccounts=[line for line in lines if not line.account.is_master],
        spent=sum((line.spent for line in lines), Decimal(0)),
        month=month.date(),
        names={balance.account_id: balance.account.name for balance in balances},
    )


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


def month_start(company: Account, now: datetime) -> datetime:
    """The first moment of the current month in the company's time zone."""
    there = timezone.localtime(now, company.zone)
    return there.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)


def read_usage(entries: EntryQuerySet, month: datetime, now: datetime) -> dict[int, Usage]:
    """By account: usage less its reversals since ``month``, and in the last seven days."""
    recent = now - PACE
    sums = (
        entries.spending()
        .filter(posted_at__gte=min(month, recent))
        .order_by()
        .values("account_id")
        .annotate(
            in_month=Sum("amount", filter=Q(posted_at__gte=month), default=Decimal(0)),
            in_pace=Sum("amount", filter=Q(posted_at__gte=recent), default=Decimal(0)),
        )
    )
    return {row["account_id"]: Usage(-row["in_month"], -row["in_pace"]) for row in sums}


def state_of(company: Account, balance: Balance, pool: Balance, pace: Decimal) -> str:
    """How the account stands, and whether it runs low; ``pace`` is its usage of seven days."""
    stands = standing(company, balance, pool)
    if stands == Standing.ACTIVE and not balance.account.is_shared and _is_low(balance, pace):
        return "low"
    return stands.value


def _is_low(balance: Balance, pace: Decimal) -> bool:
    available = balance.available
    if balance.credit < 0 and available < balance.credit_limit * LOW_SHARE_OF_LIMIT:
        return True
    return available < pace / PACE.days * LOW_DAYS


def last_movements(
    access: Access, tree: Tree, now: datetime, without_usage: bool
) -> list[Movement]:
    """The newest entries the person sees, of any kind or all but usage: two queries.

    A transfer is one movement where the person sees both its sides, and two where they do not.
    """
    names = tree.names
    found = visible_entries(access, names.keys())
    if without_usage:
        found = found.exclude(kind=Kind.USAGE)
    # Two entries make one movement at most.
    entries = list(found.order_by("-posted_at", "-holder", "-seq")[: 2 * MOVEMENTS])
    others = other_sides(access.company, entries)
    chosen: dict[tuple[str, str, int], Entry] = {}
    for entry in entries:
        origin, reference, leg = leg_of(entry)
        if not (_is_whole(entry, others, names) and (origin, reference, 1 - leg) in chosen):
            chosen[leg_of(entry)] = entry
    shown = list(chosen.values())[:MOVEMENTS]
    # Whoever sees an account knows what its company is called.
    known = names | {access.company.pk: access.company.name}
    figures = Figures([entry.amount for entry in shown], access.company.decimals)
    movements = []
    for entry in shown:
        other = others.get(leg_of(entry), 0)
        is_whole = _is_whole(entry, others, names)
        movements.append(
            Movement(
                entry=entry,
                icon=ICONS[Kind(entry.kind)],
                title=_both_sides(entry, names[other], names[entry.account_id])
                if is_whole
                else title(entry, known.get(other)),
                detail=entry.description if is_whole else _detail(entry, names),
                when=_when(entry.posted_at, access.company, now),
                amount=figures.cell(abs(entry.amount))
                if is_whole
                else figures.cell(entry.amount, sign=True),
                is_in=entry.amount > 0 and not is_whole,
            )
        )
    return movements


def _is_whole(
    entry: Entry, others: Mapping[tuple[str, str, int], int], names: Mapping[int, str]
) -> bool:
    """Whether it is one side of a transfer of which the person sees the other side, too."""
    return entry.account_id in names and others.get(leg_of(entry)) in names


def _both_sides(entry: Entry, other: str, account: str) -> str:
    """``Nile Retail Group → Marketing``."""
    source, destination = (other, account) if entry.amount > 0 else (account, other)
    return _("%(source)s → %(destination)s") % {"source": source, "destination": destination}


def _detail(entry: Entry, names: dict[int, str]) -> str:
    account = names.get(entry.account_id, "")
    if not entry.description:
        return account
    about = entry.description if entry.kind == Kind.TRANSFER else entry.get_kind_display()
    return _("%(account)s · %(about)s") % {"account": account, "about": about}


def _when(moment: datetime, company: Account, now: datetime) -> str:
    """The moment as one says it: today, yesterday, or the date."""
    there = timezone.localtime(moment, company.zone)
    today = timezone.localtime(now, company.zone).date()
    time = formats.date_format(there, "H:i")
    if there.date() == today:
        return _("today, %(time)s") % {"time": time}
    if there.date() == today - timedelta(days=1):
        return _("yesterday, %(time)s") % {"time": time}
    return formats.date_format(there, "j M, H:i" if there.year == today.year else "j M Y, H:i")


def today(company: Account, now: datetime) -> str:
    """The day and time in the company's time zone, in full."""
    return formats.date_format(timezone.localtime(now, company.zone), "l j F Y, H:i")

"""The figures of the overview, read in a fixed number of queries whatever the company's size."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from babel.dates import get_timezone_location
from django.db.models import Q, Sum
from django.utils import formats, timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.access import Access
from accounts.models import Account, State
from billing.models import CONTRA, Balance, Contra, Entry, Kind
from reports.queries import visible_entries
from reports.tables import Figures

# Usage, and the reversals that take it back.
SPENDING = [kind for kind, contra in CONTRA.items() if contra == Contra.USAGE_REVENUE]
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
        """What these can still spend, together."""
        return sum(
            (max(line.balance.available, Decimal(0)) for line in self.allocated), Decimal(0)
        )


class Movement(NamedTuple):
    """One entry in words."""

    entry: Entry
    icon: str
    title: str
    detail: str
    when: str
    amount: SafeString


class _Usage(NamedTuple):
    month: Decimal
    pace: Decimal


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
    usage = _usage(access, [balance.account_id for balance in balances], month, now)
    nothing = _Usage(Decimal(0), Decimal(0))
    lines = []
    for balance in sorted(balances, key=lambda balance: balance.account.name.casefold()):
        spent, pace = usage.get(balance.account_id, nothing)
        account = balance.account
        is_over = account.state == State.CLOSED and not account.is_master and not spent
        if not (is_over and access.sees_tree):
            lines.append(Line(balance, spent, _state(company, balance, pool, pace)))
    return Tree(
        master=next((line for line in lines if line.account.is_master), None),
        subaccounts=[line for line in lines if not line.account.is_master],
        spent=sum((line.spent for line in lines), Decimal(0)),
        month=month.date(),
        names={balance.account_id: balance.account.name for balance in balances},
    )


def month_start(company: Account, now: datetime) -> datetime:
    """The first moment of the current month in the company's time zone."""
    there = timezone.localtime(now, company.zone)
    return there.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)


def _usage(
    access: Access, accounts: Collection[int], month: datetime, now: datetime
) -> dict[int, _Usage]:
    """By account: usage less its reversals since ``month``, and in the last seven days."""
    recent = now - PACE
    sums = (
        visible_entries(access, accounts)
        .filter(kind__in=SPENDING, posted_at__gte=min(month, recent))
        .order_by()
        .values("account_id")
        .annotate(
            in_month=Sum("amount", filter=Q(posted_at__gte=month), default=Decimal(0)),
            in_pace=Sum("amount", filter=Q(posted_at__gte=recent), default=Decimal(0)),
        )
    )
    return {row["account_id"]: _Usage(-row["in_month"], -row["in_pace"]) for row in sums}


def _state(company: Account, balance: Balance, pool: Balance, pace: Decimal) -> str:
    account = balance.account
    if account.state == State.CLOSED:
        return "closed"
    # A suspended company closes the tap of its whole tree.
    if {account.state, company.state} != {State.ACTIVE}:
        return "suspended"
    holder = pool if account.is_shared else balance
    if holder.is_restricted:
        return "restricted"
    if not account.is_shared and _is_low(balance, pace):
        return "low"
    return "active"


def _is_low(balance: Balance, pace: Decimal) -> bool:
    available = balance.available
    if balance.credit < 0 and available < balance.credit_limit * LOW_SHARE_OF_LIMIT:
        return True
    return available < pace / PACE.days * LOW_DAYS


def last_movements(
    access: Access, tree: Tree, now: datetime, without_usage: bool
) -> list[Movement]:
    """The newest entries the person sees, of any kind or all but usage: two queries."""
    names = tree.names
    found = visible_entries(access, names.keys())
    if without_usage:
        found = found.exclude(kind=Kind.USAGE)
    entries = list(found.order_by("-posted_at", "-holder", "-seq")[:MOVEMENTS])
    others = _other_sides(access.company, entries)
    # Whoever sees an account knows what its company is called.
    known = names | {access.company.pk: access.company.name}
    figures = Figures([entry.amount for entry in entries], access.company.decimals)
    return [
        Movement(
            entry=entry,
            icon=ICONS[Kind(entry.kind)],
            title=_title(entry, known.get(others.get((entry.reference, entry.leg), 0))),
            detail=_detail(entry, names),
            when=_when(entry.posted_at, access.company, now),
            amount=figures.cell(entry.amount, sign=True),
        )
        for entry in entries
    ]


def _other_sides(company: Account, entries: list[Entry]) -> dict[tuple[str, int], int]:
    """For the transfers among the entries, by reference and leg: the account on the other side."""
    transfers = [entry for entry in entries if entry.kind == Kind.TRANSFER]
    if not transfers:
        return {}
    legs = Entry.objects.filter(
        master=company,
        origin__in={entry.origin for entry in transfers},
        reference__in={entry.reference for entry in transfers},
        kind=Kind.TRANSFER,
    ).values_list("reference", "leg", "account_id")
    # A transfer has two legs, 0 and 1.
    return {(reference, 1 - leg): account for reference, leg, account in legs}


def _title(entry: Entry, other: str | None) -> str:
    if entry.kind != Kind.TRANSFER:
        return entry.description or entry.get_kind_display()
    if other is None:
        # The other side is not theirs to see.
        return _("Transfer in") if entry.amount > 0 else _("Transfer out")
    if entry.amount > 0:
        return _("Transfer from %(account)s") % {"account": other}
    return _("Transfer to %(account)s") % {"account": other}


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


def zone_name(company: Account) -> str:
    """The city by which people know the time zone: Cairo."""
    if "/" not in company.time_zone:
        return company.time_zone
    return get_timezone_location(
        company.time_zone, locale=(get_language() or "en").replace("-", "_"), return_city=True
    )

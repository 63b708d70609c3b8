"""The last movements of the overview: the newest entries, a transfer being one of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import formats, timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.access import Access
from accounts.models import Account
from billing.models import Entry, Kind
from console.figures import Figures
from console.overview_figures import Tree
from reports.descriptions import leg_of, other_sides, title
from reports.queries import visible_entries

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


class Movement(NamedTuple):
    """One entry in words, or both entries of a transfer whose two sides the person sees."""

    entry: Entry
    icon: str
    title: str
    detail: str
    when: str
    amount: SafeString
    is_in: bool


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

"""What a preview has shown, carried by its form: nobody confirms figures that have changed since.

A preview writes the available balances as it shows them; a verb that is given them compares them
under the lock and refuses with BalancesChanged, so that the page can show the new ones and ask
again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Account
from billing import holds
from billing.models import Balance
from billing.refusals import FiguresChanged, Refused
from console import money

# Account id -> available balance, rounded down to the currency as pages show it.
Shown = Mapping[int, Decimal]

# How many accounts a sentence names.
NAMED = 3

_ONE = re.compile(r"([0-9]{1,18})=(-?[0-9]{1,15}(?:\.[0-9]{1,6})?)", re.ASCII)


class Change(NamedTuple):
    """One figure that is another by now."""

    account: Account
    was: Decimal
    now: Decimal


class BalancesChanged(FiguresChanged):
    """The balances are no longer those that the preview has shown."""

    def __init__(self, changes: list[Change]) -> None:
        self.changes = changes
        told = [
            _("%(name)s had %(was)s available and has %(now)s now")
            % {
                "name": change.account.name,
                "was": money.format_amount(change.was, change.account.decimals),
                "now": money.format_amount(change.now, change.account.decimals),
            }
            for change in changes[:NAMED]
        ]
        more = len(changes) - NAMED
        if more > 0:
            told.append(
                ngettext(
                    "%(count)d more balance is another", "%(count)d more balances are others", more
                )
                % {"count": more}
            )
        Refused.__init__(
            self,
            _(
                "The figures have changed since the preview, so nothing was moved: %(figures)s."
                " Look at the new ones, then send it again."
            )
            % {"figures": "; ".join(told)},
            account=changes[0].account.pk,
        )


def write(balances: Iterable[Balance]) -> str:
    """The balances as they are shown, for a hidden field. Each with its account."""
    return ";".join(
        f"{row.account_id}={money.round_down(row.available, row.account.decimals)}"
        for row in balances
    )


def read(text: str) -> Shown:
    """What the hidden field says. Raises ValueError for what ``write`` does not write."""
    shown = {}
    for part in text.split(";"):
        match = _ONE.fullmatch(part)
        if match is None:
            raise ValueError("these are no figures that a page has shown")
        shown[int(match[1])] = Decimal(match[2])
    return shown


def of(shown: Shown, accounts: Collection[int]) -> Shown | None:
    """What was shown of these accounts; None when not all of them were."""
    return {pk: shown[pk] for pk in accounts} if set(accounts) <= shown.keys() else None


def check(shown: Shown | None, source: Account, others: Iterable[Account]) -> None:
    """Raise BalancesChanged when one of the accounts has another available balance than shown.

    Must run within ``transact()``, before ``post()``: it locks the balances, and that of the
    master account, which holds those that are shared meanwhile. ``shown`` None is no preview.
    """
    if not shown:
        return
    accounts = {account.pk: account for account in (source, *others)}
    rows = (
        Balance.objects.select_for_update(no_key=True)
        .filter(
            master=source.master_id,
            account__in=(shown.keys() & accounts.keys()) | {source.master_id},
        )
        # As the ledger locks them: lowest account first.
        .order_by("account_id")
    )
    changes = []
    for row in rows:
        account, was = accounts.get(row.account_id), shown.get(row.account_id)
        if account is None or was is None:
            continue
        now = money.round_down(row.available, account.decimals)
        if was != now and account.pk == source.pk:
            # A preview counts what the ledger would release for it.
            free = row.available + holds.expired(account)
            now = was if was == money.round_down(free, account.decimals) else now
        if was != now:
            changes.append(Change(account, was, now))
    if changes:
        raise BalancesChanged(changes)

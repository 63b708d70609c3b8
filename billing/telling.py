"""Noticing what people are to be told: credit that runs low, a spending cap that is nearly used.

Called by whatever changes an available balance (``billing.ledger`` above all), in its transaction
and under the lock of the balance: a notice and the job that mails it are there if, and only if,
what they tell of is. A balance row keeps two bounds (``tell_at_or_below``, ``tell_at_or_above``)
between which there is nothing to tell, so that an account without alerts costs no statement.
Setting alerts is ``billing.alerts``, mailing ``billing.notice_mails``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from accounts.models import Membership, Role
from billing import jobs
from billing.caps_sql import NEARLY
from billing.clerk import Clerk
from billing.ledger_sql import Purse, array
from billing.models import (
    Alert,
    AlertRecipient,
    Balance,
    Figures,
    Happening,
    Level,
    Notice,
    NoticeReader,
)

# In parts of the threshold: from here down it is approached, from here up it is recovered from.
APPROACHING = Decimal("1.5")
RECOVERED = Decimal(2)
# The smallest difference between two amounts.
_MICRO = Decimal("0.000001")

# By its name: the module of the jobs imports the verbs, which end here.
SEND_NOTICE = "billing.tasks.send_notice"

SET_BOUNDS = """
UPDATE billing_balance b SET tell_at_or_below = n.low, tell_at_or_above = n.high
FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[]) AS n (account, low, high)
WHERE b.master_id = %s AND b.account_id = n.account
  AND (b.tell_at_or_below, b.tell_at_or_above) IS DISTINCT FROM (n.low, n.high)
"""

# Two holders may carry one account's usage at the same moment (a hold keeps its own), so it is
# for the database to say who was first.
NOTICE_OF_CAP = """
INSERT INTO billing_notice
    (master_id, account_id, what, cap, cap_is_hard, used, month, raised_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (master_id, account_id, month, what, cap) WHERE month IS NOT NULL DO NOTHING
RETURNING id
"""


def figures_of(balance: Balance | Purse) -> Figures:
    """The figures of a balance row, or of one as it moves in a posting."""
    if isinstance(balance, Purse):
        return Figures(balance.credit, balance.on_hold - balance.floor, balance.on_hold)
    return Figures(balance.credit, balance.credit_limit, balance.on_hold)


def next_level(level: str, threshold: Decimal, available: Decimal) -> Level:
    """The level of an alert that was at ``level``, now that so much is available.

    It only gets worse until there is twice the threshold again: so a balance that goes up and
    down near the threshold is told of once.
    """
    if available >= threshold * RECOVERED:
        return Level.OK
    if level == Level.BELOW or available < threshold:
        return Level.BELOW
    if level == Level.APPROACHING or available <= threshold * APPROACHING:
        return Level.APPROACHING
    return Level.OK


def bounds(alerts: Iterable[Alert]) -> tuple[Decimal | None, Decimal | None]:
    """From where down, and from where up, one of an account's alerts changes its level."""
    low: list[Decimal] = []
    high: list[Decimal] = []
    for alert in alerts:
        if alert.level == Level.OK:
            low.append(alert.threshold * APPROACHING)
        else:
            high.append(alert.threshold * RECOVERED)
        if alert.level == Level.APPROACHING:
            low.append(alert.threshold - _MICRO)
    return max(low, default=None), min(high, default=None)


def used(clerk: Clerk) -> dict[int, Decimal]:
    """What the accounts with a spending cap have used of this month's, as the clerk counts it.

    Asked before a posting is decided, for ``tell``.
    """
    if not clerk.budgets:
        return {}
    month = clerk.calendar.month(clerk.clock)
    return {account: budget.used(month) for account, budget in clerk.budgets.items()}


def tell(clerk: Clerk, used_before: Mapping[int, Decimal] | None = None) -> None:
    """Tell of what the clerk's postings have led to, once their balances are written.

    Must run in their transaction. Costs nothing where there is nothing to tell.
    """
    low = {
        holder: figures_of(purse)
        for holder, purse in clerk.moved.items()
        if purse.has_something_to_tell
    }
    if low:
        weigh(master=clerk.master, balances=low, clock=clerk.clock)
    if used_before:
        _tell_of_caps(clerk, used_before)


def weigh(*, master: int, balances: Mapping[int, Figures], clock: datetime) -> None:
    """Move the levels of these accounts' alerts, and tell their recipients what became worse.

    ``balances`` is by account; their rows are locked. ``clock`` is the moment of the notices. A
    second call with the same figures tells nothing.
    """
    alerts: dict[int, list[Alert]] = {account: [] for account in balances}
    moved, told = [], []
    found = Alert.objects.filter(master=master, account__in=balances)
    for alert in found.order_by("account_id", "threshold"):
        alerts[alert.account_id].append(alert)
        figures = balances[alert.account_id]
        level = next_level(alert.level, alert.threshold, figures.available)
        if level == alert.level:
            continue
        alert.level = level
        moved.append(alert)
        if level != Level.OK:
            told.append(_notice_of(alert, figures, clock))
    if moved:
        Alert.objects.bulk_update(moved, ["level"])
    _set_bounds(master, {account: bounds(each) for account, each in alerts.items()})
    if told:
        Notice.objects.bulk_create(told)
        recipients: dict[int, list[int]] = {}
        rows = AlertRecipient.objects.filter(alert__in=[notice.alert_id for notice in told])
        for alert_id, user in rows.values_list("alert", "user"):
            recipients.setdefault(alert_id, []).append(user)
        _announce(master, {notice.pk: recipients.get(notice.alert_id or 0, []) for notice in told})


def watch(*, master: int, account: int) -> None:
    """Set the bounds of the account's balance anew: an alert of it came, changed or went.

    Must run under the lock of the balance.
    """
    alerts = Alert.objects.filter(master=master, account=account)
    _set_bounds(master, {account: bounds(alerts)})


def rest(*, master: int, account: int) -> None:
    """Let the alerts of an account rest: it gives up its balance. The lock is the caller's."""
    _set_bounds(master, {account: (None, None)})


def _notice_of(alert: Alert, figures: Figures, clock: datetime) -> Notice:
    return Notice(
        master_id=alert.master_id,
        account_id=alert.account_id,
        alert=alert,
        what=Happening(alert.level),
        threshold=alert.threshold,
        credit=figures.credit,
        credit_limit=figures.credit_limit,
        on_hold=figures.on_hold,
        raised_at=clock,
    )


def _set_bounds(master: int, found: Mapping[int, tuple[Decimal | None, Decimal | None]]) -> None:
    lows, highs = zip(*found.values(), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(SET_BOUNDS, [array(found), array(lows), array(highs), master])


def _tell_of_caps(clerk: Clerk, used_before: Mapping[int, Decimal]) -> None:
    """Tell once a month, each, that an account has nearly used its cap and that it is over it.

    Only what has been crossed just now: an account that stays past its cap costs nothing.
    """
    month = clerk.calendar.month(clerk.clock)
    for account, before in used_before.items():
        cap = clerk.accounts[account].cap
        now = clerk.budgets[account].used(month)
        if cap is None or now <= before:
            continue
        if before <= cap < now:
            _tell_of_cap(clerk, account, Happening.CAP_OVER, now, month)
        elif before < cap * NEARLY <= now:
            _tell_of_cap(clerk, account, Happening.CAP_NEAR, now, month)


def _tell_of_cap(clerk: Clerk, account: int, what: Happening, now: Decimal, month: date) -> None:
    row = clerk.accounts[account]
    values: list[Any] = [
        clerk.master,
        account,
        what.value,
        row.cap,
        row.cap_is_hard,
        now,
        month,
        clerk.clock,
    ]
    with connection.cursor() as cursor:
        cursor.execute(NOTICE_OF_CAP, values)
        created = cursor.fetchone()
    if created is not None:
        admins = Membership.objects.filter(
            account__in={account, clerk.master},
            role__in=[Role.MASTER_ADMIN, Role.SUBACCOUNT_ADMIN],
        )
        people = sorted(set(admins.values_list("user", flat=True)))
        _announce(clerk.master, {created[0]: people})


def _announce(master: int, readers: Mapping[int, Collection[int]]) -> None:
    """Write down who is to be told of each notice, and order the jobs that mail them."""
    NoticeReader.objects.bulk_create(
        NoticeReader(master_id=master, notice_id=notice, user_id=user)
        for notice, users in readers.items()
        for user in users
    )
    jobs.order(SEND_NOTICE, *({"notice_id": notice} for notice, users in readers.items() if users))

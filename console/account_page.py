"""One account's page: all that is known of it, as far as the person may see it."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import Access, access_or_404, account_or_404
from accounts.models import Account, BalanceMode, State
from billing import transfers
from billing.account_tables import HoldTable, LimitTable
from billing.models import Balance, CreditLimitChange, Entry, Hold, HoldState
from console import chart_section, overview_figures, runway_words
from console.account_history import cap_context, history_context
from console.htmx import wants_fragment
from console.overview_figures import Line
from console.overview_table import spending
from console.runway_words import Words
from reports import runway
from reports.spending import (
    DAY,
    NO_USAGE,
    POOL,
    Months,
    compare,
    read_days,
    read_drawn,
    read_usage,
)
from reports.tables import TransactionTable

ENTRIES = 10
HOLDS = 50
LIMITS = 20


class Action(NamedTuple):
    """Something that the person may do with the account."""

    label: str
    text: str
    href: str
    icon: str


@require_safe
def account_page(request: HttpRequest, company: str, code: str) -> HttpResponse:
    """A subaccount, or the master account itself, with a fixed number of queries.

    Of the balance that a shared subaccount draws on, only those who see the whole tree are told:
    its share of what was spent there would tell the rest, too. ``days`` and ``chart=table``
    are the chart's; an unknown value answers 404. HTMX may ask for the chart alone.
    """
    access = access_or_404(request.user, company)
    account = account_or_404(access, code)
    wanted = chart_section.asked(request.GET)
    now = timezone.now()
    today = overview_figures.local_day(access.company, now)
    balance, pool = _balances(access, account)
    if wants_fragment(request) and request.headers.get("HX-Target") == "chart":
        chart = chart_section.chart_of(balance, access.company, today, wanted)
        return render(request, "console/_chart.html", {"company": access.company} | chart)
    line = _line(access, balance, pool, today)
    mine = Entry.objects.filter(master=access.company, account=account)
    accounts = list(access.accounts.values_list("pk", "name", "balance_mode"))
    names = {pk: name for pk, name, _mode in accounts}
    entries = list(
        mine.select_related("by").order_by("-posted_at", "-holder_id", "-seq")[:ENTRIES]
    )
    table = TransactionTable(entries, access=access, names=names)
    # Whose balance moved is said only where it is not always its own, and is shown.
    if table.hides_balances or all(entry.is_own for entry in entries):
        table.columns.hide("account")
    holds = _holds(account)
    limits = list(
        CreditLimitChange.objects.filter(master=access.company, account=account)
        .select_related("by")
        .order_by("-id")[:LIMITS]
    )
    history = history_context(access, account)
    context = {
        "access": access,
        "company": access.company,
        "account": account,
        "line": line,
        "runway": _runway(line, today),
        "funds_others": account.is_master
        and any(mode == BalanceMode.ALLOCATED for pk, _name, mode in accounts if pk != account.pk),
        "pool": pool if access.sees_tree else None,
        "month": Months(today).first,
        "spending": spending(access.company, Months(today).first),
        "can_top_up": access.can_top_up(account),
        "is_transfer_source": not transfers.cannot_move_from(account),
        "is_transfer_destination": not transfers.cannot_move_to(account),
        "actions": _actions(access, account, by_platform=history["by_platform"]),
        "table": table,
        "holds": HoldTable(holds[:HOLDS], company=access.company, names=names, now=now),
        "more_holds": len(holds) > HOLDS,
        "limits": LimitTable(limits, company=access.company, reader=access.user),
        **cap_context(access, account, balance),
        **history,
        **chart_section.chart_of(balance, access.company, today, wanted),
    }
    return render(request, "console/account_page.html", context)


def _balances(access: Access, account: Account) -> tuple[Balance, Balance]:
    """The account's own balance and its master account's."""
    found = Balance.objects.filter(
        master=access.company, account__in={account.pk, access.company.pk}
    )
    by_account = {balance.account_id: balance for balance in found}
    balance = by_account[account.pk]
    balance.account = account
    return balance, by_account[access.company.pk]


def _line(access: Access, balance: Balance, pool: Balance, today: date) -> Line:
    """What the account spent and how it stands; two queries."""
    company, account = access.company, balance.account
    usage = read_usage(company, [account.pk], today).get(account.pk, NO_USAGE)
    share = 0
    if account.is_shared and access.sees_tree:
        drawn, own = read_drawn(company, account, today)
        share = overview_figures.whole_shares([own, drawn - own])[0]
    return Line(
        balance=balance,
        usage=usage,
        change=compare(usage.month, usage.previous, today),
        share=share,
        state=overview_figures.state_of(company, balance, pool, usage.pace),
    )


def _runway(line: Line, today: date) -> Words | None:
    """How long the account's own balance lasts; nothing where it cannot be spent. One query."""
    account = line.account
    if account.is_shared or line.state not in {"active", "low"}:
        return None
    first = today - runway.LOOK_BACK * DAY
    if account.is_master:
        shared = Account.objects.filter(master=account, balance_mode=BalanceMode.SHARED)
        drawing = [account.pk, *shared.exclude(state=State.CLOSED).values_list("pk", flat=True)]
        spent = read_days(account, (), first, pool=drawing).get(POOL, {})
    else:
        spent = read_days(account.master, [account.pk], first).get(account.pk, {})
    since = timezone.localtime(account.created_at, account.master.zone).date()
    found = runway.project(line.balance.available, spent, today=today, since=since)
    return runway_words.words(found)


def _holds(account: Account) -> list[Hold]:
    """The open holds of the account and those its balance carries, one more than are shown."""
    mine = Q(account=account) | Q(holder=account)
    return list(
        Hold.objects.filter(
            mine,
            master=account.master_id,
            holder__in={account.pk, account.master_id},
            state=HoldState.OPEN,
        ).order_by("expires_at", "id")[: HOLDS + 1]
    )


def _actions(access: Access, account: Account, *, by_platform: bool) -> list[Action]:
    """What the person may do with the account as it stands; ``by_platform``: who suspended it."""
    at = [access.company.code, account.code]
    actions = _for_operators(account) if access.user.is_staff else []
    is_closed = account.state == State.CLOSED
    if access.can_alert(account) and not account.is_shared and not is_closed:
        actions.append(
            Action(
                _("Set an alert"),
                _("Tell people in time when its balance runs low."),
                f"{reverse('alert-new', args=at[:1])}?account={account.code}",
                "bell-plus",
            )
        )
    if access.can_manage and not account.is_master:
        actions.append(
            Action(
                _("Rename"),
                _("Another name on every page; the code stays."),
                reverse("subaccount-rename", args=at),
                "pencil",
            )
        )
        if account.is_shared and not is_closed:
            actions.append(
                Action(
                    _("Give it a balance of its own"),
                    _("It then spends what is transferred or paid in to it."),
                    reverse("subaccount-mode", args=at),
                    "split",
                )
            )
        elif not is_closed:
            actions.append(
                Action(
                    _("Switch to the shared balance"),
                    _("Its credit moves to the master account, on which it then draws."),
                    reverse("subaccount-mode", args=at),
                    "combine",
                )
            )
        if not is_closed:
            actions.append(
                Action(
                    _("Spending cap"),
                    _("What it may spend in a month, so that the others have enough."),
                    reverse("subaccount-cap", args=at),
                    "gauge",
                )
            )
    if account.state == State.SUSPENDED:
        actions += _restoring(access, account, by_platform=by_platform)
    elif access.can_suspend(account) and not is_closed:
        actions.append(
            Action(
                _("Suspend"),
                _("Stop its usage and transfers out, until it is restored."),
                _state_page(access, account, "suspend"),
                "circle-pause",
            )
        )
    if access.can_manage and not account.is_master and not is_closed:
        actions.append(
            Action(
                _("Close"),
                _("For good. What is left goes to the master account."),
                reverse("subaccount-close", args=at),
                "archive",
            )
        )
    return actions


def _restoring(access: Access, account: Account, *, by_platform: bool) -> list[Action]:
    """What the person may do with a suspended account."""
    actions = []
    if access.can_restore(account, by_platform=by_platform):
        actions.append(
            Action(
                _("Restore"),
                _("Let it spend again."),
                _state_page(access, account, "restore"),
                "circle-play",
            )
        )
    if access.user.is_staff and not by_platform:
        actions.append(
            Action(
                _("Suspend for the platform"),
                _("Its company suspended it; from then on only operators restore it."),
                _state_page(access, account, "suspend"),
                "circle-pause",
            )
        )
    return actions


def _for_operators(account: Account) -> list[Action]:
    """What only operators do with an account."""
    if account.is_shared or account.state == State.CLOSED:
        return []
    return [
        Action(
            _("Credit limit"),
            _("How far its credit may fall below zero; with a reason."),
            reverse("operator-account-limit", args=[account.company.code, account.code]),
            "sliders-horizontal",
        )
    ]


def _state_page(access: Access, account: Account, verb: str) -> str:
    """Where the account is suspended or restored: operators give a reason, on a page of theirs."""
    kind = "operator-account" if access.user.is_staff else "subaccount"
    return reverse(f"{kind}-{verb}", args=[access.company.code, account.code])

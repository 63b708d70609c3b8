"""One account's page: all that is known of it, as far as the person may see it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import Access, access_or_404, account_or_404
from accounts.models import Account, State
from billing import transfers
from billing.account_tables import HoldTable, LimitTable
from billing.models import Balance, CreditLimitChange, Entry, Hold, HoldState
from console import overview_figures
from console.overview import spending
from console.overview_figures import Line
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
    its share of what was spent there would tell the rest, too.
    """
    access = access_or_404(request.user, company)
    account = account_or_404(access, code)
    now = timezone.now()
    month = overview_figures.month_start(access.company, now)
    balance, pool = _balances(access, account)
    mine = Entry.objects.filter(master=access.company, account=account)
    spent, pace = overview_figures.read_usage(mine, month, now).get(
        account.pk, overview_figures.NO_USAGE
    )
    share = 0
    if account.is_shared and access.sees_tree:
        drawn, own = _drawn(access.company, account, month)
        share = overview_figures.whole_shares([own, drawn - own])[0]
    names = dict(access.accounts.values_list("pk", "name"))
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
    context = {
        "access": access,
        "company": access.company,
        "account": account,
        "line": Line(
            balance, spent, share, overview_figures.state_of(access.company, balance, pool, pace)
        ),
        "pool": pool if access.sees_tree else None,
        "month": month.date(),
        "spending": spending(access.company, month.date()),
        "is_transfer_source": not transfers.cannot_move_from(account),
        "is_transfer_destination": not transfers.cannot_move_to(account),
        "actions": _actions(access, account),
        "table": table,
        "holds": HoldTable(holds[:HOLDS], company=access.company, names=names, now=now),
        "more_holds": len(holds) > HOLDS,
        "limits": LimitTable(limits, company=access.company, reader=access.user),
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


def _drawn(company: Account, account: Account, month: datetime) -> tuple[Decimal, Decimal]:
    """What all, and what the account, spent from the master account's balance since ``month``."""
    nothing = Decimal(0)
    sums = (
        Entry.objects.filter(master=company, holder=company, posted_at__gte=month)
        .spending()
        .aggregate(
            drawn=Sum("amount", default=nothing),
            own=Sum("amount", filter=Q(account=account), default=nothing),
        )
    )
    return -sums["drawn"], -sums["own"]


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


def _actions(access: Access, account: Account) -> list[Action]:
    """What the person may do with the account as it stands."""
    at = [access.company.code, account.code]
    actions = []
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
    if access.can_suspend(account) and account.state == State.SUSPENDED:
        actions.append(
            Action(
                _("Restore"),
                _("Let it spend again."),
                reverse("subaccount-restore", args=at),
                "circle-play",
            )
        )
    elif access.can_suspend(account) and not is_closed:
        actions.append(
            Action(
                _("Suspend"),
                _("Stop its usage and transfers out, until it is restored."),
                reverse("subaccount-suspend", args=at),
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

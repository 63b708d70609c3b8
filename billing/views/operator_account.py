"""One master account as operators see it: figures, people, subaccounts, history, what waits."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import invitations
from accounts.access import operator_or_404
from accounts.models import Account, Membership, Role, State
from accounts.second_factor import people_with_one
from billing import history
from billing.history_tables import ChangeTable
from billing.models import (
    AccountChange,
    Arrival,
    ArrivalState,
    Balance,
    CreditLimitChange,
    Entry,
    Kind,
)
from billing.standing import standing
from billing.views.operator_reading import company_or_404
from console import places

# The newest, or the first, of each; more are behind a link.
ADMINS, SUBACCOUNTS, CHANGES, ADJUSTMENTS, ARRIVALS = 20, 20, 20, 10, 10


class Link(NamedTuple):
    """Something that the operator may do with the account, or look at."""

    label: str
    text: str
    href: str
    icon: str


@require_safe
def account(request: HttpRequest, company: str) -> HttpResponse:
    """A fixed number of queries, however large the company is."""
    operator = operator_or_404(request.user)
    master = company_or_404(company)
    pool = Balance.objects.get(master=master, account=master)
    pool.account = master
    admins = list(
        Membership.objects.filter(account=master, role=Role.MASTER_ADMIN, user__is_active=True)
        .select_related("user")
        .order_by("user__email")[: ADMINS + 1]
    )
    subaccounts = _subaccounts(master, pool)
    changes = AccountChange.objects.filter(master=master, account=master).select_related("by")
    context = {
        "company": master,
        "country": places.country_name(master.country),
        "balance": pool,
        "state": standing(master, pool, pool),
        "suspension": history.suspension(master) if master.state == State.SUSPENDED else None,
        "admins": admins[:ADMINS],
        "more_admins": len(admins) > ADMINS,
        "secured": people_with_one([each.user_id for each in admins]),
        "offers": invitations.open_offers(master) if not admins else [],
        "subaccounts": subaccounts[:SUBACCOUNTS],
        "more_subaccounts": len(subaccounts) > SUBACCOUNTS,
        "limits": _limits(master),
        "changes": ChangeTable(
            list(changes.order_by("-id")[:CHANGES]), company=master, reader=operator
        ),
        "adjustments": _adjustments(master),
        "arrivals": _arrivals(master),
        "tools": _tools(master),
        "links": _links(master),
    }
    return render(request, "operator/account.html", context)


def _subaccounts(master: Account, pool: Balance) -> list[dict[str, object]]:
    """The first by name, one more than are shown."""
    found = (
        Balance.objects.filter(master=master)
        .exclude(account=master)
        .select_related("account")
        .order_by("account__name", "account_id")[: SUBACCOUNTS + 1]
    )
    rows: list[dict[str, object]] = []
    for balance in found:
        balance.account.master = master
        rows.append({"balance": balance, "state": standing(master, balance, pool)})
    return rows


def _limits(master: Account) -> QuerySet[CreditLimitChange]:
    """Changes of credit limits in the whole tree, newest first."""
    found = CreditLimitChange.objects.filter(master=master).select_related("account", "by")
    return found.order_by("-id")[:CHANGES]


def _adjustments(master: Account) -> QuerySet[Entry]:
    """Newest first, by the index that leaves usage out."""
    found = Entry.objects.filter(master=master, kind=Kind.ADJUSTMENT).exclude(kind=Kind.USAGE)
    found = found.select_related("account", "by")
    return found.order_by("-posted_at", "-holder_id", "-seq")[:ADJUSTMENTS]


def _arrivals(master: Account) -> QuerySet[Arrival]:
    """Its money that waits for somebody to decide, oldest first."""
    found = Arrival.objects.filter(payment__master=master, state=ArrivalState.IN_REVIEW)
    return found.select_related("payment").order_by("pk")[:ARRIVALS]


def _tools(master: Account) -> list[Link]:
    """What the operator may do with the master account, as it stands."""
    at = [master.code, master.code]
    found = [
        Link(
            _("Credit limit"),
            _("How far its credit may fall below zero; with a reason."),
            reverse("operator-account-limit", args=at),
            "gauge",
        ),
        Link(
            _("Adjust"),
            _("Add credit or take it away, once, with a reason."),
            reverse("operator-adjust", args=[master.code]),
            "sliders-horizontal",
        ),
        Link(
            _("Edit"),
            _("Its name; its country while it has neither entries nor payments."),
            reverse("operator-account-edit", args=[master.code]),
            "pencil",
        ),
    ]
    if master.state == State.SUSPENDED:
        found.append(
            Link(
                _("Restore"),
                _("Let it spend again, and its subaccounts."),
                reverse("operator-account-restore", args=at),
                "circle-play",
            )
        )
    else:
        found.append(
            Link(
                _("Suspend"),
                _("Stop usage and transfers of its whole tree, until it is restored."),
                reverse("operator-account-suspend", args=at),
                "circle-pause",
            )
        )
    return found


def _links(master: Account) -> list[Link]:
    """Where more of it stands."""
    code = master.code
    transfers = reverse("operator-bank-transfer-list")
    log = reverse("operator-audit-log")
    return [
        Link(
            _("Its console"),
            _("Overview, as its people see it."),
            reverse("overview", args=[code]),
            "gauge",
        ),
        Link(
            _("Payments"),
            _("All that it has paid or wanted to."),
            reverse("payment-list", args=[code]),
            "credit-card",
        ),
        Link(
            _("Bank transfers"),
            _("Those without their money, expired ones too."),
            f"{transfers}?{urlencode({'q': code})}",
            "landmark",
        ),
        Link(
            _("Adjustments"),
            _("All of its tree, to look at and to undo."),
            f"{reverse('operator-adjustment-list')}?{urlencode({'company': code})}",
            "list",
        ),
        Link(
            _("Audit log"),
            _("Who did what in the company."),
            f"{log}?{urlencode({'code': code})}",
            "scroll-text",
        ),
        Link(
            _("People"),
            _("Everybody who belongs to it, and who is invited."),
            reverse("people-list", args=[code]),
            "users",
        ),
    ]

"""One entry's own page."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import Access, access_or_404
from billing import payments
from billing.models import Entry, Hold, Kind, Origin
from billing.views.transfer_reading import hide_other_names, visible_transfers
from console import money
from console.figures import Figures
from reports.descriptions import author, leg_of, other_sides, title
from reports.models import Statement
from reports.pages import BadCursorError, read_key, write_key
from reports.queries import Scope, shows_balance
from reports.statement_months import is_month
from reports.tables import TransactionTable

# More legs than a page can tell: a batch of charges stands in the transactions.
MOST_LEGS = 50
# Each day and each person may have issued one more: among so many the month's is looked for.
MOST_STATEMENTS = 100
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Source(NamedTuple):
    """The document that an entry comes from, or another entry that belongs to it."""

    label: str
    text: str | Promise
    href: str


@require_safe
def transaction_detail(request: HttpRequest, company: str, key: str) -> HttpResponse:
    """Both sides of one entry, where it comes from, and the balance before and after."""
    access = access_or_404(request.user, company)
    scope = Scope.of(access)
    try:
        holder, seq = read_key(key, access.company)
    except BadCursorError:
        raise Http404 from None
    entry = get_object_or_404(
        scope.entries.select_related("account", "holder"), holder=holder, seq=seq
    )
    legs = list(
        scope.entries.named(
            master=access.company.pk, origin=entry.origin, reference=entry.reference
        ).order_by("leg")[: MOST_LEGS + 1]
    )
    others = other_sides(access.company, [entry])
    known = {**scope.names, access.company.pk: access.company.name}
    other = others.get(leg_of(entry))
    sees_holder = shows_balance(entry, scope.names.keys())
    figures = [entry.amount]
    if sees_holder:
        figures += [entry.balance_before, entry.balance_after]
    column = Figures(figures, access.company.decimals)
    context: dict[str, Any] = {
        "access": access,
        "company": access.company,
        "entry": entry,
        "title": title(entry, known.get(other or 0)),
        "made_by": author(entry.by, access) if entry.by is not None else "",
        "amount": money.format_amount(entry.amount, access.company.decimals, sign=True),
        "moved": column.cell(entry.amount, sign=True),
        "sees_holder": sees_holder,
        "sources": _sources(access, scope, entry),
        # Whoever sees the account sees the platform's side of what it did.
        "contra": entry.contra,
        "contra_amount": column.cell(-entry.amount, sign=True),
    }
    if sees_holder:
        context["sources"] += _statements(access, entry)
        context |= {
            "before": column.cell(entry.balance_before),
            "after": column.cell(entry.balance_after),
        }
    if len(legs) > 1:
        context["legs"] = TransactionTable(legs[:MOST_LEGS], access=access, names=scope.names)
        context["more_legs"] = len(legs) > MOST_LEGS
    return render(request, "reports/transaction_detail.html", context)


def _sources(access: Access, scope: Scope, entry: Entry) -> list[Source]:
    """Where the entry comes from: a transfer, a payment, a hold, or what it reverses."""
    found = []
    at = access.company.code
    if entry.kind == Kind.TRANSFER and _UUID.fullmatch(entry.reference):
        transfer = visible_transfers(access).filter(key=UUID(entry.reference)).first()
        if transfer is not None:
            hide_other_names(access, [transfer])
            page = reverse("transfer-detail", args=[at, transfer.pk])
            made = _("From %(source)s to %(destination)s") % {
                "source": transfer.source,
                "destination": transfer.destination,
            }
            found.append(Source(_("Transfer"), made, page))
    if entry.origin == Origin.PAYMENT and _UUID.match(entry.reference):
        pk = UUID(entry.reference[:36])
        payment = payments.visible_to(access.user, access.company).filter(pk=pk).first()
        if payment is not None:
            page = reverse("payment-detail", args=[at, payment.pk])
            found.append(Source(_("Payment"), payment.reference, page))
    if entry.hold_id is not None:
        hold = Hold.objects.filter(master=access.company, id=entry.hold_id).first()
        if hold is not None:
            page = reverse("subaccount-detail", args=[at, entry.account.code])
            found.append(Source(_("Captured from the hold"), hold.reference, page))
    if entry.kind == Kind.REVERSAL:
        _kind, origin, reference = entry.reference.split(":", 2)
        found += _linked(access, scope, _("Reverses"), origin, reference)
    else:
        reversed_as = f"{entry.kind}:{entry.origin}:{entry.reference}"
        found += _linked(access, scope, _("Reversed by"), Origin.REVERSAL, reversed_as)
    return found


def _statements(access: Access, entry: Entry) -> list[Source]:
    """The statement that holds the entry: of its month where there is one, else the first."""
    holding = list(Statement.objects.holding(entry)[:MOST_STATEMENTS])
    if not holding:
        return []
    statement = min(holding, key=lambda each: (not is_month(each), not each.is_final, each.pk))
    statement.master = access.company
    return [Source(_("Statement"), statement.name, statement.get_absolute_url())]


def _linked(access: Access, scope: Scope, label: str, origin: str, reference: str) -> list[Source]:
    """The first entry of another posting, if there is one that the person may see."""
    named = scope.entries.named(master=access.company.pk, origin=origin, reference=reference)
    other = named.order_by("leg").first()
    if other is None:
        return []
    page = reverse("transaction-detail", args=[access.company.code, write_key(other)])
    return [Source(label, title(other, None), page)]

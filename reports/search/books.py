"""Money: payments and what went back, the bank, and the books of all companies."""

from __future__ import annotations

import re

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.gateways import MODULES
from billing.models import (
    Arrival,
    BankLine,
    BankStatement,
    Dispute,
    Entry,
    Hold,
    LineOutcome,
    Origin,
    Payment,
    Refund,
    Transfer,
)
from billing.views.operator_reading import written
from reports.models import Statement
from reports.pages import write_key
from reports.search.wanted import (
    Group,
    Result,
    Wanted,
    any_of,
    everywhere,
    few,
    group,
    told_moment,
)

_STATEMENT = re.compile(r"([0-9]{4})-([0-9]{6,9})", re.ASCII)


def payments(wanted: Wanted) -> Group:
    """By reference or id, ours or the gateway's."""
    named = {"gateway__in": list(MODULES), "gateway_reference": wanted.text}
    ids = [
        Payment.objects.filter(reference=wanted.compact).values("pk"),
        Payment.objects.filter(**named).values("pk"),
        # The gateway's names of the money itself, and of what the payer's bank took back.
        Arrival.objects.filter(**named).values("payment"),
        Dispute.objects.filter(**named).values("payment"),
    ]
    if wanted.uuid is not None:
        ids.append(Payment.objects.filter(pk=wanted.uuid).values("pk"))
    rows = Payment.objects.filter(pk__in=any_of(ids)).select_related("account__master")

    def told(payment: Payment) -> Result:
        about = [
            written(payment.total, payment.currency),
            str(payment.get_state_display()),
            payment.account.name,
            payment.account.company.name,
            told_moment(payment.created_at),
        ]
        href = reverse("operator-payment", args=[payment.pk])
        return Result(payment.reference, " · ".join(dict.fromkeys(about)), href)

    return group(_("Payments"), few(rows.order_by("-created_at", "pk")), told)


def refunds(wanted: Wanted) -> Group:
    """By id, ours or the gateway's, or by the reference of the payment."""
    ids = [
        Refund.objects.filter(gateway_reference=wanted.text).values("pk"),
        Refund.objects.filter(payment__reference=wanted.compact).values("pk"),
    ]
    if wanted.uuid is not None:
        ids.append(Refund.objects.filter(pk=wanted.uuid).values("pk"))
    rows = Refund.objects.filter(pk__in=any_of(ids)).select_related("payment", "master")

    def told(refund: Refund) -> Result:
        about = [
            written(refund.amount, refund.payment.currency),
            str(refund.get_state_display()),
            refund.master.name,
            told_moment(refund.created_at),
        ]
        title = _("Refund of %(reference)s") % {"reference": refund.payment.reference}
        href = reverse("operator-payment", args=[refund.payment_id])
        return Result(title, " · ".join(about), href)

    return group(_("Refunds"), few(rows.order_by("-created_at", "pk")), told)


def bank_statements(wanted: Wanted) -> Group:
    """By the bank's name of it."""
    rows = BankStatement.objects.filter(statement_id=wanted.text).order_by("-uploaded_at", "pk")

    def told(statement: BankStatement) -> Result:
        about = f"{statement.account_number} · {told_moment(statement.uploaded_at)}"
        return Result(statement.statement_id, about, statement.get_absolute_url())

    return group(_("Bank statements"), few(rows), told)


def bank_lines(wanted: Wanted) -> Group:
    """By the bank's reference, or by that of the payment."""
    ids = [
        BankLine.objects.filter(bank_reference=wanted.text).values("pk"),
        BankLine.objects.filter(payment__reference=wanted.compact).values("pk"),
    ]
    rows = BankLine.objects.filter(pk__in=any_of(ids)).select_related("statement")

    def told(line: BankLine) -> Result:
        about = [
            written(line.amount, line.currency),
            str(line.get_outcome_display()),
            line.debtor,
            f"{line.booked_on:%Y-%m-%d}",
        ]
        href = line.statement.get_absolute_url()
        if line.outcome in {LineOutcome.UNMATCHED, LineOutcome.WAITING}:
            href = reverse("operator-line-assign", args=[line.pk])
        title = line.bank_reference or line.statement.statement_id
        return Result(title, " · ".join(filter(None, about)), href)

    return group(_("Lines of bank statements"), few(rows.order_by("-booked_on", "-pk")), told)


def entries(wanted: Wanted) -> Group:
    """By the whole reference."""
    rows = everywhere(Entry, origin__in=Origin.values, reference=wanted.text)
    rows = rows.select_related("master", "account").order_by("-posted_at", "holder", "-seq")

    def told(entry: Entry) -> Result:
        about = [
            str(entry.get_kind_display()),
            written(entry.amount, entry.master.currency),
            entry.account.name,
            entry.master.name,
            told_moment(entry.posted_at),
        ]
        href = reverse("transaction-detail", args=[entry.master.code, write_key(entry)])
        return Result(entry.reference, " · ".join(dict.fromkeys(about)), href)

    return group(_("Transactions"), few(rows), told)


def transfers(wanted: Wanted) -> Group:
    """By number, or by the reference that its entries bear."""
    rows = Transfer.objects.none()
    if wanted.uuid is not None:
        rows = everywhere(Transfer, key=wanted.uuid)
    elif wanted.number is not None:
        rows = Transfer.objects.filter(pk=wanted.number)
    rows = rows.select_related("source", "destination", "master").order_by("-pk")

    def told(transfer: Transfer) -> Result:
        about = [
            written(transfer.amount, transfer.master.currency),
            f"{transfer.source.name} → {transfer.destination.name}",
            transfer.master.name,
            told_moment(transfer.created_at),
        ]
        title = _("Transfer %(number)d") % {"number": transfer.pk}
        href = reverse("transfer-detail", args=[transfer.master.code, transfer.pk])
        return Result(title, " · ".join(about), href)

    return group(_("Transfers"), few(rows), told)


def holds(wanted: Wanted) -> Group:
    """By reference or id."""
    rows = everywhere(Hold, origin__in=Origin.values, reference=wanted.text)
    if wanted.uuid is not None:
        rows = everywhere(Hold, id=wanted.uuid)
    rows = rows.select_related("master", "account").order_by("-placed_at", "id")

    def told(hold: Hold) -> Result:
        about = [
            written(hold.amount, hold.master.currency),
            str(hold.get_state_display()),
            hold.account.name,
            hold.master.name,
            told_moment(hold.placed_at),
        ]
        href = reverse("subaccount-detail", args=[hold.master.code, hold.account.code])
        if hold.account_id == hold.master_id:
            href = reverse("overview", args=[hold.master.code])
        return Result(hold.reference, " · ".join(dict.fromkeys(about)), href)

    return group(_("Holds"), few(rows), told)


def statements(wanted: Wanted) -> Group:
    """By number, ``2026-000017``."""
    match = _STATEMENT.fullmatch(wanted.text)
    rows: QuerySet[Statement] = Statement.objects.none()
    if match is not None and int(match[1]) < 2**15 and int(match[2]) < 2**31:
        rows = everywhere(Statement, year=int(match[1]), number=int(match[2]))
    rows = rows.select_related("master", "holder").order_by("master__name", "pk")

    def told(statement: Statement) -> Result:
        days = f"{statement.first:%Y-%m-%d} to {statement.last:%Y-%m-%d}"
        about = f"{statement.holder.name} · {statement.master.name} · {days}"
        return Result(statement.name, about, statement.get_absolute_url())

    return group(_("Statements"), few(rows), told)

"""Last month's statements, issued by themselves, so that the list of past months is there."""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta

from django.db import DatabaseError
from django.db.models import Exists, OuterRef

from accounts.models import Account
from billing.models import Balance
from console.days import day_start
from reports.balance_life import stood_before
from reports.models import Statement
from reports.statement_months import month_after
from reports.statements import StatementRefusedError, issue

logger = logging.getLogger(__name__)

DAY = timedelta(days=1)
# On so many first days of a month it is tried: a worker may have been away.
DAYS = 5


def issue_all(now: datetime) -> int:
    """Issue what is missing of last month, in every company in whose zone a month has begun.

    Of each balance that moved in it or was not zero at its end. Returns how many are new; a second
    call, also at the same moment, issues none twice. What fails is logged and left to the next.
    """
    issued = 0
    for company in Account.objects.masters().order_by("pk"):
        today = now.astimezone(company.zone).date()
        if today.day <= DAYS:
            last = today.replace(day=1) - DAY
            issued += _issue_for(company, last.replace(day=1), last)
    return issued


def _issue_for(company: Account, first: date, last: date) -> int:
    """The company's statements of this month that there are not yet."""
    start, end = day_start(first, company.zone), day_start(month_after(first), company.zone)
    there = Statement.objects.filter(
        master=company, holder=OuterRef("account"), first=first, last=last, is_final=True
    )
    missing = Balance.objects.filter(~Exists(there), master=company, last_seq__gt=0)
    issued = 0
    for balance in missing.select_related("account").order_by("account_id"):
        holder = balance.account
        holder.master = company
        before, until = stood_before(holder, [start, end])
        if before.seq == until.seq and not until.balance:
            continue
        try:
            issue(holder=holder, first=first, last=last)
        except StatementRefusedError:
            continue  # It drew on the shared balance all the month.
        except DatabaseError:
            logger.exception("No statement of account %s from %s.", holder.code, first)
            continue
        issued += 1
    return issued

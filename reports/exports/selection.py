"""What is exported: the query string of the transactions page, and how many rows it selects."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db import OperationalError, connection, transaction
from django.db.models import Sum
from django.http import QueryDict
from psycopg.errors import QueryCanceled

from billing.models import DailyTotal
from reports.filters import LOOKS, TransactionFilter
from reports.queries import Scope

# More rows than this are exported in the background.
MOST_AT_ONCE = 5_000
# How long the count may look at entries, where the daily totals do not know it.
PATIENCE = timedelta(seconds=5)


def canonical(query: str, scope: Scope) -> str:
    """The query string without what selects nothing, in one order: kept with the export.

    Keys that the filter does not know are dropped, as the page does.
    """
    given = QueryDict(query)
    known = TransactionFilter(given, scope).form.fields
    pairs = [
        (name, value)
        for name in sorted(known)
        if name not in LOOKS
        for value in sorted(set(given.getlist(name)))
        if value != ""
    ]
    return urlencode(pairs)


def filters_of(query: str, scope: Scope) -> TransactionFilter:
    """The filter of a canonical query string."""
    return TransactionFilter(QueryDict(query), scope)


def narrowed_by(filters: TransactionFilter) -> set[str]:
    """The names of the fields that narrow the selection. The filter must be valid."""
    values: dict[str, Any] = filters.form.cleaned_data
    return {name for name, value in values.items() if value not in (None, "", [], ())} - set(LOOKS)


def count_if_cheap(scope: Scope, filters: TransactionFilter) -> int | None:
    """How many rows a valid filter selects; None where more than MOST_AT_ONCE, or unknown.

    By day, account and kind the daily totals know it exactly, however many there are. For all
    else a few thousand entries are looked at, for PATIENCE at most. Locks nothing.
    """
    if narrowed_by(filters) <= {"date_from", "date_to", "account", "kind"}:
        return _by_daily_totals(scope, filters)
    with transaction.atomic(), connection.cursor() as cursor:
        milliseconds = PATIENCE // timedelta(milliseconds=1)
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
        try:
            with transaction.atomic():
                entries = filters.qs.select_related(None).order_by()
                found = len(entries.values_list("seq")[: MOST_AT_ONCE + 1])
        except OperationalError as error:
            if not isinstance(error.__cause__, QueryCanceled):
                raise
            found = MOST_AT_ONCE + 1
        cursor.execute("SELECT set_config('statement_timeout', '0', true)")
    return found if found <= MOST_AT_ONCE else None


def _by_daily_totals(scope: Scope, filters: TransactionFilter) -> int:
    totals = DailyTotal.objects.filter(master=scope.company)
    if not scope.access.sees_tree:
        totals = totals.filter(account__in=scope.names)
    asked = filters.form.cleaned_data
    if asked.get("date_from"):
        totals = totals.filter(day__gte=asked["date_from"])
    if asked.get("date_to"):
        totals = totals.filter(day__lte=asked["date_to"])
    if asked.get("account"):
        totals = totals.filter(account__in=chosen_accounts(filters))
    if asked.get("kind"):
        totals = totals.filter(kind__in=asked["kind"])
    return int(totals.aggregate(entries=Sum("entries"))["entries"] or 0)


def chosen_accounts(filters: TransactionFilter) -> Collection[int]:
    """The ids of the accounts that a valid filter names; none are all."""
    return [int(account) for account in filters.form.cleaned_data.get("account") or []]

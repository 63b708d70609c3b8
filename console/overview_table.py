"""The overview's table of subaccounts: searched, sorted, and a page of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.core.paginator import EmptyPage, Page, PageNotAnInteger, Paginator
from django.http import Http404, HttpRequest, QueryDict
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from accounts.models import Account
from console.figures import Figures
from console.overview_figures import SPENDING, Line, Tree
from console.overview_notices import ATTENTION
from reports.spending import SPARK_DAYS, last_days
from reports.spending_charts import sparkline

PAGE_SIZE = 25

KEYS: dict[str, Callable[[Line], Any]] = {
    "name": lambda line: line.account.name.casefold(),
    "mode": lambda line: (line.account.is_shared, line.account.name.casefold()),
    "available": lambda line: line.balance.available,
    "spent": lambda line: line.spent,
    "change": lambda line: line.change.order,
}
# Of these the first click asks for the least.
FROM_THE_FIRST = {"name", "mode"}
DEFAULT_SORT = "-spent"


class Column(NamedTuple):
    """A heading that sorts: how it stands now, and what a click asks for."""

    name: str
    label: str | Promise
    direction: str
    next: str


def page_of(request: HttpRequest, tree: Tree) -> dict[str, Any]:
    """The page of the table that the address asks for; an unknown value answers 404."""
    show, query = request.GET.get("show", ""), request.GET.get("q", "").strip()
    sort = request.GET.get("sort", DEFAULT_SORT)
    if show not in {"", ATTENTION} or sort.removeprefix("-") not in KEYS:
        raise Http404
    attention = [line for line in tree.subaccounts if line.needs_attention]
    chosen = attention if show else tree.subaccounts
    if query:
        wanted = query.casefold()
        chosen = [
            line
            for line in chosen
            if wanted in line.account.name.casefold() or wanted in line.account.code
        ]
    page = _page(Paginator(_sorted(chosen, sort), PAGE_SIZE), request.GET.get("page", "1"))
    return {
        "tree": tree,
        "page": page,
        "chosen_count": len(attention) if show else len(tree.subaccounts),
        "spent_figures": Figures([line.spent for line in page], tree.company.decimals),
        "spending": spending(tree.company, tree.month),
        "query": query,
        "show": show,
        "sort": sort,
        "columns": {name: _column(name, label, sort) for name, label in _labels()},
        "attention_count": len(attention),
    }


def _page(paginator: Paginator[Line], number: str) -> Page[Line]:
    """The page with this number; the last one for a number past it, as when rows have gone."""
    try:
        return paginator.page(number)
    except PageNotAnInteger as error:
        raise Http404 from error
    except EmptyPage as error:
        if int(number) < 1:
            raise Http404 from error
        return paginator.page(paginator.num_pages)


def _sorted(lines: list[Line], sort: str) -> list[Line]:
    """The lines in this order. By balance, those without one of their own stand last."""
    key = sort.removeprefix("-")
    last = [line for line in lines if key == "available" and line.account.is_shared]
    first = [line for line in lines if line not in last] if last else lines
    return [*sorted(first, key=KEYS[key], reverse=sort.startswith("-")), *last]


def _labels() -> list[tuple[str, str | Promise]]:
    return [
        ("name", gettext_lazy("Subaccount")),
        ("mode", gettext_lazy("Balance")),
        ("available", gettext_lazy("Available")),
        ("spent", gettext_lazy("Spent")),
        ("change", gettext_lazy("Change")),
    ]


def _column(name: str, label: str | Promise, sort: str) -> Column:
    direction = {name: "ascending", f"-{name}": "descending"}.get(sort, "")
    # Names from A, figures from the largest; a second click turns it round.
    descending = direction == "ascending" if direction else name not in FROM_THE_FIRST
    return Column(name, label, direction, f"-{name}" if descending else name)


def spending(company: Account, month: date) -> str:
    """Where what was spent in the month is listed; ``&account=`` narrows it to one account.

    ``month`` is its first day.
    """
    next_month = (month + timedelta(days=31)).replace(day=1)
    query = QueryDict(mutable=True)
    query["date_from"] = month.isoformat()
    query["date_to"] = (next_month - timedelta(days=1)).isoformat()
    query.setlist("kind", list(SPENDING))
    return f"{reverse('transaction-list', args=[company.code])}?{query.urlencode()}"


def with_sparklines(
    page: Page[Line], days: Mapping[int, Mapping[date, Decimal]], today: date
) -> None:
    """Draw what each row of the page spent on each of the last days; ``days`` is by account."""
    page.object_list = [
        replace(line, spark=sparkline(last_days(days.get(line.account.pk, {}), today, SPARK_DAYS)))
        for line in page.object_list
    ]

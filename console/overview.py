"""The overview: what can still be spent, for how long, and where it went.

The page is made of parts. While it is looked at, it asks for them again every few seconds, with
the tag of what it shows: 304 says that nothing has moved (``console.overview_tag``).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from accounts.access import Access, access_or_404
from accounts.models import Account
from console import chart_section, overview_figures, overview_table, runway_words
from console.chart_section import Asked
from console.htmx import wants_fragment
from console.overview_figures import Line, Tree
from console.overview_movements import Movement, last_movements
from console.overview_notices import notices_of
from console.overview_tag import tag_of
from reports import runway
from reports.spending import POOL, SPARK_DAYS, read_days

ALL, WITHOUT_USAGE = "all", "without-usage"
REFRESH = "overview-refresh"
REFRESH_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page that is replaced when it has changed: the digest tells."""

    name: str
    html: SafeString

    @property
    def id(self) -> str:
        """Its element's."""
        return f"overview-{self.name}"

    @property
    def digest(self) -> str:
        """Of what it shows."""
        return hashlib.sha256(self.html.encode()).hexdigest()[:16]


@require_safe
def overview(request: HttpRequest, company: str) -> HttpResponse:
    """The company at a glance: own balance, runway, chart, subaccounts, last movements.

    Of the subaccounts, ``q`` keeps those with such a name or code, ``show=attention`` those that
    need some; ``sort`` and ``page`` are what they say, and a page past the last is the last.
    ``movements`` is all or without-usage; who sees the tree gets the latter unless there is but
    usage. ``days`` (30, 90, 365) and ``chart=table`` are the chart's. An unknown value is a 404.
    HTMX gets the part that it asks for; or all of them, unless it has them already: 304.
    """
    access = access_or_404(request.user, company)
    now = timezone.now()
    which, chart = request.GET.get("movements", ""), chart_section.asked(request.GET)
    if which not in {"", ALL, WITHOUT_USAGE}:
        raise Http404
    context: dict[str, Any] = {"access": access, "company": access.company}
    target = request.headers.get("HX-Target", "") if wants_fragment(request) else None
    if target is None or target == REFRESH:
        return _whole(request, context, now, which, chart, is_refresh=target == REFRESH)
    tree = overview_figures.read(access, now)
    context["tree"] = tree
    if target == "last-movements":
        context |= _movements(access, tree, now, which)
        return render(request, "console/_last_movements.html", context)
    if target == "chart":
        drawn = _chart(tree, chart)
        if not drawn:
            raise Http404
        return render(request, "console/_chart.html", context | drawn)
    context |= overview_table.page_of(request, tree)
    accounts = [line.account.pk for line in context["page"]]
    days = read_days(access.company, accounts, tree.today - timedelta(days=SPARK_DAYS))
    overview_table.with_sparklines(context["page"], days, tree.today)
    return render(request, "console/_subaccount_table.html", context)


def _whole(
    request: HttpRequest,
    context: dict[str, Any],
    now: datetime,
    which: str,
    chart: Asked,
    *,
    is_refresh: bool,
) -> HttpResponse:
    """The page, or its parts for one that is open: 304 when it shows them already."""
    access: Access = context["access"]
    today = overview_figures.local_day(access.company, now)
    # Before the figures: whatever moves while they are read has another tag.
    tag = tag_of(request, access, now, today)
    clock = {
        "day": overview_figures.day_in_full(today),
        "time": overview_figures.clock(access.company, now),
    }
    response = get_conditional_response(request, etag=tag) if is_refresh else None
    if response is None:
        tree = overview_figures.read(access, now)
        context |= {"tree": tree, "alone": _alone(tree), "month": tree.month}
        context["top_up"] = _top_up(access, tree)
        context |= overview_table.page_of(request, tree)
        context |= _days(context)
        context |= _chart(tree, chart) | _movements(access, tree, now, which)
        context["notices"] = notices_of(access, tree)
        context["parts"] = _parts(request, context)
        context |= {"tag": tag, "clock": clock, "refresh": REFRESH, "every": REFRESH_SECONDS}
        template = "console/_overview_parts.html" if is_refresh else "console/overview.html"
        response = render(request, template, context)
    response.headers["ETag"] = tag
    response.headers["X-As-Of"] = json.dumps(clock)
    return response


def _parts(request: HttpRequest, context: dict[str, Any]) -> dict[str, Part]:
    """The parts of the page by name. Those that the person does not have are empty."""
    templates = {"notices": "_notices", "hero": "_hero", "movements": "_last_movements"}
    if "balance_chart" in context or "spending_chart" in context:
        templates["chart"] = "_chart"
    if not context["alone"]:
        templates["table"] = "_subaccount_table"
    return {
        name: Part(
            name,
            # The template's own output.
            mark_safe(render_to_string(f"console/{template}.html", context, request)),  # noqa: S308
        )
        for name, template in templates.items()
    }


def _movements(access: Access, tree: Tree, now: datetime, which: str) -> dict[str, Any]:
    """The last movements that the address asks for, and which they are.

    A company's usage would hide its payments and transfers: unless asked for, it is left out.
    """
    movements: list[Movement] = []
    if which == WITHOUT_USAGE or (not which and access.sees_tree):
        movements = last_movements(access, tree, now, without_usage=True)
        which = which or (WITHOUT_USAGE if movements else "")
    if which != WITHOUT_USAGE:
        movements = last_movements(access, tree, now, without_usage=False)
    return {"movements": movements, "without_usage": which == WITHOUT_USAGE}


def _alone(tree: Tree) -> Line | None:
    """The one account of a person who sees no other: it gets the page's large figure."""
    if tree.master is None and len(tree.subaccounts) == 1:
        return tree.subaccounts[0]
    return None


def _top_up(access: Access, tree: Tree) -> Account | None:
    """The account that the page's button tops up: the first that the person may; None for none."""
    lines = [tree.master] if tree.master else []
    found = (line.account for line in [*lines, *tree.subaccounts])
    return next((account for account in found if access.can_top_up(account)), None)


def _chart(tree: Tree, wanted: Asked) -> dict[str, Any]:
    """The chart of the account with the large figure, where there is one; one query."""
    line = tree.master or _alone(tree)
    if line is None:
        return {}
    return chart_section.chart_of(line.balance, tree.company, tree.today, wanted)


def _days(context: dict[str, Any]) -> dict[str, Any]:
    """The sparklines of the page's rows, and the runway of the large figure; one query."""
    tree: Tree = context["tree"]
    line = tree.master or context["alone"]
    accounts = [each.account.pk for each in context["page"]]
    first = tree.today - timedelta(days=runway.LOOK_BACK)
    days = read_days(tree.company, accounts, first, pool=tree.drawing if tree.master else ())
    overview_table.with_sparklines(context["page"], days, tree.today)
    if line is None or line.account.is_shared or line.state not in {"active", "low"}:
        return {"runway": None}
    spent = days.get(POOL if tree.master else line.account.pk, {})
    since = timezone.localtime(line.account.created_at, tree.company.zone).date()
    found = runway.project(line.balance.available, spent, today=tree.today, since=since)
    return {"runway": runway_words.words(found)}

"""The overview: what can still be spent, and where it went this month."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.core.paginator import EmptyPage, Page, PageNotAnInteger, Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from accounts.access import Access, access_or_404
from accounts.models import Account
from console import money, overview_figures
from console.figures import Figures
from console.htmx import render_page_or_fragment, wants_fragment
from console.overview_figures import SPENDING, Line, Movement, Tree

PAGE_SIZE = 25
# As many accounts in the same trouble have a notice each; more have one together.
NAMED = 2
ATTENTION = "attention"
ALL, WITHOUT_USAGE = "all", "without-usage"

KEYS: dict[str, Callable[[Line], Any]] = {
    "name": lambda line: line.account.name.casefold(),
    "available": lambda line: line.balance.available,
    "spent": lambda line: line.spent,
}
DEFAULT_SORT = "-spent"


class Column(NamedTuple):
    """A heading that sorts: how it stands now, and what a click asks for."""

    name: str
    label: str | Promise
    direction: str
    next: str


class Notice(NamedTuple):
    """Something to act on, in plain words."""

    kind: str
    title: str
    text: str
    href: str = ""
    action: str = ""


@require_safe
def overview(request: HttpRequest, company: str) -> HttpResponse:
    """The company at a glance: own balance, subaccounts, last movements.

    Of the subaccounts, ``q`` keeps those with such a name or code, ``show=attention`` those that
    need some; ``sort`` and ``page`` are what they say, and a page past the last is the last.
    ``movements`` is all or without-usage; who sees the tree gets the latter unless there is but
    usage. An unknown value answers 404. HTMX gets the table of subaccounts alone, or the
    movements.
    """
    access = access_or_404(request.user, company)
    now = timezone.now()
    which = request.GET.get("movements", "")
    if which not in {"", ALL, WITHOUT_USAGE}:
        raise Http404
    tree = overview_figures.read(access, now)
    context = {"access": access, "company": access.company, "tree": tree}
    if wants_fragment(request) and request.headers.get("HX-Target") == "last-movements":
        context |= _movements(access, tree, now, which)
        return render(request, "console/_last_movements.html", context)
    context |= _subaccounts(request, tree)
    if not wants_fragment(request):
        context |= {
            "today": overview_figures.today(access.company, now),
            "alone": _alone(tree),
            "notices": _notices(access, tree),
        }
        context |= _movements(access, tree, now, which)
    return render_page_or_fragment(
        request, "console/overview.html", "console/_subaccount_table.html", context
    )


def _movements(access: Access, tree: Tree, now: datetime, which: str) -> dict[str, Any]:
    """The last movements that the address asks for, and which they are.

    A company's usage would hide its payments and transfers: unless asked for, it is left out.
    """
    movements: list[Movement] = []
    if which == WITHOUT_USAGE or (not which and access.sees_tree):
        movements = overview_figures.last_movements(access, tree, now, without_usage=True)
        which = which or (WITHOUT_USAGE if movements else "")
    if which != WITHOUT_USAGE:
        movements = overview_figures.last_movements(access, tree, now, without_usage=False)
    return {"movements": movements, "without_usage": which == WITHOUT_USAGE}


def _alone(tree: Tree) -> Line | None:
    """The one account of a person who sees no other: it gets the page's large figure."""
    if tree.master is None and len(tree.subaccounts) == 1:
        return tree.subaccounts[0]
    return None


def _subaccounts(request: HttpRequest, tree: Tree) -> dict[str, Any]:
    """The page of the table that the address asks for."""
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


def _sorted(lines: list[Line], sort: str) -> list[Line]:
    """The lines in this order. By balance, those without one of their own stand last."""
    key = sort.removeprefix("-")
    last = [line for line in lines if key == "available" and line.account.is_shared]
    first = [line for line in lines if line not in last] if last else lines
    return [*sorted(first, key=KEYS[key], reverse=sort.startswith("-")), *last]


def _labels() -> list[tuple[str, str | Promise]]:
    return [
        ("name", gettext_lazy("Subaccount")),
        ("available", gettext_lazy("Available")),
        ("spent", gettext_lazy("Spent")),
    ]


def _column(name: str, label: str | Promise, sort: str) -> Column:
    direction = {name: "ascending", f"-{name}": "descending"}.get(sort, "")
    # Names from A, figures from the largest; a second click turns it round.
    descending = direction == "ascending" if direction else name != "name"
    return Column(name, label, direction, f"-{name}" if descending else name)


def _notices(access: Access, tree: Tree) -> list[Notice]:
    """What to act on, gravest first: the master account, then the subaccounts."""
    company = access.company
    notices = []
    if tree.master and tree.master.needs_attention:
        notices.append(_about_master(company, tree.master))
    for state in ("suspended", "restricted", "low"):
        lines = [line for line in tree.subaccounts if line.state == state and line.needs_attention]
        if state == "suspended" and tree.master and tree.master.state == state:
            continue  # With its company, which has been said.
        if len(lines) > NAMED:
            notices.append(_about_many(company, state, len(lines)))
        else:
            notices += [_about_one(access, line) for line in lines]
    return notices


def _about_master(company: Account, line: Line) -> Notice:
    if line.state == "suspended":
        return Notice(
            "danger",
            _("%(name)s is suspended.") % {"name": company.name},
            _("No account of the company can send until it is restored. Its credit stays."),
        )
    if line.state == "restricted":
        fresh = line.balance.last_seq == 0
        title = _("There is nothing to spend yet.") if fresh else _("Your balance is used up.")
        return Notice("danger", title, _used_up(company, line))
    return Notice(
        "warning",
        _("Your balance is running low."),
        _("You can spend %(amount)s more before messages stop.")
        % {"amount": _money(line.balance.available, company)},
    )


def _about_one(access: Access, line: Line) -> Notice:
    company, names = access.company, {"name": line.account.name}
    offer, ask = {}, ""
    if access.can_transfer:
        new = reverse("transfer-new", args=[company.code])
        offer = {"href": f"{new}?to={line.account.pk}", "action": _("Transfer credit")}
    elif not access.user.is_staff:
        ask = _ask(company)
    if line.state == "suspended":
        return Notice(
            "danger",
            _("%(name)s is suspended.") % names,
            _("It can send nothing until it is restored. Its credit stays."),
        )
    if line.state == "restricted":
        title = _("%(name)s has nothing to spend.") % names
        return Notice("danger", title, _sentences(_used_up(company, line), ask), **offer)
    return Notice(
        "warning",
        _("%(name)s is running low.") % names,
        _sentences(
            _("It can spend %(amount)s more before its messages stop.")
            % {"amount": _money(line.balance.available, company)},
            ask,
        ),
        **offer,
    )


def _ask(company: Account) -> str:
    return _("Ask an admin of %(company)s to transfer credit.") % {"company": company.name}


def _sentences(*sentences: str) -> str:
    """What is said of them, one after the other."""
    return " ".join(filter(None, sentences))


def _about_many(company: Account, state: str, count: int) -> Notice:
    counted = {
        "suspended": ngettext(
            "%(count)d subaccount is suspended.", "%(count)d subaccounts are suspended.", count
        ),
        "restricted": ngettext(
            "%(count)d subaccount has nothing to spend.",
            "%(count)d subaccounts have nothing to spend.",
            count,
        ),
        "low": ngettext(
            "%(count)d subaccount is running low.", "%(count)d subaccounts are running low.", count
        ),
    }
    then = {
        "suspended": _("They can send nothing until they are restored."),
        "restricted": _("Their messages stop until they receive credit."),
        "low": _("Their messages will stop soon."),
    }
    return Notice(
        "warning" if state == "low" else "danger",
        counted[state] % {"count": count},
        then[state],
        f"{reverse('overview', args=[company.code])}?show={ATTENTION}#subaccount-table",
        _("Show them"),
    )


def _used_up(company: Account, line: Line) -> str:
    if line.past_limit:
        return _(
            "Messages are refused until it receives more than the %(amount)s by which it is past"
            " its limit."
        ) % {"amount": _money(line.past_limit, company)}
    return _("Messages are refused until it receives credit.")


def _money(amount: Decimal, company: Account) -> str:
    """An amount in a sentence, rounded down: EGP 1,650.50."""
    return f"{company.currency} {money.format_down(amount, company.decimals)}"

"""GET .../balance and .../subaccounts: what may still be spent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from django.http import HttpRequest, HttpResponse

from billing import caps
from billing.api import fields, past, places
from billing.api.auth import bearer_of
from billing.api.bodies import JSON
from billing.api.places import Place
from billing.api.problems import FieldError, invalid
from billing.caps import CapUse, Usage

MOST_ACCOUNTS = 1_000


def balance(request: HttpRequest, master: str, account: str) -> HttpResponse:
    """The balance that the account draws on: two queries, the key's among them.

    A third one where the account has a spending cap. ``at`` asks how it stood then: three
    queries. Before it was opened there is none (422).
    """
    fields.check_query(request, "at")
    at = past.read_moment(request)
    place = places.find_place(bearer_of(request), master, account)
    if at is not None:
        found = past.balances(place.company, [place], at)
        if not found:
            raise invalid(FieldError("at", "The account had not been opened then."))
        del found[0]["name"]
        return HttpResponse(orjson.dumps(found[0]), content_type=JSON)
    [document] = _balances([place])
    return HttpResponse(orjson.dumps(document), content_type=JSON)


def subaccounts(request: HttpRequest, master: str) -> HttpResponse:
    """The subaccounts with their balances, by code; ``next`` continues, None at the end.

    ``at`` asks how they stood then; those that had not been opened are left out.
    """
    fields.check_query(request, "after", "limit", "at")
    at = past.read_moment(request)
    after = request.GET.get("after", "")
    if after and not places.is_code(after):
        raise invalid(FieldError("after", "This is the code of an account."))
    limit = fields.query_number(request, "limit", default=100, least=1, most=MOST_ACCOUNTS)
    company = places.find_company(bearer_of(request), master)
    # One more than is shown tells whether there are more.
    found = places.list_subaccounts(company, after=after, limit=limit + 1)
    shown = found[:limit]
    document = {
        "subaccounts": [
            {"name": place.name, **document}
            for place, document in zip(shown, _balances(shown), strict=True)
        ]
        if at is None
        else past.balances(company, shown, at),
        "next": shown[-1].code if len(found) > limit else None,
    }
    return HttpResponse(orjson.dumps(document), content_type=JSON)


def _balances(shown: Sequence[Place]) -> list[dict[str, Any]]:
    """What is answered of each; one query if any of them has a spending cap."""
    capped = [place.id for place in shown if place.cap is not None]
    if not capped:
        return [_balance(place, None) for place in shown]
    company = shown[0].company
    usage = caps.usage_of(company.id, ZoneInfo(company.time_zone), capped)
    return [_balance(place, usage.get(place.id)) for place in shown]


def _balance(place: Place, usage: Usage | None) -> dict[str, Any]:
    available = place.available
    return {
        "account": place.code,
        "holder": place.holder_code,
        "mode": place.mode,
        "state": place.state,
        "currency": place.company.currency,
        "credit": f"{place.credit:.6f}",
        "credit_limit": f"{place.credit_limit:.6f}",
        "on_hold": f"{place.on_hold:.6f}",
        "available": f"{available:.6f}",
        "restricted": available <= 0,
        "spending_cap": _cap(place, usage),
    }


def _cap(place: Place, usage: Usage | None) -> dict[str, Any] | None:
    """What the account may spend this month; None where it has no cap."""
    if place.cap is None or usage is None:
        return None
    use = CapUse(place.cap, place.cap_is_hard, *usage)
    return {
        "amount": f"{use.cap:.6f}",
        "hard": use.is_hard,
        "spent": f"{use.spent:.6f}",
        "on_hold": f"{use.held:.6f}",
        "left": f"{use.left:.6f}",
    }

"""GET .../balance and .../subaccounts: what may still be spent."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from billing.api import fields, places
from billing.api.auth import bearer_of
from billing.api.bodies import JSON
from billing.api.places import Place
from billing.api.problems import FieldError, invalid

MOST_ACCOUNTS = 1_000


def balance(request: HttpRequest, master: str, account: str) -> HttpResponse:
    """The balance that the account draws on: two queries, the key's among them."""
    fields.check_query(request)
    place = places.find_place(bearer_of(request), master, account)
    return HttpResponse(orjson.dumps(_balance(place)), content_type=JSON)


def subaccounts(request: HttpRequest, master: str) -> HttpResponse:
    """The subaccounts with their balances, by code; ``next`` continues, None at the end."""
    fields.check_query(request, "after", "limit")
    after = request.GET.get("after", "")
    if after and not places.is_code(after):
        raise invalid(FieldError("after", "This is the code of an account."))
    limit = fields.query_number(request, "limit", default=100, least=1, most=MOST_ACCOUNTS)
    company = places.find_company(bearer_of(request), master)
    # One more than is shown tells whether there are more.
    found = places.list_subaccounts(company, after=after, limit=limit + 1)
    shown = found[:limit]
    document = {
        "subaccounts": [{"name": place.name, **_balance(place)} for place in shown],
        "next": shown[-1].code if len(found) > limit else None,
    }
    return HttpResponse(orjson.dumps(document), content_type=JSON)


def _balance(place: Place) -> dict[str, Any]:
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
    }

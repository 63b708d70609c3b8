"""Balances as of a past moment: what ``?at=`` asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest

from accounts.models import State
from billing.api import fields
from billing.api.places import Company, Place
from billing.api.problems import FieldError, invalid
from billing.as_of import balances_at


def read_moment(request: HttpRequest) -> datetime | None:
    """The moment that ``at`` asks for, None without it. Raises Problem (422)."""
    text = request.GET.get("at")
    if text is None:
        return None
    try:
        moment = fields.occurred_at(text)
    except ValueError as error:
        # The plus of an offset, not encoded, arrives as a space.
        hint = " In an address the + of an offset is written %2B." if " " in text else ""
        raise invalid(FieldError("at", f"{error}{hint}")) from None
    if moment > datetime.now(UTC):
        raise invalid(FieldError("at", "This moment has not come yet."))
    return moment


def balances(company: Company, places: Sequence[Place], at: datetime) -> list[dict[str, Any]]:
    """What these accounts could spend then, but for those that had not been opened. One query."""
    asked = {place.id for place in places}
    found = balances_at(master=company.id, accounts=asked | {company.id}, moment=at)
    documents = []
    for place in places:
        then = found.get(place.id)
        if then is None or company.id not in found:
            continue
        state = then.state if then.state != State.ACTIVE else found[company.id].state
        documents.append(
            {
                "account": place.code,
                "name": place.name,
                "holder": place.code if then.is_own else company.code,
                "mode": then.mode,
                "state": state,
                "currency": company.currency,
                "credit": f"{then.credit:.6f}",
                "credit_limit": f"{then.credit_limit:.6f}",
                "on_hold": f"{then.on_hold:.6f}",
                "available": f"{then.available:.6f}",
                "restricted": then.available <= 0,
                "at": at.isoformat(),
            }
        )
    return documents

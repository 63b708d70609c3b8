"""Holds: reserve credit, look at it, capture it, give it back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse

from accounts.models import Account
from billing import holds
from billing.api import bodies, fields, places
from billing.api.auth import bearer_of
from billing.api.bodies import JSON
from billing.api.charges import REPLAYED, answer, moment, refused
from billing.api.places import Company
from billing.api.problems import FieldError, invalid, not_found
from billing.ledger import Status
from billing.models import Hold

READERS: dict[str, Any] = {
    "amount": fields.amount,
    "expires_in": fields.expires_in,
    "description": fields.description,
    "occurred_at": fields.occurred_at,
    "final": fields.boolean,
}


def place_hold(request: HttpRequest, master: str, account: str) -> HttpResponse:
    """Reserve credit: 201, or 200 with the hold as it is now when it was placed already.

    It counts as on hold until it is captured, released or past its time. Raises Problem.
    """
    fields.check_query(request)
    place = places.find_place(bearer_of(request), master, account)
    reference = fields.idempotency_key(request)
    asked = _read(request, "amount", "expires_in", "description", required="amount")
    outcome = holds.hold(
        account=Account(pk=place.id, master_id=place.company.id, code=place.code),
        reference=reference,
        **asked,
    )
    if outcome.hold is None:
        assert outcome.refusal is not None  # noqa: S101 - one of the two is there
        raise refused(outcome.refusal, place.company, place.code)
    replayed = outcome.status is Status.REPLAYED
    return HttpResponse(
        orjson.dumps(_hold(outcome.hold, place.company, place.code)),
        status=200 if replayed else 201,
        content_type=JSON,
        headers={REPLAYED: "true"} if replayed else {},
    )


def hold(request: HttpRequest, master: str, hold: UUID) -> HttpResponse:
    """The hold as it is now. Raises Problem."""
    fields.check_query(request)
    company = places.find_company(bearer_of(request), master)
    return _answer(_find(company, hold), company)


def capture_hold(request: HttpRequest, master: str, hold: UUID) -> HttpResponse:
    """Turn reserved credit into usage: 201, or 200 when it was in the books already.

    Without an amount, as in ``{}``, it takes all that remains. A hold may be captured in parts;
    the last of it, or a part that is final, ends it and gives the rest back. Raises Problem.
    """
    fields.check_query(request)
    company = places.find_company(bearer_of(request), master)
    reference = fields.idempotency_key(request)
    asked = _read(request, "amount", "final", "description", "occurred_at")
    found = _find(company, hold)
    outcome = holds.capture(
        master=company.id,
        hold=hold,
        reference=reference,
        amount=asked.get("amount"),
        final=asked.get("final", False),
        description=asked.get("description", ""),
        at=asked.get("occurred_at"),
    )
    return answer(outcome, company, found.account.code)


def release_hold(request: HttpRequest, master: str, hold: UUID) -> HttpResponse:
    """Give back what remains of the hold: 200 with the hold as it is then, also a second time.

    A hold that ended otherwise stays as it is. Raises Problem.
    """
    fields.check_query(request)
    company = places.find_company(bearer_of(request), master)
    _read(request, may_be_empty=True)
    _find(company, hold)
    released = holds.release(master=company.id, hold=hold)
    return _answer(released, company)


def _read(
    request: HttpRequest, *known: str, required: str = "", may_be_empty: bool = False
) -> dict[str, Any]:
    """The fields of the body, each by its reader. Raises Problem."""
    body = bodies.read_object(request, known, may_be_empty=may_be_empty)
    found: dict[str, Any] = {}
    errors = []
    if required and required not in body:
        errors.append(FieldError(required, "This field is missing."))
    for name, value in body.items():
        try:
            found[name] = READERS[name](value)
        except ValueError as error:
            errors.append(FieldError(name, str(error)))
    if errors:
        raise invalid(*errors)
    return found


def _find(company: Company, hold: UUID) -> Hold:
    found = Hold.objects.select_related("account").filter(master=company.id, id=hold).first()
    if found is None:
        raise not_found()
    return found


def _answer(found: Hold, company: Company) -> HttpResponse:
    document = _hold(found, company, found.account.code)
    return HttpResponse(orjson.dumps(document), content_type=JSON)


def _hold(found: Hold, company: Company, account: str) -> dict[str, Any]:
    return {
        "id": str(found.id),
        "reference": found.reference,
        "account": account,
        "holder": company.code if found.holder_id == company.id else account,
        "currency": company.currency,
        "amount": f"{found.amount:.6f}",
        "captured": f"{found.captured:.6f}",
        "remaining": f"{found.remaining:.6f}",
        "state": found.state,
        "description": found.description,
        "placed_at": moment(found.placed_at),
        "expires_at": moment(found.expires_at),
        "ended_at": None if found.ended_at is None else moment(found.ended_at),
    }

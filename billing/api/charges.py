"""POST .../charges: one charge, and up to 5,000 at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from accounts.models import Scope
from billing.api import bodies, fields, places, problems, rows
from billing.api.auth import bearer_of, require
from billing.api.bodies import JSON, NDJSON
from billing.api.places import Company
from billing.api.problems import Problem
from billing.api.rows import Errors
from billing.charges import Charge, charge_many
from billing.ledger import Outcome, Status
from billing.refusals import InsufficientBalance, Refused

REPLAYED = "Idempotent-Replayed"
BODY = {"amount", *rows.OPTIONAL}


def charge_one(request: HttpRequest, master: str, account: str) -> HttpResponse:
    """Charge one usage: 201, or 200 when it was in the books already. Raises Problem."""
    fields.check_query(request)
    place = places.find_place(bearer_of(request), master, account)
    reference = fields.idempotency_key(request)
    found = bodies.read_object(request, BODY)
    row = {**found, "reference": reference, "account": place.code}
    charge = rows.read_charge(row, {place.code: place.id})
    if isinstance(charge, list):
        raise problems.invalid(*charge)
    if not charge.enforce_limit:
        require(bearer_of(request), Scope.CHARGES_PAST_LIMIT)
    [outcome] = charge_many(master=place.company.id, charges=[charge])
    return answer(outcome, place.company, place.code)


def charge_batch(request: HttpRequest, master: str) -> HttpResponse:
    """Charge up to 5,000 usages, decided one after the other: 200 with a result for each.

    All that is accepted was committed together before the answer begins. Raises Problem.
    """
    fields.check_query(request)
    company = places.find_company(bearer_of(request), master)
    kind = bodies.check_content_type(request, [JSON, NDJSON])
    raw = bodies.read_bytes(request, rows.MOST_BYTES)
    asked = rows.read_lines(raw) if kind == NDJSON else rows.read_list(raw)
    # Without the scope nothing of the batch is posted: half of it is not what was asked for.
    if any(type(row) is dict and row.get("enforce_limit") is False for row in asked):
        require(bearer_of(request), Scope.CHARGES_PAST_LIMIT)

    accounts = places.find_ids(company, rows.accounts_of(asked))
    read = [rows.read_charge(row, accounts) for row in asked]
    charges = [each for each in read if type(each) is Charge]
    outcomes = charge_many(master=company.id, charges=charges)
    results = _results(asked, read, outcomes, company)
    if kind == NDJSON:
        lines = (orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE) for result in results)
        return HttpResponse(b"".join(lines), content_type=NDJSON)
    return HttpResponse(orjson.dumps({"results": list(results)}), content_type=JSON)


def answer(outcome: Outcome, company: Company, account: str) -> HttpResponse:
    """201 or 200 with what was written for the account. Raises Problem for a refusal."""
    if outcome.refusal is not None:
        raise refused(outcome.refusal, company, account)
    [row] = outcome.rows
    replayed = outcome.status is Status.REPLAYED
    document = {
        "status": outcome.status.value,
        "reference": row.reference,
        "account": account,
        "holder": company.code if row.holder_id == company.id else account,
        "amount": f"{-row.amount:.6f}",
        "currency": company.currency,
        "seq": row.seq,
        "balance_after": f"{row.balance_after:.6f}",
        "posted_at": moment(row.posted_at),
    }
    return HttpResponse(
        orjson.dumps(document),
        status=200 if replayed else 201,
        content_type=JSON,
        headers={REPLAYED: "true"} if replayed else {},
    )


def refused(refusal: Refused, company: Company, account: str) -> Problem:
    """The problem of a refusal, with its figures."""
    figures = problems.figures_of(refusal)
    if isinstance(refusal, InsufficientBalance):
        # Only here the account that the refusal turns on is the one whose balance it is.
        figures["holder"] = company.code if refusal.account == company.id else account
    return Problem(
        problems.OF_REFUSALS.get(refusal.code, "refused"),
        refusal.message,
        account=account,
        currency=company.currency,
        **figures,
    )


# The entries of one posting share their moment.
@lru_cache(maxsize=256)
def moment(at: datetime) -> str:
    """A moment as the API writes it: in UTC, ending in Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _results(
    asked: Sequence[Any],
    read: Sequence[Charge | Errors],
    outcomes: Sequence[Outcome],
    company: Company,
) -> Iterator[dict[str, Any]]:
    """What became of each row, in their order."""
    posted = iter(outcomes)
    master, code = company.id, company.code
    for row, charge in zip(asked, read, strict=True):
        if isinstance(charge, list):
            yield _invalid(row, charge)
            continue
        outcome = next(posted)
        if outcome.refusal is not None:
            yield _refused(row, outcome.status, outcome.refusal)
            continue
        entry = outcome.rows[0]
        yield {
            "status": outcome.status._value_,  # the same as .value, which is slow
            "reference": charge.reference,
            "account": row["account"],
            "holder": code if entry.holder_id == master else row["account"],
            "seq": entry.seq,
            # It has six decimals, as the column has; to ask for them takes four times as long.
            "balance_after": str(entry.balance_after),
            "posted_at": moment(entry.posted_at),
        }


def _refused(row: dict[str, Any], status: Status, refusal: Refused) -> dict[str, Any]:
    return {
        "status": status.value,
        "reference": row["reference"],
        "account": row["account"],
        "code": refusal.code,
        "type": problems.BASE + problems.OF_REFUSALS.get(refusal.code, "refused"),
        "detail": refusal.message,
        **problems.figures_of(refusal),
    }


def _invalid(row: Any, errors: Errors) -> dict[str, Any]:
    result: dict[str, Any] = {"status": "invalid"}
    # Whatever was sent as the two names, if it can be said at all.
    for name in ("reference", "account"):
        value = row.get(name) if isinstance(row, dict) else None
        if isinstance(value, str):
            result[name] = value[:200]
    return result | {"errors": [error._asdict() for error in errors]}

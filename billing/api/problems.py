"""Problem documents (RFC 9457): every error of the API, with a type that explains itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple

import orjson
from django.http import HttpRequest, HttpResponse

from billing.refusals import CapReached, HoldEnded, InsufficientBalance, MoreThanHeld, Refused

BASE = "/api/v1/problems/"
MEDIA_TYPE = "application/problem+json"
# Of one body, or one row of a batch.
MOST_ERRORS = 5


class Type(NamedTuple):
    """A kind of problem: its status, a title, and what a client should do about it."""

    status: int
    title: str
    explanation: str


TYPES = {
    "bad-request": Type(
        400,
        "The request is not understood",
        "The request broke off, names a foreign host, or is no HTTP that makes sense here.",
    ),
    "unauthenticated": Type(
        401,
        "A valid key is needed",
        "Send 'Authorization: Bearer <key>'. The key is missing, malformed, unknown or revoked;"
        " the answer is the same for all of them.",
    ),
    "insufficient-balance": Type(
        402,
        "The available balance is too low",
        "Nothing was written, and the reference is still free: send the same request again when"
        " there is more credit. 'available' is what may still be spent, 'short_by' what is"
        " missing, 'holder' the account whose balance it is.",
    ),
    "spending-cap": Type(
        402,
        "The spending cap of the month is reached",
        "Nothing was written, and the reference is still free. The account may spend 'cap' in a"
        " calendar month of its company; 'used' of it is spent or on hold, 'left' what may still"
        " be spent, 'short_by' what is missing. More credit does not help: send the same request"
        " again next month, or when an admin of the company has raised the cap.",
    ),
    "scope-missing": Type(
        403,
        "The key is not good for this",
        "The key is valid, but 'scope' is not among its scopes. Ask for a key that has it.",
    ),
    "https-required": Type(
        403,
        "HTTPS is required",
        "The request came over plain HTTP, and whatever it carried could be read on the way."
        " Nothing was done. Revoke the key, make a new one, and send it to https://.",
    ),
    "not-found": Type(
        404,
        "There is nothing here",
        "There is no such path, account or hold; or there is one, and the key is not for it.",
    ),
    "method-not-allowed": Type(
        405,
        "The method is not known here",
        "The header 'Allow' lists the methods of this path.",
    ),
    "reference-conflict": Type(
        409,
        "The reference was used for something else",
        "A reference names one posting for ever. It stands in the books with another account or"
        " amount, so nothing was written. Find out which of the two is right; a new posting needs"
        " a new reference.",
    ),
    "account-suspended": Type(
        409,
        "The account is suspended",
        "The account or its company was suspended by hand. Nothing was written; the same request"
        " may be sent again when it is restored.",
    ),
    "account-closed": Type(
        409,
        "The account is closed",
        "The account is closed for good. Nothing was written.",
    ),
    "balance-too-large": Type(
        409,
        "The balance would not fit into the books",
        "The balance would have more digits than the ledger keeps. Nothing was written.",
    ),
    "hold-ended": Type(
        409,
        "The hold has ended",
        "'state' says how: captured, released or expired. What it held is free again; charge the"
        " usage instead.",
    ),
    "more-than-held": Type(
        409,
        "More is asked for than is held",
        "'remaining' is what the hold still holds. Capture at most that and charge the rest.",
    ),
    "refused": Type(409, "It was refused", "'detail' says why. Nothing was written."),
    "too-large": Type(
        413,
        "The request is too large",
        "Nothing was written. Send it in smaller parts; 'limit' is how much is taken at once.",
    ),
    "unsupported-media-type": Type(
        415,
        "The content type is not understood",
        "Bodies are application/json in UTF-8, batches of charges application/x-ndjson, too.",
    ),
    "malformed": Type(
        422,
        "The body cannot be read",
        "The body as a whole is not JSON of the right form. Nothing was written.",
    ),
    "invalid": Type(
        422,
        "A field is not valid",
        "'errors' lists the fields and what is wrong with them, at most five, and then how many"
        " more there are. Nothing was written.",
    ),
    "too-many-requests": Type(
        429,
        "Too many requests",
        "Wait for as many seconds as the header 'Retry-After' says. Many charges go into one"
        " request: a batch counts once.",
    ),
    "internal-error": Type(
        500,
        "Something is wrong on our side",
        "It is logged. Send the same request with the same reference again: it happens once.",
    ),
    "try-again": Type(
        503,
        "Busy: try again",
        "The account was being changed, or the database could not answer in time. Wait for as"
        " many seconds as 'Retry-After' says and send the same request with the same reference:"
        " it happens once.",
    ),
}

# The refusals of billing by their code.
OF_REFUSALS = {
    "insufficient_balance": "insufficient-balance",
    "spending_cap": "spending-cap",
    "conflict": "reference-conflict",
    "suspended": "account-suspended",
    "closed": "account-closed",
    "too_large": "balance-too-large",
    "hold_ended": "hold-ended",
    "more_than_held": "more-than-held",
}


class Problem(Exception):
    """Raised anywhere in the API; answered as a problem document.

    ``slug`` is a key of TYPES, ``detail`` a sentence about this very request, ``figures`` whatever
    else a program should know.
    """

    def __init__(
        self,
        slug: str,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **figures: Any,
    ) -> None:
        super().__init__(slug, detail)
        self.slug = slug
        self.detail = detail
        self.headers = headers
        self.figures = figures


class FieldError(NamedTuple):
    """One field that is not valid, and why."""

    field: str
    message: str


def invalid(*errors: FieldError) -> Problem:
    """The problem of fields that are not valid; its ``detail`` is about the first of them."""
    told = few(errors)
    detail = told[0].message + (" See 'errors' for the others." if len(told) > 1 else "")
    return Problem("invalid", detail, errors=[error._asdict() for error in told])


def few(errors: Iterable[FieldError]) -> list[FieldError]:
    """The first errors, and how many more there are.

    A body of unknown fields must not be answered with one several times as large; nor is more
    than these kept of a generator.
    """
    found = iter(errors)
    told = list(islice(found, MOST_ERRORS))
    more = sum(1 for _ in found)
    return [*told, FieldError("", f"And {more:,} more.")] if more else told


def not_found() -> Problem:
    """The one answer for what is not there and for what the key may not see."""
    return Problem("not-found", "There is nothing here, or the key is not for it.")


def figures_of(refusal: Refused) -> dict[str, Any]:
    """The figures of a refusal, beside its sentence."""
    if isinstance(refusal, InsufficientBalance):
        return {"available": f"{refusal.available:.6f}", "short_by": f"{refusal.short_by:.6f}"}
    if isinstance(refusal, CapReached):
        return {
            "cap": f"{refusal.cap:.6f}",
            "used": f"{refusal.used:.6f}",
            "left": f"{refusal.left:.6f}",
            "short_by": f"{refusal.short_by:.6f}",
        }
    if isinstance(refusal, MoreThanHeld):
        return {"remaining": f"{refusal.remaining:.6f}", "asked": f"{refusal.asked:.6f}"}
    return {"state": refusal.state.value} if isinstance(refusal, HoldEnded) else {}


def answer(problem: Problem) -> HttpResponse:
    """The problem document."""
    kind = TYPES[problem.slug]
    document = {
        "type": BASE + problem.slug,
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail or kind.explanation,
        **problem.figures,
    }
    return HttpResponse(
        orjson.dumps(document),
        status=kind.status,
        content_type=MEDIA_TYPE,
        headers=dict(problem.headers or {}),
    )


def explain(request: HttpRequest, slug: str) -> HttpResponse:
    """What a type of problem means: the page that its ``type`` leads to."""
    kind = TYPES.get(slug)
    if kind is None:
        raise not_found()
    document = {
        "type": BASE + slug,
        "title": kind.title,
        "status": kind.status,
        "explanation": kind.explanation,
    }
    return HttpResponse(orjson.dumps(document), content_type="application/json")

"""What is where under /api/v1/: one table of routes, and the errors that any of them may meet."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation, TooManyFieldsSent
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET
from ninja.errors import ValidationError

from accounts.models import Scope
from billing.api import balances, charges, entries, holds, openapi, problems, schemas
from billing.api.auth import Key
from billing.api.openapi import REFUSED, Api, documented
from billing.api.problems import Problem
from billing.ledger import StartAgain

logger = logging.getLogger(__name__)
View = Callable[..., HttpResponse]

ABOUT = """
Balances, charges and holds for the platform's own programs.

Amounts are strings. Every posting has a reference (the header `Idempotency-Key`, or `reference` in
a batch): sent again with the same content it is not done again. Errors are problem documents
(RFC 9457); their `type` leads to an explanation.
"""


class Route(NamedTuple):
    """One operation: its method, path, the scope that a key needs, view and documentation."""

    method: str
    path: str
    scope: Scope | None
    view: View
    tag: str
    summary: str
    extra: dict[str, Any]


def _route(  # noqa: PLR0917 - as Route has them
    method: str, path: str, scope: Scope | None, view: View, tag: str, summary: str, **extra: Any
) -> Route:
    return Route(method, path, scope, view, tag, summary, documented(scope=scope, **extra))


LIMIT = ("At most so many.", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100})
AT = (
    "How it stood at this moment (RFC 3339 with an offset), which has passed; all that was posted"
    " by then counts.",
    {"type": "string", "format": "date-time"},
)
ACCOUNT = "masters/{master}/accounts/{account}"
HOLD = "masters/{master}/holds/{uuid:hold}"
ROUTES = [
    _route(
        "GET",
        f"{ACCOUNT}/balance",
        Scope.BALANCE_READ,
        balances.balance,
        "Balances",
        "What an account can spend",
        answers={200: schemas.Balance},
        query={"at": AT},
    ),
    _route(
        "GET",
        "masters/{master}/subaccounts",
        Scope.BALANCE_READ,
        balances.subaccounts,
        "Balances",
        "The subaccounts with their balances",
        answers={200: schemas.Subaccounts},
        query={
            "after": ("The code after which to continue.", openapi.PATH["account"][1]),
            "limit": LIMIT,
            "at": AT,
        },
    ),
    _route(
        "GET",
        f"{ACCOUNT}/entries",
        Scope.ENTRIES_READ,
        entries.entries,
        "Entries",
        "What moved an account's balance",
        answers={200: schemas.Entries},
        query={
            "after": (
                "The seq after which to continue.",
                {"type": "integer", "minimum": 0, "maximum": entries.MOST_SEQ, "default": 0},
            ),
            "limit": LIMIT,
        },
    ),
    _route(
        "POST",
        f"{ACCOUNT}/charges",
        Scope.CHARGES_WRITE,
        charges.charge_one,
        "Charges",
        "Charge one usage",
        answers={200: schemas.Charged, 201: schemas.Charged},
        errors=[*REFUSED, "reference-conflict"],
        body=schemas.ChargeBody,
        idempotent=True,
    ),
    _route(
        "POST",
        "masters/{master}/charges",
        Scope.CHARGES_WRITE,
        charges.charge_batch,
        "Charges",
        "Charge up to 5,000 usages",
        answers={200: schemas.BatchResults},
        body=schemas.Batch,
        ndjson=(schemas.BatchCharge, schemas.PostedResult),
    ),
    _route(
        "POST",
        f"{ACCOUNT}/holds",
        Scope.HOLDS_WRITE,
        holds.place_hold,
        "Holds",
        "Hold credit",
        answers={200: schemas.Hold, 201: schemas.Hold},
        errors=[*REFUSED, "reference-conflict"],
        body=schemas.HoldBody,
        idempotent=True,
    ),
    _route(
        "GET",
        HOLD,
        Scope.HOLDS_WRITE,
        holds.hold,
        "Holds",
        "Look at a hold",
        answers={200: schemas.Hold},
    ),
    _route(
        "POST",
        f"{HOLD}/captures",
        Scope.HOLDS_WRITE,
        holds.capture_hold,
        "Holds",
        "Capture a hold, whole or in parts",
        answers={200: schemas.Charged, 201: schemas.Charged},
        errors=["hold-ended", "more-than-held", "reference-conflict", "balance-too-large"],
        body=schemas.CaptureBody,
        idempotent=True,
    ),
    _route(
        "POST",
        f"{HOLD}/release",
        Scope.HOLDS_WRITE,
        holds.release_hold,
        "Holds",
        "Give back what remains of a hold",
        answers={200: schemas.Hold},
        errors=openapi.BODY,
    ),
    _route(
        "GET",
        "problems/{slug}",
        None,
        problems.explain,
        "Problems",
        "What a type of problem means",
        answers={200: schemas.ProblemType},
        errors=["not-found"],
    ),
]

api = Api(
    title="Credit console",
    version="1",
    description=ABOUT,
    urls_namespace="api-v1",
    docs=openapi.Docs(),
)
for each in ROUTES:
    api.api_operation(
        [each.method],
        each.path,
        auth=Key(each.scope) if each.scope else None,
        operation_id=each.view.__name__,
        summary=each.summary,
        description=(each.view.__doc__ or "").replace(" Raises Problem.", "")
        + (f"\n\nThe key needs the scope `{each.scope.value}`." if each.scope else ""),
        tags=[each.tag],
        openapi_extra=each.extra,
    )(each.view)


def _problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    return problems.answer(problem)


def _no_such_path(request: HttpRequest, error: Any) -> HttpResponse:
    return problems.answer(problems.not_found())


def _refused_by_django(request: HttpRequest, error: Any) -> HttpResponse:
    """In our words: Django's name its settings."""
    many = isinstance(error, TooManyFieldsSent)
    detail = "The request has far too many parameters." if many else ""
    return problems.answer(Problem("bad-request", detail))


def _refused_by_ninja(request: HttpRequest, error: Any) -> HttpResponse:
    found = [problems.FieldError(str(each["loc"][-1]), each["msg"]) for each in error.errors]
    return problems.answer(problems.invalid(*found))


def _busy(request: HttpRequest, error: Any) -> HttpResponse:
    """Logged here, by its weight; Django's own line of each 503 is silenced in the settings."""
    if isinstance(error, StartAgain):
        logger.warning("Busy, to be tried again: %r", request.path)
    else:
        logger.error("The database did not answer %r", request.path, exc_info=error)
    return problems.answer(Problem("try-again", headers={"Retry-After": "1"}))


def _crashed(request: HttpRequest, error: Any) -> HttpResponse:
    """A mistake of ours: told as such, logged, and known to whoever listens (tests do)."""
    logger.error("An error in %r", request.path, exc_info=error)
    got_request_exception.send(sender=None, request=request)
    return problems.answer(Problem("internal-error"))


HANDLERS: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
    Problem: _problem,
    Http404: _no_such_path,
    SuspiciousOperation: _refused_by_django,
    ValidationError: _refused_by_ninja,
    StartAgain: _busy,
    OperationalError: _busy,
    InterfaceError: _busy,
    Exception: _crashed,
}
for kind, handler in HANDLERS.items():
    api.add_exception_handler(kind, handler)


def _plain(view: View) -> View:
    """``view`` without session and CSRF token; its errors as problem documents, 405 included."""

    @csrf_exempt
    @login_not_required
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "HEAD":
            return _answer(view, request, *args, **kwargs)
        request.method = "GET"
        try:
            response = _answer(view, request, *args, **kwargs)
        finally:
            request.method = "HEAD"
        response.headers["Content-Length"] = str(len(response.content))
        response.content = b""
        return response

    return answer


def _answer(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    try:
        response = view(request, *args, **kwargs)
    except Exception as error:
        response = api.on_exception(request, error)
    if not isinstance(response, HttpResponseNotAllowed):
        return response
    allowed = response.headers["Allow"].replace("GET", "GET, HEAD")
    return problems.answer(
        Problem("method-not-allowed", f"This path knows {allowed}.", headers={"Allow": allowed})
    )


@csrf_exempt
@login_not_required
def unknown_path(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """404 for whatever else is under /api/."""
    return problems.answer(problems.not_found())


def _patterns() -> list[URLPattern]:
    """Ninja's, each behind ``_plain``, and all else."""
    found = []
    for pattern in api.urls[0]:
        assert isinstance(pattern, URLPattern)  # noqa: S101 - ninja makes no others
        view: Any = pattern.callback
        if pattern.name in {"openapi-json", "openapi-view"}:
            view = require_GET(view)
        # Ninja asks for the address of its root, which has no page.
        pattern.callback = unknown_path if pattern.name == "api-root" else _plain(view)
        found.append(pattern)
    return [*found, re_path("^", unknown_path)]


urlpatterns = [
    path("api/v1/", (_patterns(), "ninja", api.urls_namespace)),
    re_path(r"^api(?:/|\Z)", unknown_path),
]

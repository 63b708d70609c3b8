"""A line of the log for each request: what was asked, by whom, what came of it, and how soon.

A proxy knows the address but not the person, and its lines hold the links of mails. These hold the
path without what would let a reader in, and never a query string, a header or a body.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

# Parts of an address that let in whoever has them, by the names that routes give them.
_SECRET_PARTS = ("token", "key")
_LONGEST = 200


def note_answer(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: write the line, unless ACCESS_LOG is off; none for probes and static files."""

    def middleware(request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = get_response(request)
        if settings.ACCESS_LOG and logger.isEnabledFor(logging.INFO) and _is_worth_it(request):
            _write(request, response, time.perf_counter() - began)
        return response

    return middleware


def path_of(request: HttpRequest) -> str:
    """The path without secrets; "-" for an address that leads nowhere: anything may be in it.

    A cut link of an invitation leads nowhere, too.
    """
    match = request.resolver_match
    if match is None:
        return "-"
    path = request.path
    for name in _SECRET_PARTS:
        value = match.kwargs.get(name)
        if value:
            path = path.replace(str(value), "...")
    return path[:_LONGEST]


def _write(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    path, duration = path_of(request), round(seconds * 1000, 1)
    who = _who(request)
    logger.info(
        "%s %s %d in %.1f ms by %s",
        request.method,
        path,
        response.status_code,
        duration,
        " ".join(f"{name} {value}" for name, value in who.items()) or "nobody",
        extra={
            "request": request,
            "status_code": response.status_code,
            "facts": {"path": path, "duration_ms": duration, **who},
        },
    )


def _who(request: HttpRequest) -> dict[str, object]:
    """The person or the key, if the request has found out: a line is not worth a query."""
    user = getattr(request, "_cached_user", None)
    if user is not None and user.is_authenticated:
        return {"user": user.pk}
    bearer = getattr(request, "auth", None)
    return {} if bearer is None else {"api_key": bearer.id}


def _is_worth_it(request: HttpRequest) -> bool:
    probes = ("/healthz", "/readyz", "/metrics", settings.STATIC_URL)
    return not request.path.startswith(probes)

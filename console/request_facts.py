"""What is known of the request under way: for logs and the audit log, without handing it around.

A middleware sets it, so that verbs need not know of HTTP. Jobs and commands have none.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-ID"
# As proxies write them: a UUID, or hexadecimal digits. Nothing that could forge a line of a log.
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """The request under way and its id."""

    id: str
    request: HttpRequest


_current: ContextVar[RequestFacts | None] = ContextVar("request_facts", default=None)


def current() -> RequestFacts | None:
    """The facts of the request under way, or None in a job or a command."""
    return _current.get()


def note_request(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware, the outermost: names the request, and says the name in the answer.

    A proxy's own name for it is kept where it is well-formed, so that both logs tell of one thing.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        said = request.headers.get(HEADER, "")
        name = said if _WELL_FORMED.fullmatch(said) else secrets.token_hex(16)
        token = _current.set(RequestFacts(name, request))
        try:
            response = get_response(request)
        finally:
            _current.reset(token)
        response.headers[HEADER] = name
        return response

    return middleware

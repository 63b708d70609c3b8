"""A guard before Django: it looks up any codec of Python's that a request names as its charset.

``charset=base64`` is one, and would be a 500 before the first middleware runs; ``punycode`` is
another, whose time grows with the square of the body.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.utils.http import parse_header_parameters

CHARSETS = {"utf-8", "utf8", "us-ascii", "iso-8859-1"}
# For programs, as billing.api.problems would write it.
PROBLEM = {
    "type": "/api/v1/problems/unsupported-media-type",
    "title": "The content type is not understood",
    "status": 415,
    "detail": "Send the body in UTF-8.",
}


def refuse_foreign_charsets(application: WSGIApplication) -> WSGIApplication:
    """``application``, refusing requests that say they are not written in UTF-8 or ASCII."""

    def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if _is_understood(environ.get("CONTENT_TYPE", "")):
            return application(environ, start_response)
        if environ.get("PATH_INFO", "").startswith("/api/"):
            kind = [("Content-Type", "application/problem+json"), ("Cache-Control", "no-store")]
            start_response("415 Unsupported Media Type", kind)
            return [json.dumps(PROBLEM).encode()]
        start_response("400 Bad Request", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"This charset is not understood here: send UTF-8.\n"]

    return guarded


def _is_understood(content_type: str) -> bool:
    """Whether Django reads the header without an error, and as one of CHARSETS."""
    # Of two charsets some readers take the first and some the last, and of charset*0 the pieces.
    if content_type.lower().count("charset") > 1:
        return False
    try:
        _kind, parameters = parse_header_parameters(content_type)
    except Exception:
        # Whatever email.message and the codecs make of it: Django would fail on it, too.
        return False
    return parameters.get("charset", "utf-8").lower() in CHARSETS

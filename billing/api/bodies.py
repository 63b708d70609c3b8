"""Reading what is sent: bounded, as JSON, every field once, and nothing that is not asked for."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from django.http import HttpRequest

from billing.api.problems import FieldError, Problem, invalid

JSON = "application/json"
NDJSON = "application/x-ndjson"
# One charge, hold or capture with all that can be said about it, six bytes a character.
SMALL = 16_000


class Twice(dict[str, Any]):
    """A JSON object in which a field stands twice. Which of them was meant is anybody's guess."""


def read_object(
    request: HttpRequest, known: Collection[str], *, may_be_empty: bool = False
) -> dict[str, Any]:
    """The one JSON object of the body, with no other fields than ``known``.

    ``may_be_empty``: no body at all is ``{}``. Raises Problem: 400, 413, 415 or 422.
    """
    raw = read_bytes(request, SMALL)
    if not raw:
        if may_be_empty:
            return {}
        raise Problem("malformed", "There is no body: send a JSON object.")
    check_content_type(request, [JSON])
    found = parse(raw)
    if not isinstance(found, dict):
        raise Problem("malformed", "The body is not a JSON object.")
    if has_twins(raw, [found]) and isinstance(parse_twins(raw), Twice):
        raise Problem("malformed", "A field stands twice in the body.")
    if not found.keys() <= set(known):
        raise invalid(*unknown_fields(found, known))
    return found


def check_content_type(request: HttpRequest, taken: Sequence[str]) -> str:
    """The content type, if it is one of ``taken`` and not compressed. Raises Problem (415)."""
    kind = request.content_type or ""
    if kind not in taken:
        raise Problem("unsupported-media-type", f"Send the body as {' or '.join(taken)}.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem("unsupported-media-type", "Send the body uncompressed.")
    return kind


def read_bytes(request: HttpRequest, limit: int) -> bytes:
    """The body, at most ``limit`` bytes.

    Raises Problem: 413; 400 for one that breaks off, or comes in a coding that nobody undoes.
    Not ``request.body``: its limit is that of the console's forms.
    """
    announced = _announced(request)
    if announced > limit:
        raise _too_large(limit)
    stream: Any = request
    coding = request.headers.get("Transfer-Encoding")
    if coding is not None:
        # Its length is not known before; Django would take it for empty, and so must nobody:
        # servers hand on "gzip, chunked", too, and some do not undo the chunks.
        if coding.lower() != "chunked" or not request.META.get("wsgi.input_terminated"):
            raise Problem("bad-request", "Send the body with a Content-Length, or chunked.")
        stream = request.META["wsgi.input"]
    elif not announced:
        return b""
    try:
        raw: bytes = stream.read(limit + 1)
    except Exception as error:
        # Whatever the server makes of a client that goes away or writes broken chunks.
        raise Problem("bad-request", "The body broke off.") from error
    if len(raw) > limit:
        raise _too_large(limit)
    if len(raw) < announced:
        raise Problem("bad-request", "The body broke off: it is shorter than its Content-Length.")
    return raw


def parse(raw: bytes) -> Any:
    """What the JSON says. Raises Problem (422)."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Problem(
            "malformed", f"The body is not JSON in UTF-8: {error.msg} ({where})."
        ) from None


def has_twins(raw: bytes, objects: Iterable[Any]) -> bool:
    """Whether a field may stand twice in ``raw``; False is sure, True wants ``parse_twins``.

    orjson keeps the last one in silence. ``objects`` are all the JSON objects that are expected
    in ``raw``: if there are no more ends of keys in it than they have keys, there are no twins,
    and it need not be read a second time.
    """
    keys = sum(map(len, [each for each in objects if type(each) is dict]))
    spaced = any(end in raw for end in (b" :", b"\t:", b"\n:", b"\r:"))
    return spaced or raw.count(b'":') != keys


def parse_twins(raw: bytes) -> Any:
    """What the JSON says, with Twice for an object in which a field stands twice.

    Raises Problem (422) for what is deeper, or has longer numbers, than anything asked for here.
    """
    try:
        return json.loads(raw, object_pairs_hook=_pairs)
    except (ValueError, RecursionError):
        raise Problem("malformed", "The body is not JSON of the right form.") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Twice(found)


def unknown_fields(found: Mapping[str, Any], known: Collection[str]) -> Iterator[FieldError]:
    """An error for each field that is not among ``known``: it may be a misspelt one."""
    for name in found:
        if name not in known:
            yield FieldError(name[:60], "There is no such field here.")


def _announced(request: HttpRequest) -> int:
    """The content length; servers and proxies have refused what is none."""
    try:
        return max(0, int(request.META.get("CONTENT_LENGTH") or 0))
    except ValueError:
        raise Problem("bad-request", "The Content-Length is not a number.") from None


def _too_large(limit: int) -> Problem:
    return Problem("too-large", f"The body has more than {limit:,} bytes.", limit=limit)

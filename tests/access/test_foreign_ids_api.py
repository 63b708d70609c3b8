"""Another company's id, wherever the API takes one: nothing of it told, nothing written to it.

What it takes is read from its OpenAPI document, so that a new field cannot be forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pytest
from django.test import Client

from billing.api.routes import api
from billing.models import Balance, Entry, Hold
from tests.access.asking import address, forget_limits, sent_to, told_to
from tests.access.fields import API_FIELDS, API_NAMES_NOTHING

pytestmark = pytest.mark.django_db

MALFORMED = ["0", "-1", str(2**63), "1\0", "\uff16", "x" * 300]
# What only the other company's things are called.
THEIRS = ("Gulf", "sales", "KWD")
# The company's own, and the platform's, which opens every company but mixes none.
KEYS = ("right", "platform")


class Taken(NamedTuple):
    """One thing that an operation takes: ``place`` is path, query, header or body."""

    operation: str
    method: str
    place: str
    name: str

    @property
    def kind(self) -> str | None:
        """What it names: nothing is "", and None what nobody has said."""
        here = f"{self.place} {self.name}"
        if here in API_NAMES_NOTHING:
            return ""
        return API_FIELDS.get(f"{self.operation} {here}", API_FIELDS.get(here))


def _all_taken() -> Iterator[Taken]:
    document = api.get_openapi_schema()
    for operations in document["paths"].values():
        for method, told in operations.items():
            about = told["operationId"], method.upper()
            for each in told["parameters"]:
                yield Taken(*about, each["in"], each["name"])
            for media in told.get("requestBody", {}).get("content", {}).values():
                for name in _fields(document, media["schema"], ""):
                    yield Taken(*about, "body", name)


def _fields(document: Any, schema: dict[str, Any], before: str) -> Iterator[str]:
    """The names of all that has a value of its own, with those around it."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "items" in schema:
        yield from _fields(document, schema["items"], before)
    elif "properties" in schema:
        for name, inner in schema["properties"].items():
            yield from _fields(document, inner, f"{before}.{name}" if before else name)
    elif before:
        yield before


TAKEN = list(_all_taken())
NAMING = [each for each in TAKEN if each.kind]


def test_all_that_the_api_takes_is_known_to_name_something_or_nothing():
    new = sorted({f"{each.place} {each.name}" for each in TAKEN if each.kind is None})
    assert not new, (
        f"The API takes {new}: say in tests/access/fields.py what they name (API_FIELDS), or that"
        " they name nothing (API_NAMES_NOTHING)."
    )
    assert {each.place for each in NAMING} == {"path", "query", "header", "body"}
    gone = set(API_NAMES_NOTHING) - {f"{each.place} {each.name}" for each in TAKEN}
    assert not gone, f"Take these out of API_NAMES_NOTHING: {gone}"


@pytest.mark.parametrize("taken", NAMING, ids=lambda each: " ".join(each[i] for i in (0, 2, 3)))
def test_a_foreign_id_is_not_there_and_nothing_of_it_is_told(world, kept, taken):
    theirs = _theirs(world)
    for name in KEYS:
        if name == "platform" and taken.kind == "company":
            continue
        for other in (str(world.foreign[taken.kind]), *MALFORMED):
            if taken.place == "header" and not other.isprintable():
                continue
            response = _ask(world, name, taken, other)
            body = response.content.decode()
            about = f"{name}: {taken} of {other!r} answers {response.status_code} {body}"
            assert response.status_code < 500, about
            told = [word for word in THEIRS if word in body.replace(other, "")]
            assert not told, f"{about}, and tells {told}"
            assert _theirs(world) == theirs, about
            if taken.place == "path":
                assert response.status_code == 404, about
            if taken.place == "body" and taken.kind != "reference":
                [result] = response.json()["results"]
                assert result["status"] in {"refused", "invalid"}, about
            kept.restore()


def _theirs(world: Any) -> list[Any]:
    """The other company's books."""
    of = {"master": world.cast.gulf}
    return [
        list(each.objects.filter(**of).order_by("pk").values()) for each in (Balance, Entry, Hold)
    ]


def _ask(world: Any, key: str, taken: Taken, other: str) -> Any:
    """What whoever may succeed sends, with the other id in its place."""
    route = f"api-v1:{taken.operation}"
    path, body = address(world, route), sent_to(world, route) if taken.method == "POST" else None
    headers = {"Authorization": f"Bearer {world.keys[key]}", "Idempotency-Key": "r-2"}
    if taken.place == "path":
        own = str(told_to(world, route)[taken.name])
        path = f"{path}/".replace(f"/{own}/", f"/{quote(other, safe='')}/", 1)[:-1]
    elif taken.place == "query":
        path += f"?{urlencode({taken.name: other})}"
    elif taken.place == "header":
        headers[taken.name] = quote(other)
    else:
        body = json.loads(json.dumps(body))
        _put(body, taken.name.split("."), other)
    more = (
        {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
    )
    forget_limits()
    return getattr(Client(), taken.method.lower())(path, headers=headers, **more)


def _put(body: Any, names: list[str], value: str) -> None:
    """``["charges", "account"]``: in the first of the list ``charges``."""
    for name in names[:-1]:
        body = body[name]
        body = body[0] if isinstance(body, list) else body
    body[names[-1]] = value

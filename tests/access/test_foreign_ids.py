"""Another's id, wherever an id can be sent: refused, nothing of it told, nothing written."""

from __future__ import annotations

import html
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from tests.access.asking import FORM, PASSING, ROUTES, Asked, address, read, sent_to, told_to
from tests.access.fields import FIELDS, PARTS, Field
from tests.access.reading import lines_of
from tests.access.table import COLUMNS, PAGES

pytestmark = pytest.mark.django_db

LINES = {line.key: line for line in lines_of(PAGES, COLUMNS) if "@" not in line.key}
ASKED = [
    (line.key, method)
    for line in lines_of(PAGES, COLUMNS)
    for method in line.methods
    if "@" not in line.key
]
MALFORMED = [
    "0",
    "-1",
    "9223372036854775808",
    "\0",
    "1\0",
    "\uff16",
    "7f3b8f9e-0000-4000-8000-00000000000",
    "7f3b8f9e-0000-4000-8000-0000000000000",
    "7f3b8f9e-0000-4000-8000-000000000000",
    "../gulf",
    "' OR 1=1 --",
]
# What only the other things are called, and would be told if they were read.
GULF = ("Gulf Trading", "Sales", "@gulf.example", "KWD")
RETAIL = ("Retail branches",)
APPS = ("accounts", "billing", "reports", "console")


@pytest.mark.parametrize(
    "key", sorted({key for key, _method in ASKED if "company" in ROUTES[key].parameters})
)
def test_a_foreign_part_of_an_address_is_not_there(world, kept, key):
    parameters = ROUTES[key].parameters
    own = address(world, key)
    for part in parameters:
        kind = PARTS.get(part) or PARTS.get(f"{key} {part}")
        assert kind, f"Say in PARTS of tests/access/fields.py what {part!r} of {key} names."
        value = told_to(world, key)[part]
        foreign, hidden = str(world.foreign[kind]), str(world.hidden[kind])
        tried = [("admin", foreign, GULF), *(("admin", each, ()) for each in MALFORMED)]
        if kind != "company":
            # A person's own export or view is nobody else's; the rest is Retail's.
            tried.append(("subadmin", hidden, RETAIL))
        for who, other, words in tried:
            path = _with(own, str(value), quote(other, safe=""), part)
            for method in LINES[key].methods if key in LINES else ():
                asked = _ask(world, kept, who, method, key, path)
                about = f"{who}: {method} {path} answers {asked.word}"
                may_know = {"404"} | ({"403"} if other == hidden else set())
                gone = {"404", "ok"} if method == "POST" and not words else {"404"}
                assert asked.word in may_know | gone, about
                _tells_nothing(asked, words, about)


@pytest.mark.parametrize("field", FIELDS, ids=lambda each: f"{each.page} {each.name}")
def test_a_foreign_id_in_a_field_is_refused_and_what_was_typed_is_kept(world, kept, field):
    key, method = field.page.split()
    for who in field.asks.split():
        tried = [(each, ()) for each in MALFORMED]
        if who != "operator":
            tried.append((_value(world.foreign, field), GULF))
        if who == "subadmin":
            tried.append((_value(world.hidden, field), RETAIL))
        for other, words in tried:
            if other is None:
                continue
            asked = _send(world, kept, who, method, key, field, other)
            about = f"{who}: {field.page} with {field.name}={other!r} answers {asked.word}"
            assert asked.response.status_code < 500, about
            _tells_nothing(asked, words, about)
            print(about)


def _value(things: dict, field: Field) -> str | None:
    """Of what is tried: in a pasted table an account stands with its amount."""
    if field.kind == "line":
        return f"{things['code']}\t4"
    found = things.get(field.kind)
    return None if found is None else str(found)


def _send(world, kept, who, method, key, field: Field, other: str) -> Asked:
    path, typed = address(world, key), dict(sent_to(world, key)) if method == "POST" else {}
    here = urlsplit(path)
    query = {name: values[0] for name, values in parse_qs(here.query).items()}
    if field.within == "query":
        typed["query"] = urlencode({field.name: other})
    elif method == "GET" or field.within == "?":
        query |= {field.name: other, "preview": "1"}
    else:
        typed[field.name] = other
    path = f"{here.path}?{urlencode(query)}" if query else here.path
    return _ask(world, kept, who, method, key, path, typed)


def _ask(world, kept, who, method, key, path, typed=None) -> Asked:
    client = world.browser(who, path)
    data = sent_to(world, key) if typed is None else typed
    if method == "GET":
        response = client.get(path)
    else:
        response = client.generic(method, path, urlencode(data, doseq=True), content_type=FORM)
    asked = read(response, path, method)
    wrote = kept.changed() - PASSING
    kept.restore()
    if asked.word in {"404", "403", "form"}:
        assert not wrote, f"{who}: {method} {path} answers {asked.word} and has written {wrote}"
    return Asked(asked.word, asked.response, asked.body, asked.target, frozenset(wrote))


def _tells_nothing(asked: Asked, words, about: str) -> None:
    said = html.unescape(asked.body)
    told = [word for word in words if word in said]
    assert not told, f"{about}, and tells {told}"


def _with(path: str, value: str, other: str, part: str) -> str:
    """The address with another value in the place of this one."""
    if part == "company":
        return path.replace(f"/accounts/{value}/", f"/accounts/{other}/", 1)
    head, _slash, tail = path.rpartition(f"/{value}")
    assert head, (path, value)
    return f"{head}/{other}{tail}"

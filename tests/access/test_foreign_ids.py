"""Another's id, wherever an id can be sent: refused, nothing of it told, nothing written."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import pytest
from django.forms import BaseForm
from django.urls import Resolver404, resolve

from tests.access.asking import FORM, PASSING, ROUTES, Asked, address, read, sent_to, told_to
from tests.access.fields import FIELDS, NAMES_NOTHING, PARTS, Field
from tests.access.reading import lines_of
from tests.access.table import COLUMNS, PAGES

pytestmark = pytest.mark.django_db

ALL = lines_of(PAGES, COLUMNS)
METHODS = {
    line.key: line.methods for line in reversed(ALL) if "company" in ROUTES[line.route].parameters
}
OF_A_COMPANY = [key for key in METHODS if not key.startswith("operator-") and "@" not in key]
OF_OPERATORS = [
    line.key
    for line in ALL
    if line.key.startswith("operator-")
    and ROUTES[line.route].parameters
    and "GET" in line.methods
    and "@" not in line.key
]
MALFORMED = [
    "0",
    "-1",
    str(2**63),
    "1\0",
    "\uff16",
    "7f3b8f9e-0000-4000-8000-0000000000000",
]
# A view that reads what was sent by its name.
READ = re.compile(r"\.(?:GET|POST)(?:\.get\w*\(|\[)\"(\w+)\"")
# What only the other things are called, and would be told if they were read.
GULF = ("Gulf Trading", "Sales", "@gulf.example", "KWD")
RETAIL = ("Retail branches",)
# Pages that say beside the field what is wrong with a filter, and show no rows.
FILTERS = {"transaction-list", "transfer-list", "payment-list", "audit-log"}
PLACES_IN_A_LIST = {"before", "after", "cursor"}
# Of what is sent beside the id, what a page that refuses it must show again.
TYPED = ("amount", "threshold", "email", "date_from")


@pytest.mark.parametrize("key", OF_A_COMPANY)
def test_a_foreign_part_of_an_address_is_not_there(world, kept, key):
    for part in ROUTES[key].parameters:
        kind = PARTS.get(part) or PARTS.get(f"{key} {part}")
        assert kind, f"Say in PARTS of tests/access/fields.py what {part!r} of {key} names."
        for method in METHODS[key]:
            _is_not_there(world, kept, "admin", key, part, world.foreign[kind], GULF, method)
            if kind != "company":
                found = world.hidden[kind]
                _is_not_there(world, kept, "subadmin", key, part, found, RETAIL, method)
        if kind != "company" or key == "overview":
            for malformed in _told_apart(world, key, part):
                _is_not_there(world, kept, "admin", key, part, malformed, (), METHODS[key][0])


@pytest.mark.parametrize("key", OF_OPERATORS)
def test_an_operators_address_names_things_of_its_company_or_nothing(world, kept, key):
    parts = ROUTES[key].parameters
    for part in parts:
        if "company" in parts and part != "company":
            kind = PARTS.get(part) or PARTS[f"{key} {part}"]
            _is_not_there(world, kept, "operator", key, part, world.foreign[kind], GULF, "GET")
        # An entry's place names its company, too: one's number at another's is none.
        mixed = [f"{world.cast.nile.pk}-{world.cast.gulf.pk}-1"] if part == "place" else []
        for wrong in _told_apart(world, key, part) + mixed:
            _is_not_there(world, kept, "operator", key, part, wrong, (), "GET")


@pytest.mark.parametrize("field", FIELDS, ids=lambda each: f"{each.page} {each.name}")
def test_a_foreign_id_in_a_field_is_refused_and_what_was_typed_is_kept(world, kept, field):
    first = field.asks.split()[0]
    tried = [(first, each, ()) for each in MALFORMED]
    for who in field.asks.split():
        if (
            who != "operator"
            or "company" in ROUTES[field.page.split("@")[0].split()[0]].parameters
        ):
            tried.append((who, _value(world.foreign, field), GULF))
        if who == "subadmin":
            tried.append((who, _value(world.hidden, field), RETAIL))
    for who, other, words in tried:
        if other is not None:
            _is_refused(world, kept, who, field, other, words)


def test_every_field_and_parameter_is_known_to_name_something_or_nothing():
    known = {field.name for field in FIELDS} | NAMES_NOTHING
    read_somewhere = set()
    for app in ("accounts", "billing", "reports", "console"):
        for file in (Path(__file__).parents[2] / app).rglob("*.py"):
            if "sandbox" not in file.parts and "api" not in file.parts:
                text = file.read_text()
                read_somewhere |= set(
                    re.findall(r"\.(?:GET|POST)(?:\.get\w*\(|\[)\"(\w+)\"", text)
                )
    for form in _all_of(BaseForm):
        if form.__module__.partition(".")[0] in {"accounts", "billing", "reports", "console"}:
            read_somewhere |= set(form.base_fields)
    new = sorted(read_somewhere - known - {"source", "destination"})
    assert not new, (
        f"{new} can be sent: say in tests/access/fields.py which page takes them and what they"
        " name (FIELDS), or that they name nothing (NAMES_NOTHING)."
    )


def _told_apart(world, key, part) -> list[str]:
    """What is malformed: all that reaches the page, and one that is no address of any."""
    own, reaching, others = str(told_to(world, key)[part]), [], []
    for each in MALFORMED:
        path = urlsplit(_with(address(world, key), own, quote(each, safe=""), part)).path
        try:
            resolve(unquote(path))
        except Resolver404:
            others.append(each)
        else:
            reaching.append(each)
    return reaching + others[:1]


def _is_not_there(world, kept, who, key, part, other, words, method) -> None:
    own = str(told_to(world, key)[part])
    if str(other) == own:
        return
    path = _with(address(world, key), own, quote(str(other), safe=""), part)
    asked = _ask(world, kept, who, method, key, path)
    about = f"{who}: {method} {path} answers {asked.word}"
    # A form about what is gone says so, and leads to the list; a role refuses before it looks.
    fine = {"404", "403"} if who == "subadmin" else {"404"}
    is_gone = not words and method == "POST" and asked.target.endswith("-list")
    assert asked.word in fine or is_gone, about
    assert not asked.wrote, about
    _tells_nothing(asked, words, about)


def _is_refused(world, kept, who, field: Field, other: str, words) -> None:
    key, method = field.page.split()
    asked = _send(world, kept, who, method, key, field, other)
    about = f"{who}: {field.page} with {field.name}={other!r} answers {asked.word}"
    assert asked.response.status_code < 500, about
    _tells_nothing(asked, words, about)
    if asked.word == "form":
        sent = sent_to(world, key) if method == "POST" else {}
        for name in set(TYPED) & set(sent) - {field.name}:
            assert str(sent[name]) in html.unescape(asked.body), f"{about} without {name}"
    if method == "GET":
        assert not asked.wrote - {"accounts_auditevent"}, about
        if key in FILTERS and field.name not in PLACES_IN_A_LIST:
            assert field.name in asked.response.context["form"].errors, about
    elif asked.word == "ok":
        # A form's own number is no id of a thing: with it something new of one's own was made.
        # A place in a list, or a query that is kept and refused whenever it is opened.
        is_no_id = field.kind.endswith(" key") or field.name == "upto" or field.within == "?"
        assert is_no_id, about


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
    data = sent_to(world, key) if typed is None and method == "POST" else typed or {}
    if method == "GET":
        response = client.get(path)
    else:
        response = client.generic(method, path, urlencode(data, doseq=True), content_type=FORM)
    asked = read(response, path, method)
    wrote = frozenset(kept.restore() - PASSING)
    if asked.word in {"404", "403", "form"}:
        assert not wrote, f"{who}: {method} {path} answers {asked.word} and has written {wrote}"
    return Asked(asked.word, asked.response, asked.body, asked.target, wrote)


def _tells_nothing(asked: Asked, words, about: str) -> None:
    said = html.unescape(asked.body)
    # Whole words: tokens are made of any letters.
    told = [word for word in words if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", said)]
    assert not told, f"{about}, and tells {told}"


def _with(path: str, value: str, other: str, part: str) -> str:
    """The address with another value in the place of this one."""
    if part == "company":
        return path.replace(f"/{value}/", f"/{other}/", 1)
    head, _slash, tail = path.rpartition(f"/{value}")
    assert head, (path, value)
    return f"{head}/{other}{tail}"


def _all_of(form: type) -> set[type]:
    found = set(form.__subclasses__())
    return found | {each for below in found for each in _all_of(below)}

"""Everybody at every page, as the table says. A new route cannot be forgotten."""

from __future__ import annotations

import html

import pytest
from django.test import Client

from tests.access.asking import PASSING, REFUSED, ROUTES, Asked, address, ask
from tests.access.document import PLACE, document
from tests.access.reading import METHODS, Line, lines_of
from tests.access.table import COLUMNS, PAGES, PEOPLE

pytestmark = pytest.mark.django_db

LINES = lines_of(PAGES, COLUMNS)
NAMES = [name for name, route in ROUTES.items() if not route.is_api]
# Programs that have no cookie, and a page that asks for the token itself.
WITHOUT_TOKEN = {"gateway-webhook"}
# Reached after the password, or by a script: see tests/accounts/test_second_factor.py.
AMID_SIGNING_IN = {"mfa_authenticate", "mfa_login_webauthn"}
# Words of the company that nobody from elsewhere may read, wherever they ask.
NILE = ("Nile Retail", "Marketing", "Retail branches", "OTP and security", "@nile.example")
# Those that who belongs to one subaccount does not see.
UNSEEN = {
    "member": ("Retail branches", "OTP and security"),
    "subadmin": ("Retail branches", "OTP and security"),
    "shared": ("Retail branches", "Marketing"),
}
OUTSIDERS = ("stranger", "foreign", "bare")
# Allauth counts recovery codes as shown before it looks at the method; the person's own.
NOTES_ALL_THE_SAME = {"mfa_download_recovery_codes"}
# Who has its link may read what it invites to; who has the key of a mail, whom it confirms.
TELLS_WHO_HAS_IT = {"invitation", "mailbox-list@demo", "mailbox-mail@demo", "mailbox-html@demo"}


@pytest.mark.parametrize("name", NAMES)
def test_everybody_comes_as_far_as_the_table_says(world, kept, name):
    lines = [line for line in LINES if line.route == name]
    known = {method for line in lines for method in line.methods if line.key == name}
    wrong = [*_missing(world, kept, name, known)]
    for line in lines:
        for method in line.methods:
            seen = _row(world, kept, line.key, method)
            if (seen.words, seen.target) != (line.words, line.target):
                wrong.append(f"{line}\n    is now\n{seen}")
    assert not wrong, (
        "tests/access/table.py says something else. If what was observed is meant, paste it there"
        " and run `python -m tests.access`:\n\n" + "\n".join(wrong)
    )
    reached = {word for line in lines for word in line.words} & {"ok", "form"}
    assert reached or name in AMID_SIGNING_IN, (
        f"Nobody reaches {name}: show in tests/access/sent.py how somebody does."
    )


def test_no_line_is_about_a_route_that_is_no_more():
    gone = sorted({line.route for line in LINES} - set(NAMES))
    assert not gone, f"Take these out of PAGES in tests/access/table.py: {gone}"
    keys = [(line.key, method) for line in LINES for method in line.methods]
    assert len(keys) == len(set(keys)), "A route and method stands in PAGES twice."


def test_the_document_shows_the_table():
    assert PLACE.read_text() == document(), "docs/access.md is old: run `python -m tests.access`"


def test_nothing_is_taken_without_the_token_of_the_form(world, kept):
    taken = []
    for line in LINES:
        for method in set(line.methods) - {"GET"}:
            path = address(world, line.key)
            client = world.browser("operator" if "/operator/" in path else "admin", path)
            client.handler.enforce_csrf_checks = True
            status = getattr(client, method.lower())(path).status_code
            if line.route not in WITHOUT_TOKEN and status != 403:
                taken.append((line.key, method, status))
    assert not taken
    assert not kept.changed() - PASSING


def test_who_is_not_signed_in_learns_of_no_address(world):
    """What is not there answers as what is: both lead to sign in, or both are not there."""
    for path in ("/nowhere/", "/operator/nowhere/", "/accounts/nile/nowhere/", "/static/none.css"):
        for who in ("anonymous", "stranger", "operator"):
            assert world.browser(who).get(path).status_code == 404, (path, who)
    for code in ("nile", "gulf", "atlantis"):
        assert "/auth/login/" in Client().get(f"/accounts/{code}/")["Location"]


def _missing(world, kept, name: str, known: set[str]) -> list[str]:
    """Lines for the methods that somebody comes through with and that the table does not have."""
    found = []
    for method in METHODS:
        if method in known:
            continue
        who = "operator" if name.startswith("operator") else "admin"
        if _ask(world, kept, who, method, name).word not in REFUSED - {"prove"}:
            found.append(str(_row(world, kept, name, method)))
    return found


def _row(world, kept, key: str, method: str) -> Line:
    """What becomes of everybody."""
    words, targets = [], set()
    for who in PEOPLE:
        asked = _ask(world, kept, who, method, key)
        words.append(asked.word)
        if asked.word == "ok" and asked.target:
            targets.add(asked.target)
    return Line(key, (method,), tuple(words), ", ".join(sorted(targets)))


def _ask(world, kept, who: str, method: str, key: str) -> Asked:
    """One answer, of which nothing stays; what holds for every answer is asserted here."""
    asked = ask(world, who, method, key)
    wrote = kept.changed() - PASSING
    kept.restore()
    about = f"{who}: {method} {key} answers {asked.word}"
    assert asked.response.status_code < 500, about
    if asked.word in REFUSED and key not in NOTES_ALL_THE_SAME:
        assert not wrote, f"{about}, and has written {wrote}"
    said = html.unescape(asked.body)
    if who in OUTSIDERS and key not in TELLS_WHO_HAS_IT:
        told = [word for word in NILE if word in said]
        assert not told, f"{about}, and tells {told}"
    if who in UNSEEN:
        told = [word for word in UNSEEN[who] if word in said]
        assert not told, f"{about}, and tells of {told}"
        told = [figure for figure in world.pool if figure in said]
        assert not told, f"{about}, and tells the pool's figures: {told}"
    if asked.word == "403":
        assert len(said) > 200 or key == "gateway-webhook", f"{about} without a sentence"
    return asked

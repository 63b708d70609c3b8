"""Everybody at one page, as the table says: what the tests of the matrix share."""

from __future__ import annotations

import html

from tests.access.asking import PASSING, REFUSED, ROUTES, Asked, ask
from tests.access.kept import Kept
from tests.access.reading import METHODS, Line, lines_of
from tests.access.table import COLUMNS, PAGES, PEOPLE
from tests.access.world import World

LINES = lines_of(PAGES, COLUMNS)
NAMES = [name for name, route in ROUTES.items() if not route.is_api]
OF_A_COMPANY = [
    name for name in NAMES if ROUTES[name].pattern.startswith("accounts/<slug:company>/")
]
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


def comes_as_far_as_the_table_says(world: World, kept: Kept, name: str) -> None:
    """Everybody asks for the page, by each of its methods. Raises AssertionError."""
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


def _missing(world: World, kept: Kept, name: str, known: set[str]) -> list[str]:
    """Lines for the methods that somebody comes through with and that the table does not have."""
    found = []
    for method in METHODS:
        if method in known:
            continue
        who = "operator" if name.startswith("operator") else "admin"
        if _ask(world, kept, who, method, name).word not in REFUSED - {"prove"}:
            found.append(str(_row(world, kept, name, method)))
    return found


def _row(world: World, kept: Kept, key: str, method: str) -> Line:
    """What becomes of everybody."""
    words, targets = [], set()
    for who in PEOPLE:
        asked = _ask(world, kept, who, method, key)
        words.append(asked.word)
        if asked.word == "ok" and asked.target:
            targets.add(asked.target)
    return Line(key, (method,), tuple(words), ", ".join(sorted(targets)))


def _ask(world: World, kept: Kept, who: str, method: str, key: str) -> Asked:
    """One answer, of which nothing stays; what holds for every answer is asserted here."""
    asked = ask(world, who, method, key)
    wrote = kept.restore() - PASSING
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

"""Every kind of key at every operation of the API, as the table says."""

from __future__ import annotations

import pytest

from billing.api.routes import ROUTES as OPERATIONS
from tests.access.asking import ROUTES, Asked, ask_by_key
from tests.access.reading import METHODS, Line, lines_of
from tests.access.table import API, KEYS

pytestmark = pytest.mark.django_db

LINES = lines_of(API, tuple(KEYS))
NAMES = [name for name, route in ROUTES.items() if route.is_api]
SCOPES = {f"api-v1:{each.view.__name__}": each.scope for each in OPERATIONS}
# What a key does by being used: when that was, for the page of keys.
USED = {"accounts_apikey"}


@pytest.mark.parametrize("name", NAMES)
def test_every_key_comes_as_far_as_the_table_says(world, kept, name):
    lines = [line for line in LINES if line.key == name]
    known = {method for line in lines for method in line.methods}
    wrong = []
    for line in lines:
        for method in line.methods:
            seen = _row(world, kept, name, method)
            if seen.words != line.words:
                wrong.append(f"{line}\n    is now\n{seen}")
    for method in set(METHODS) - known:
        if _ask(world, kept, "platform", method, name).word not in {"404", "405"}:
            wrong.append(str(_row(world, kept, name, method)))
    assert not wrong, (
        "tests/access/table.py says something else. If what was observed is meant, paste it there"
        " and run `python -m tests.access`:\n\n" + "\n".join(wrong)
    )
    assert lines, f"Nothing is said of {name}: add it to API in tests/access/table.py."


def test_no_line_is_about_an_operation_that_is_no_more():
    assert {line.key for line in LINES} <= set(NAMES)


def _row(world, kept, key: str, method: str) -> Line:
    words = tuple(_ask(world, kept, name, method, key).word for name in KEYS)
    return Line(key, (method,), words)


def _ask(world, kept, name: str, method: str, key: str) -> Asked:
    scope = SCOPES.get(key)
    name = f"without {scope}" if name == "scopeless" and scope else name
    asked = ask_by_key(world, name, method, key)
    wrote = kept.restore() - USED
    assert asked.response.status_code < 500
    if asked.word != "ok":
        assert not wrote, f"{name}: {method} {key} answers {asked.word} and has written {wrote}"
        assert "Nile" not in asked.body
        assert "marketing" not in asked.body
    return asked

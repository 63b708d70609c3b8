"""Everybody at every page, as the table says. A new route cannot be forgotten.

The pages below a company's address are asked for in ``test_matrix_of_a_company.py``.
"""

from __future__ import annotations

import pytest
from django.test import Client

from tests.access.asking import PASSING, address
from tests.access.document import PLACE, document
from tests.access.everybody import LINES, NAMES, OF_A_COMPANY, comes_as_far_as_the_table_says

pytestmark = pytest.mark.django_db

# Programs that have no cookie, and a page that asks for the token itself.
WITHOUT_TOKEN = {"gateway-webhook"}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OF_A_COMPANY])
def test_everybody_comes_as_far_as_the_table_says(world, kept, name):
    comes_as_far_as_the_table_says(world, kept, name)


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

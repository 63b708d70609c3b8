"""A browser that is open when a role ends: with the next request there is nothing there."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.urls import reverse

from accounts import people
from accounts.access import access_or_404
from accounts.models import Role
from reports import export_jobs
from reports.models import ExportState
from tests.access.asking import ROUTES, address, read
from tests.access.reading import lines_of
from tests.access.table import COLUMNS, PAGES

pytestmark = pytest.mark.django_db

REACHED = [
    line.key
    for line in lines_of(PAGES, COLUMNS)
    if "GET" in line.methods
    and line.words[COLUMNS.index("member")] == "ok"
    and "company" in ROUTES[line.route].parameters
]
HTMX = {"HX-Request": "true", "HX-Target": "last-movements"}


def order(cast, *, format: str):
    access = access_or_404(cast.member, "nile")
    export, _new = export_jobs.order(
        access=access, format=format, query="", key=uuid4(), rows=None
    )
    return export


def test_a_removed_person_finds_no_page_fragment_or_file_any_more(world, kept):
    cast = world.cast
    ready, running = order(cast, format="csv"), order(cast, format="json")
    assert export_jobs.make(str(ready.pk)) == ExportState.READY
    file = reverse("export-file", args=["nile", ready.pk])
    browser = world.browser("member")
    fetched = browser.get(file)
    assert read(fetched, file, "GET").word == "ok"
    assert browser.get(address(world, "overview"), headers=HTMX).status_code == 200
    assert len(REACHED) > 15
    people.remove(company=cast.nile, membership=world.at["membership"], by=cast.admin)
    for key in REACHED:
        for headers in ({}, HTMX):
            status = browser.get(address(world, key), headers=headers).status_code
            assert status == 404, (key, headers)
    assert browser.get(file).status_code == 404
    # What was under way when it happened is not made, let alone fetched.
    assert export_jobs.make(str(running.pk)) == ExportState.FAILED
    assert browser.get(reverse("export-file", args=["nile", running.pk])).status_code == 404


def test_a_lesser_role_holds_for_the_forms_that_are_open(world, kept):
    cast = world.cast
    browser = world.browser("subadmin")
    invite = reverse("invitation-new", args=["nile"])
    assert browser.get(invite).status_code == 200
    [role] = cast.marketing_admin.memberships.all()
    people.change_role(company=cast.nile, membership=role.pk, role=Role.MEMBER, by=cast.admin)
    sent = {"email": "next@nile.example", "account": "marketing", "role": "member"}
    assert browser.post(invite, sent).status_code == 403
    assert browser.get(reverse("people-list", args=["nile"]), headers=HTMX).status_code == 403

"""Making exports in the tests: at once into memory, and by the page."""

from __future__ import annotations

import csv
import io
from uuid import uuid4

from django.test import Client
from django.urls import reverse

from accounts.access import access_or_404
from accounts.models import User
from reports import export_jobs
from reports.exports.base import oldest_first
from reports.exports.selection import filters_of
from reports.queries import Scope, snapshot
from reports.rows import Row, read_rows


def made(user: User, format: str, query: str = "", company: str = "nile") -> bytes:
    """The file as this person gets it."""
    out = io.BytesIO()
    access = access_or_404(user, company)
    export_jobs.write_now(format=format, access=access, query=query, out=out)
    return out.getvalue()


def rows_of(user: User, query: str = "", company: str = "nile") -> list[Row]:
    """What every file of the selection must say."""
    with snapshot():
        scope = Scope.of(access_or_404(user, company))
        return list(read_rows(scope, oldest_first(filters_of(query, scope).qs)))


def csv_rows(content: bytes) -> list[list[str]]:
    """The cells of a CSV file, without its heading."""
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))[1:]


def client_of(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def ask(user: User | None, format: str = "csv", query: str = "", company: str = "nile", key=None):
    """Choose a format in the menu."""
    form = {"format": format, "query": query, "key": str(key or uuid4())}
    return client_of(user).post(reverse("export-new", args=[company]), form)


def body(response) -> bytes:
    assert response.status_code == 200, response.content
    content = b"".join(response.streaming_content)
    response.close()
    return content

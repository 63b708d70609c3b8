"""A program of the platform, and what it sends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts import api_keys
from accounts.models import Account, Scope
from billing.api import throttle
from tests.factories import Cast

ALL = list(Scope)


class Program:
    """Speaks JSON with one key, or with none; never a cookie."""

    def __init__(self, key: str | None, *, enforce_csrf: bool = True) -> None:
        self.client = Client(enforce_csrf_checks=enforce_csrf)
        self.headers = {"Authorization": f"Bearer {key}"} if key is not None else {}

    def get(self, path: str, **headers: str) -> HttpResponse:
        """GET /api/v1/<path>; underscores in names of headers are hyphens."""
        return self.client.get(f"/api/v1/{path}", headers=self._headers(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """POST /api/v1/<path>: bytes and text as they are, all else as JSON; None is empty."""
        if body is None:
            data: Any = b""
        elif isinstance(body, bytes | str):
            data = body
        else:
            data = json.dumps(body)
        kind = headers.pop("content_type", None if body is None else "application/json")
        # Django's client by itself tells no type of an empty body.
        more = {} if kind is None else {"CONTENT_TYPE": kind}
        return self.client.generic(
            "POST", f"/api/v1/{path}", data, headers=self._headers(headers), **more
        )

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        return self.headers | {name.replace("_", "-"): value for name, value in more.items()}


def make_key(master: Account | None, *scopes: Scope) -> str:
    """A key for the company, or for the platform, with the scopes, or with all."""
    _row, key = api_keys.create(name="tests", scopes=scopes or ALL, master=master)
    return key


@pytest.fixture
def platform(cast: Cast) -> Program:
    """The platform itself: every company, every scope."""
    return Program(make_key(None))


@pytest.fixture
def nile(cast: Cast) -> Program:
    """Nile's own program: its company, every scope."""
    return Program(make_key(cast.nile))


@pytest.fixture
def key_of() -> Callable[..., str]:
    """Make a key: ``key_of(master, *scopes)``."""
    return make_key


@pytest.fixture(autouse=True)
def counted_anew() -> None:
    """Each test has asked for nothing yet."""
    throttle.requests.forget()
    throttle.failures.forget()

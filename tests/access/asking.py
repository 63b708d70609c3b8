"""Asking for a page as somebody, and what became of it in one word."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import Resolver404, resolve, reverse

from billing.api import throttle
from billing.sandbox.delivery import sign
from tests.access.routes import Route, all_routes
from tests.access.sent import AFAR, DEMO, PLACES, SENT, SIGNED, STANDARD, WEBHOOK_SECRET
from tests.access.world import World

ROUTES = all_routes()
# Signed out, an address confirmed: done, and then one is led to sign in.
DONE_AT_SIGN_IN = {"account_logout", "account_confirm_email"}
FORM = "application/x-www-form-urlencoded"
# What a page that refused leaves behind: messages, and when somebody was last seen.
PASSING = {"django_session", "accounts_signin"}
REFUSED = {"in", "404", "403", "405", "2fa", "prove", "400"}


@dataclass(frozen=True)
class Asked:
    """An answer: its word for the table, and all the rest."""

    word: str
    response: HttpResponse
    body: str
    # Where a redirect leads: the name of a route.
    target: str = ""
    # The tables that it has changed, where that was looked at.
    wrote: frozenset[str] = frozenset()


def route_of(key: str) -> Route:
    """``name@variant`` is a route, with something else in its address."""
    return ROUTES[key.partition("@")[0]]


def address(world: World, key: str) -> str:
    """The route's address, with what the world has for its parameters."""
    route = route_of(key)
    if route.name.startswith("/"):
        return str(PLACES[key])
    known = told_to(world, key)
    missing = [name for name in route.parameters if name not in known]
    assert not missing, (
        f"Nothing is known of {missing} in the address of {key!r} ({route.pattern}): say in"
        " PLACES of tests/access/sent.py what stands there, of the company Nile."
    )
    values = {name: known[name] for name in route.parameters}
    return reverse(route.name, kwargs=values) + str(known.get("?", ""))


def told_to(world: World, key: str) -> dict[str, Any]:
    """What stands in the route's address, by parameter."""
    return STANDARD(world) | _place(world, route_of(key).name) | _place(world, key)


def _place(world: World, key: str) -> dict[str, Any]:
    place = PLACES.get(key, {})
    return dict(place(world) if callable(place) else place)


def ask(world: World, who: str, method: str, key: str) -> Asked:
    """One request, as this person's browser makes it; whatever it wrote stays."""
    path = address(world, key)
    more: dict[str, Any] = {}
    if method in {"POST", "PUT"}:
        more["data"] = sent_to(world, key)
        if method == "PUT" and isinstance(more["data"], dict):
            more = {"data": urlencode(more["data"], doseq=True), "content_type": FORM}
    if key.endswith(AFAR):
        more["REMOTE_ADDR"] = "203.0.113.7"
    if isinstance(more.get("data"), bytes):
        more["content_type"] = "application/json"
        if key.endswith(SIGNED):
            signature = sign(more["data"], WEBHOOK_SECRET, int(time.time()))
            more["headers"] = {"Stripe-Signature": signature}
    return _send(world.browser(who, path), method, path, key, **more)


def ask_by_key(world: World, name: str, method: str, key: str) -> Asked:
    """One request of a program with this key of the API; "none" has none."""
    more: dict[str, Any] = {"headers": {"Idempotency-Key": "r-1"}}
    if name in world.keys:
        more["headers"]["Authorization"] = f"Bearer {world.keys[name]}"
    if method == "POST":
        more |= {"data": json.dumps(sent_to(world, key)), "content_type": "application/json"}
    return _send(Client(enforce_csrf_checks=True), method, address(world, key), key, **more)


def sent_to(world: World, key: str) -> Any:
    """What is POSTed there."""
    sent = SENT.get(f"{key} POST", SENT.get(f"{key.partition('@')[0]} POST", {}))
    return sent(world) if callable(sent) else sent


def _send(client: Client, method: str, path: str, key: str, **more: Any) -> Asked:
    forget_limits()
    box = settings.EXPORTS_ROOT / "mailbox" if key.endswith(DEMO) else None
    with override_settings(DEMO_MAILBOX=box):
        return read(getattr(client, method.lower())(path, **more), path, method)


def forget_limits() -> None:
    """Nobody has asked too often."""
    cache.clear()
    throttle.requests.forget()
    throttle.failures.forget()


def read(response: HttpResponse, path: str, method: str) -> Asked:
    """The answer in one word."""
    body = _body(response)
    status = response.status_code
    if status in {301, 302, 303}:
        return _redirected(response, body, path)
    if status == 422:
        return Asked("form", response, body)
    if status == 200 and method in {"POST", "PUT"} and _is_again(response):
        return Asked("form", response, body)
    if 200 <= status < 300:
        return Asked("ok", response, body)
    return Asked(str(status), response, body)


def _is_again(response: HttpResponse) -> bool:
    """Whether a page shows its own form once more, as allauth does without a 422."""
    context = getattr(response, "context", None)
    form = context.get("form") if context is not None else None
    return form is not None and bool(getattr(form, "errors", None))


def _redirected(response: HttpResponse, body: str, path: str) -> Asked:
    there = urlsplit(response["Location"])
    try:
        name = resolve(there.path).view_name if not there.netloc else "elsewhere"
    except Resolver404:
        name = there.path
    here = urlsplit(path).path
    if name == "account_login" and resolve(here).view_name in DONE_AT_SIGN_IN:
        return Asked("ok", response, body, name)
    words = {
        "account_login": "in",
        "account_reauthenticate": "prove",
        "mfa_reauthenticate": "prove",
        "mfa_reauthenticate_webauthn": "prove",
        "security": "2fa" if not here.startswith("/auth/") else "ok",
        "home": "home",
    }
    return Asked(words.get(name, "ok"), response, body, name)


def _body(response: HttpResponse) -> str:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    response.close()
    return bytes(content).decode(errors="replace")

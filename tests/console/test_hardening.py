"""What holds for every page: its headers and its words, its cookies, and how often it is asked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from html.parser import HTMLParser
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

from accounts import invitations
from accounts.models import Role
from billing import transfers
from console.postgres import CHECKOUT
from tests.billing.payments.bank import ask as ask_for_payment
from tests.factories import PASSWORD
from tests.reports.exports import ask

pytestmark = pytest.mark.django_db(transaction=True)

POLICY = {
    "default-src": ["'self'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
SAMPLES = {"company": "nile", "code": "marketing", "name": "stripe", "prefix": "cck_abcdefgh"}


def patterns(resolver: URLResolver, before: str = "") -> set[str]:
    found = set()
    for each in resolver.url_patterns:
        whole = before + str(each.pattern)
        found |= patterns(each, whole) if isinstance(each, URLResolver) else {whole}
    return found


def addresses() -> set[str]:
    """Every page there is; what stands for an id may be there or not: a refusal is a page, too."""

    def sample(match: re.Match[str]) -> str:
        kind, name = match[1], match[2]
        return str(uuid4()) if kind == "uuid" else "1" if kind == "int" else SAMPLES.get(name, "1")

    plain = {each for each in patterns(get_resolver()) if "^" not in each}
    found = {"/" + re.sub(r"<(?:(\w+):)?(\w+)>", sample, each) for each in plain}
    # For machines, and answered before anything else: see test_health.
    found -= {"/healthz", "/readyz", "/metrics"}
    return found | {"/nowhere", "/auth/password/reset/key/1-abc-def/"}


class Page(HTMLParser):
    """What a strict policy forbids, and where the page leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "style" or (tag == "script" and "src" not in given and not self.is_data(given)):
            self.inline.append(tag)
        for name, value in attributes:
            if (
                name == "style"
                or name.startswith(("on", "hx-on"))
                or "javascript:" in (value or "")
            ):
                self.inline.append(f"{tag} {name}={value}")
        if tag == "a" and (given.get("href") or "").startswith("/"):
            self.links.add(given["href"])

    @staticmethod
    def is_data(given: dict) -> bool:
        return given.get("type") == "application/json"


def pages(cast):
    """Each page there is, as it is answered; and once what the pages lead to, of each kind."""
    transfers.make(
        source=cast.marketing,
        destination=cast.retail,
        amount=Decimal(1),
        key=uuid4(),
        by=cast.admin,
    )
    ask_for_payment(cast.marketing)
    browsers = {"operator": Client(), "admin": Client()}
    for who, browser in browsers.items():
        browser.force_login(getattr(cast, who))
    todo, done = sorted(addresses()), set()
    for address in todo:
        path = urlsplit(address).path
        # Ids are of one kind; but "1" stands for any of them, and may be there or not.
        kind = re.sub(r"[0-9a-f-]{36}|\d{2,}|nile-[^/]+", "#", path)
        if kind in done or "logout" in path:
            continue
        done.add(kind)
        answer = browsers["operator" if "/operator/" in path else "admin"].get(address)
        page = None
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            page = Page(answer.content.decode())
            todo += sorted(page.links)
        answer.close()
        yield path, answer, page


def test_every_page_keeps_to_the_policy_and_has_nothing_inline(cast):
    seen = Counter()
    for path, answer, page in pages(cast):
        seen[answer.status_code] += 1
        assert answer.status_code < 500, path
        for name, value in HEADERS.items():
            assert answer.headers.get(name) == value, (path, name)
        policy = {
            part.split()[0]: part.split()[1:]
            for part in answer.headers["Content-Security-Policy"].split(";")
            if part.strip()
        }
        assert {**policy, **POLICY} == policy, path
        assert set(policy) - set(POLICY) == {"form-action"}, path
        assert page is None or page.inline == [], path
    assert seen.total() > 110
    assert seen[200] > 50


def test_another_host_is_refused(client, settings):
    settings.ALLOWED_HOSTS = ["console.example"]
    assert client.get("/auth/login/", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/auth/login/", headers={"host": "console.example"}).status_code == 200


# Another process, which starts as a deployment does: over HTTPS, with nothing of a developer's.
DEPLOYED = """
import json, django
django.setup()
from django.conf import settings
from django.test import Client
settings.STORAGES["staticfiles"]["BACKEND"] = (
    "django.contrib.staticfiles.storage.StaticFilesStorage"
)
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
client = Client(headers={"host": "console.example"})
plain = client.get("/auth/login/")
page = client.get("/auth/login/", secure=True)
form = {"login": "member@nile.example", "password": "a password"}
signed_in = client.post("/auth/login/", form, secure=True)
client.post("/auth/security/sign-ins/end-others/", secure=True)
cookies = {name: str(each.OutputString()) for name, each in client.cookies.items()}
print(json.dumps({
    "redirect": [plain.status_code, plain.url],
    "hsts": page.headers["Strict-Transport-Security"],
    "signed_in": signed_in.status_code,
    "cookies": cookies,
    "debug": settings.DEBUG,
}))
"""


def deployed(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    parts = urlsplit(os.environ["DATABASE_URL"])
    url = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
    wanted = {
        "DATABASE_URL": url,
        "SECRET_KEY": "".join(f"{number:x}k" for number in range(40)),
        "ALLOWED_HOSTS": "console.example",
        "EMAIL_URL": "smtp://mail.example",
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "PYTHONPATH": str(CHECKOUT),
        "PATH": os.environ["PATH"],
    }
    wanted |= environment
    return subprocess.run(
        [sys.executable, "-c", program],
        env={name: value for name, value in wanted.items() if value},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_deployed_it_speaks_https_only_and_its_cookies_are_of_this_host_alone(cast):
    done = deployed(DEPLOYED.replace("a password", PASSWORD))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["redirect"] == [301, "https://console.example/auth/login/"]
    assert said["hsts"] == "max-age=31536000; includeSubDomains; preload"
    assert (said["signed_in"], said["debug"]) == (302, False)
    assert set(said["cookies"]) == {"__Host-sessionid", "__Host-csrftoken", "__Host-messages"}
    for name in said["cookies"]:
        parts = {part.strip() for part in said["cookies"][name].split(";")}
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= parts
        assert not any(part.startswith("Domain") for part in parts)
    assert "expires" not in said["cookies"]["__Host-sessionid"].lower()


@pytest.mark.parametrize(
    ("missing", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "short"),
        ("EMAIL_URL", ""),
        ("STRIPE_API_KEY", "sk_live"),
    ],
)
def test_deployed_it_does_not_start_without_its_secrets(missing, value):
    done = deployed("import django; django.setup()", **{missing: value})
    assert done.returncode != 0
    assert missing in done.stderr


def test_an_address_accepts_invitations_twenty_times_a_minute(cast):
    made = invitations.invite(
        company=cast.nile, account=cast.marketing, role=Role.MEMBER, email="new@nile.example",
        by=cast.admin,
    )  # fmt: skip
    link = f"/invitations/{invitations.token_of(made)}/"
    tried = [Client().post(link, {"name": ""}).status_code for _n in range(21)]
    assert tried == [422] * 20 + [429]
    assert Client().get(link).status_code == 200


def test_a_person_proves_who_they_are_ten_times_a_minute(cast, client):
    client.force_login(cast.member)
    page = reverse("account_reauthenticate")
    said = [client.post(page, {"password": "wrong"}).content.decode() for _n in range(11)]
    assert "This was tried too often." in said[-1] or "Too many attempts" in said[-1]
    assert "The password is wrong." in said[0]


def test_a_person_asks_for_so_many_files_a_minute(cast, settings):
    settings.ACCOUNT_RATE_LIMITS = {"export": "2/m/user"}
    for who, status in [("admin", 200), ("admin", 200), ("admin", 422), ("finance", 200)]:
        answer = ask(getattr(cast, who))
        assert answer.status_code == status
        answer.close()

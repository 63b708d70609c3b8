"""What the overview weighs on the wire: the page and all it loads, as WhiteNoise sends it."""

from __future__ import annotations

import gzip
import re
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.test import Client
from django.urls import reverse
from whitenoise import WhiteNoise

from accounts.models import BalanceMode
from tests.console.overview import spend
from tests.factories import Cast, give, make_subaccount

pytestmark = pytest.mark.django_db

LIMIT = 60_000
ACCEPT = "gzip, deflate, br"


@pytest.fixture
def collected(settings, tmp_path: Path) -> Path:
    """The static files as they are served: hashed, and compressed beside themselves."""
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
    storages._storages.clear()
    call_command("collectstatic", interactive=False, verbosity=0)
    return tmp_path


def sent(server: WhiteNoise, path: str) -> bytes:
    """The body that WhiteNoise sends to a browser for the file."""
    status: list[str] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_ACCEPT_ENCODING": ACCEPT}
    answer = server(environ, lambda code, headers: status.append(code))
    with closing(answer):
        body = b"".join(answer)
    assert status == ["200 OK"], f"{path}: {status}"
    return body


def test_the_overview_with_all_it_loads_is_at_most_60_kb(cast: Cast, collected: Path) -> None:
    for number in range(60):
        mode = BalanceMode.SHARED if number % 2 else BalanceMode.ALLOCATED
        branch = make_subaccount(cast.nile, f"branch-{number}", mode=mode)
        give(branch, "100.25")
        spend(branch, f"{number + 1}.0125")
    client = Client(headers={"Accept-Encoding": ACCEPT})
    client.force_login(cast.admin)
    response = client.get(reverse("overview", args=["nile"]))
    assert response.headers["Content-Encoding"] == "gzip"
    page = gzip.decompress(response.content).decode()
    server = WhiteNoise(get_wsgi_application())
    server.add_files(str(collected), prefix=settings.STATIC_URL)
    wanted = re.findall(rf'(?:href|src)="({settings.STATIC_URL}[^"]+)"', page)
    weights = {"page": len(response.content)}
    while wanted:
        path = wanted.pop()
        if path in weights:
            continue
        body = sent(server, path)
        weights[path] = len(body)
        # What a style sheet imports is beside it.
        plain = (collected / path.removeprefix(settings.STATIC_URL)).read_text()
        if path.endswith(".css"):
            folder = path.rsplit("/", 1)[0]
            imported = re.findall(r'url\("([^"]+)"\)', plain)
            wanted += [f"{folder}/{each}" for each in imported if not each.startswith("data:")]
    assert any("htmx" in path for path in weights)
    assert any("components/chart" in path for path in weights)
    total = sum(weights.values())
    print(f"overview: {total:,} bytes, page {weights['page']:,}")
    assert total <= LIMIT, weights

"""The overview of a company with 1,000 subaccounts: does it grow with its entries?"""

from __future__ import annotations

import time
from statistics import median

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import reverse

from tests.benchmarks import books, stage

QUERIES = 15
REQUESTS = 15
# The page of the large company takes at most three times as long as that of the small one.
GOAL = 1 / 3


def run() -> None:
    """Count the queries of the page and time it, by turns, with few and with many entries."""
    # DEBUG would keep all queries; static files have not been collected here.
    storages = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    with (
        books.kept_books() as sizes,
        override_settings(STORAGES=storages, ALLOWED_HOSTS=["*"], SECURE_SSL_REDIRECT=False),
    ):
        pages = {code: _Page(code) for code in sizes}
        taken: dict[str, list[float]] = {code: [] for code in sizes}
        for _ in range(REQUESTS):
            for code, page in pages.items():
                taken[code].append(page.seconds())
        for code, entries in sizes.items():
            stage.report(
                f"overview, {books.SUBACCOUNTS:,} subaccounts, {entries:,} entries,"
                f" queries={pages[code].queries()} goal<={QUERIES}",
                QUERIES / pages[code].queries(),
                1.0,
            )
        small, large = (median(each) * 1000 for each in taken.values())
        stage.report(
            f"overview, server time with {sizes['large']:,} entries {large:.0f} ms;"
            f" with {sizes['small']:,} {small:.0f} ms",
            stage.ratio(taken["small"], taken["large"]),
            round(GOAL, 2),
        )


class _Page:
    """The overview as the master admin of a company asks for it."""

    def __init__(self, code: str) -> None:
        self._client = Client()
        self._client.force_login(books.admin_of(code))
        self._address = reverse("overview", args=[code])
        self.seconds()  # which fills the caches

    def seconds(self) -> float:
        """How long it takes."""
        began = time.perf_counter()
        answer = self._client.get(self._address)
        taken = time.perf_counter() - began
        if answer.status_code != 200:
            raise RuntimeError(f"{self._address} answers {answer.status_code}")
        return taken

    def queries(self) -> int:
        """How many it runs."""
        with CaptureQueriesContext(connection) as queries:
            self.seconds()
        return len(queries)

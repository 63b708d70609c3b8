"""The page of transactions: does it grow with the entries of the company?"""

from __future__ import annotations

import time
from statistics import median

from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account
from billing.models import Entry
from reports import pages
from reports.pages import Cursor, write_cursor
from tests.benchmarks import books, stage

REQUESTS = 15
# The page of the large company takes at most three times as long as that of the small one.
GOAL = 1 / 3
THOUSANDTH = 999 * pages.PAGE_SIZE


def run() -> None:
    """Time the pages by turns, with few and with many entries."""
    storages = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    with (
        books.kept_books() as sizes,
        override_settings(STORAGES=storages, ALLOWED_HOSTS=["*"], SECURE_SSL_REDIRECT=False),
    ):
        addresses = {code: _addresses(code) for code in sizes}
        clients = {code: _client(code) for code in sizes}
        for what in addresses["large"]:
            taken: dict[str, list[float]] = {code: [] for code in sizes}
            for _ in range(REQUESTS + 1):
                for code, client in clients.items():
                    taken[code].append(_seconds(client, addresses[code][what]))
            small, large = (each[1:] for each in taken.values())
            stage.report(
                f"transactions, {what}, {sizes['large']:,} entries {median(large) * 1000:.0f} ms;"
                f" {sizes['small']:,} entries {median(small) * 1000:.0f} ms",
                stage.ratio(small, large),
                round(GOAL, 2),
            )


def _addresses(code: str) -> dict[str, str]:
    """The pages that are measured."""
    company = Account.objects.get(code=code)
    entries = pages.ordered(Entry.objects.filter(master=company), pages.Order.NEWEST)
    # The thousandth page, or the last one where there are not so many.
    place = min(THOUSANDTH, entries.count() - 2 * pages.PAGE_SIZE)
    entry = entries[place - 1]
    cursor = write_cursor(Cursor("next", entry.posted_at, entry.holder_id, entry.seq), company)
    account = company.tree.exclude(pk=company.pk).order_by("pk")[500]
    today = timezone.localdate(timezone=company.zone)
    month = today.replace(day=1)
    queries: dict[str, dict[str, object]] = {
        "first page": {},
        "thousandth page": {"cursor": cursor},
        "one month": {"date_from": month, "date_to": today},
        "one account": {"account": account.pk},
        "one kind (usage)": {"kind": "usage"},
        "one kind (payment)": {"kind": "payment"},
        "money in": {"direction": "in"},
    }
    return {
        what: reverse("transaction-list", args=[code], query=query or None)
        for what, query in queries.items()
    }


def _client(code: str) -> Client:
    client = Client()
    client.force_login(books.admin_of(code))
    return client


def _seconds(client: Client, address: str) -> float:
    began = time.perf_counter()
    answer = client.get(address)
    taken = time.perf_counter() - began
    if answer.status_code != 200 or b"<tbody" not in answer.content:
        raise RuntimeError(f"{address} answers {answer.status_code}")
    return taken

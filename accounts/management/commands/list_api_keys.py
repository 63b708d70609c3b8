"""``manage.py list_api_keys``: which keys of the API there are."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Account, ApiKey

HEAD = ("prefix", "company", "last used (UTC)", "revoked (UTC)", "scopes", "name")


class Command(BaseCommand):
    """A table, oldest key first. The keys themselves are nowhere to be read."""

    help = "List the keys of the API: prefix, company, when last used and revoked, scopes, name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """All of them, or one company's."""
        parser.add_argument("--master", metavar="CODE", help="only keys of this master account")

    def handle(self, *args: Any, master: str | None, **options: Any) -> None:
        """Print the table. Raises CommandError for an unknown company."""
        keys = ApiKey.objects.select_related("master").order_by("pk")
        if master is not None:
            if not Account.objects.masters().filter(code=master).exists():
                raise CommandError(f"There is no master account with the code {master!r}.")
            keys = keys.filter(master__code=master)
        rows = [HEAD] + [
            (
                key.prefix,
                key.master.code if key.master else "(platform)",
                _minute(key.last_used_at, "never"),
                _minute(key.revoked_at, "no"),
                " ".join(key.scopes),
                key.name,
            )
            for key in keys
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())


def _minute(moment: datetime | None, otherwise: str) -> str:
    return otherwise if moment is None else f"{moment:%Y-%m-%d %H:%M}"

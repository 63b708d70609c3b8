"""``manage.py revoke_api_key``: a key of the API that is refused from now on."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import api_keys
from accounts.models import ApiKey


class Command(BaseCommand):
    """The argument and the words; ``accounts.api_keys`` does the work."""

    help = "Revoke a key of the API for good, at once. Called twice, the second changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which key."""
        parser.add_argument("prefix", metavar="PREFIX", help="as list_api_keys shows it")

    def handle(self, *args: Any, prefix: str, **options: Any) -> None:
        """Revoke it. Raises CommandError for an unknown prefix."""
        try:
            key = api_keys.revoke(prefix=prefix)
        except ApiKey.DoesNotExist:
            raise CommandError(f"There is no key with the prefix {prefix!r}.") from None
        self.stdout.write(
            f"Key {key.prefix} ({key.name}) is revoked since {key.revoked_at:%Y-%m-%d %H:%M} UTC."
        )

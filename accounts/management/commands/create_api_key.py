"""``manage.py create_api_key``: a key of the API, shown once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts import api_keys
from accounts.models import Account, Scope, User


class Command(BaseCommand):
    """The arguments and the words; ``accounts.api_keys`` does the work."""

    help = (
        "Make a key of the API and print it: once, for it is not kept. Only the key goes to"
        " standard output. Scopes: " + ", ".join(f"{each.value} ({each.label})" for each in Scope)
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whom the key is for, and what it is good for."""
        parser.add_argument("--name", required=True, help="what it is for: 'SMS gateway, Cairo'")
        whom = parser.add_mutually_exclusive_group(required=True)
        whom.add_argument("--master", metavar="CODE", help="for this master account alone")
        whom.add_argument("--platform", action="store_true", help="for every master account")
        parser.add_argument(
            "--scope",
            metavar="SCOPE",
            dest="scopes",
            action="append",
            required=True,
            choices=Scope.values,
            help="may be given several times",
        )
        parser.add_argument("--by", metavar="E-MAIL", help="who asked for it: a user's address")

    def handle(
        self,
        *args: Any,
        name: str,
        master: str | None,
        platform: bool,
        scopes: list[str],
        by: str | None,
        **options: Any,
    ) -> None:
        """Make the key. Raises CommandError for an unknown company or person."""
        company = person = None
        if not platform:
            company = Account.objects.masters().filter(code=master).first()
            if company is None:
                raise CommandError(f"There is no master account with the code {master!r}.")
        if by is not None:
            person = User.objects.filter(email=by.lower()).first()
            if person is None:
                raise CommandError(f"There is no user with the address {by!r}.")
        try:
            row, key = api_keys.create(
                name=name, scopes=[Scope(each) for each in scopes], master=company, by=person
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stderr.write(
            f"Key {row.prefix} ({row.name}) for"
            f" {'every company' if company is None else company.name}: {', '.join(row.scopes)}."
        )
        self.stderr.write("Keep it now: it cannot be shown again.")
        self.stdout.write(key)

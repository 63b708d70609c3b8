"""``manage.py database_role``: the rights of the role that the console connects as."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connection, transaction

from console import database_role


class Command(BaseCommand):
    """Prints the SQL, or runs it in one transaction."""

    help = (
        "Give a PostgreSQL role the rights that the console needs, and no other: entries, the"
        " audit log and all that is append-only it can read and add to. Run it as the owner of"
        " the tables, after each migration."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The role, and whether to run the SQL."""
        parser.add_argument("role", help="the role of the console, which must be there")
        parser.add_argument("--apply", action="store_true", help="run the SQL, too")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the SQL; with --apply run it. Again it changes nothing. Raises CommandError."""
        try:
            lines = database_role.statements(options["role"])
            if options["apply"]:
                database_role.require_owner()
                with transaction.atomic(), connection.cursor() as cursor:
                    for line in lines:
                        cursor.execute(line)
        except (database_role.NoSuchRole, database_role.NotTheOwner) as refusal:
            raise CommandError(str(refusal)) from refusal
        except Error as error:
            raise CommandError(f"PostgreSQL refused: {error}".strip()) from error
        if options["apply"]:
            self.stdout.write(
                f"{options['role']} may do what the console does, and no more"
                f" ({len(lines)} statements)."
            )
        else:
            self.stdout.write("".join(f"{line};\n" for line in ["BEGIN", *lines, "COMMIT"]))

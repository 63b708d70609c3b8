#!/usr/bin/env python
"""Django's command line. Without DATABASE_URL it brings its own PostgreSQL (console.local)."""

from __future__ import annotations

import os
import signal
import sys

from django.core.management import execute_from_command_line

from console import local, postgres

# They never connect, so no server has to start for them.
WITHOUT_DATABASE = {
    "check",
    "collectstatic",
    "compilemessages",
    "findstatic",
    "help",
    "makemessages",
    "sandbox",
    "version",
}


def main() -> None:
    """Prepare the environment where nobody else has, then run the command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    needs_none = {"-h", "--help", "--version"} & set(sys.argv) or command in WITHOUT_DATABASE
    try:
        local.prepare(database=not needs_none or "--database" in sys.argv)
        execute_from_command_line(sys.argv)
    except postgres.EmbeddedPostgresError as refusal:
        sys.exit(f"manage.py: {refusal}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()

"""Which server Django talks to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dj_database_url
from django.db import connection


def use(url: str, **options: str) -> None:
    """Connect Django to this server from now on, in all threads: they share one dictionary."""
    connection.close()
    place = dj_database_url.parse(url)
    connection.settings_dict.update(
        {key: place[key] for key in ("HOST", "PORT", "NAME", "USER", "PASSWORD")}
    )
    # Not changed in place: it is the settings' own.
    connection.settings_dict["OPTIONS"] = connection.settings_dict["OPTIONS"] | options


@contextmanager
def used(url: str) -> Iterator[None]:
    """Connect Django to this server, and back to where it was."""
    before = dict(connection.settings_dict)
    use(url)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)

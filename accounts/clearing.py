"""What is over and nobody will ask for again: ended sign-ins and forgotten counters."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone
from psycopg.sql import SQL, Identifier

from accounts.models import SignIn

_CACHE_BACKEND = "django.core.cache.backends.db.DatabaseCache"


def clear_away() -> int:
    """Remove sessions, sign-ins and rows of the cache that are over; how many.

    Sessions are over by their own date, rows of sign-ins after the longest time that any of them
    lasts. A second call finds nothing.
    """
    now = timezone.now()
    sessions, _each = Session.objects.filter(expire_date__lt=now).delete()
    longest = timedelta(days=settings.SIGN_IN_DAYS)
    sign_ins, _each = SignIn.objects.filter(created_at__lt=now - longest).delete()
    return sessions + sign_ins + _clear_cache()


def _clear_cache() -> int:
    """Django removes a row only when its very key is asked for again, or at a million rows."""
    removed = 0
    for cache in settings.CACHES.values():
        if cache["BACKEND"] == _CACHE_BACKEND:
            with connection.cursor() as cursor:
                cursor.execute(
                    SQL("DELETE FROM {} WHERE expires < date_trunc('second', now())").format(
                        Identifier(str(cache["LOCATION"]))
                    )
                )
                removed += cursor.rowcount
    return removed

"""How often one may ask: counted in each process, for a count in the database would cost more than
most of the answers.

Not by the package ``limits``: its memory storage starts a thread for nearly every request, which
takes as long as reading a balance.
"""

from __future__ import annotations

import math
import threading
import time

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest

from billing.api.problems import Problem


class Window:
    """Counts within a fixed span of time: all that it knows is forgotten at the span's end."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._number = 0
        self._counts: dict[int | str, int] = {}

    def wait_for(self, who: int | str, most: int) -> int:
        """Count once more for ``who``; how many seconds to wait if that was more than ``most``."""
        now = time.monotonic()
        number = int(now // self._seconds)
        with self._lock:
            if number != self._number:
                self._number = number
                self._counts.clear()
            count = self._counts[who] = self._counts.get(who, 0) + 1
        return 0 if count <= most else math.ceil((number + 1) * self._seconds - now)

    def forget(self) -> None:
        """Start anew; for tests."""
        with self._lock:
            self._counts.clear()


requests = Window(seconds=1)
failures = Window(seconds=60)


def count_request(key: int) -> None:
    """Count a request with the key of this id. Raises Problem (429) when it is one too many."""
    wait = requests.wait_for(key, settings.API_REQUESTS_PER_SECOND)
    if wait:
        raise _too_many("This key has asked too often within this second.", wait)


def count_failure(request: HttpRequest) -> None:
    """Count a request without a valid key. Raises Problem (429) when its address sent too many.

    Only failures are refused: a secret of 256 bits cannot be guessed, and whoever shares an
    address with a program that went astray must go on working.
    """
    wait = failures.wait_for(_address(request), settings.API_FAILURES_PER_MINUTE)
    if wait:
        raise _too_many("Too many requests without a valid key came from here.", wait)


def _too_many(detail: str, wait: int) -> Problem:
    return Problem("too-many-requests", detail, headers={"Retry-After": str(max(1, wait))})


def _address(request: HttpRequest) -> str:
    """The client's address, as sign-in sees it (``ALLAUTH_TRUSTED_PROXY_COUNT``)."""
    try:
        return str(get_adapter().get_client_ip(request))
    except (PermissionDenied, ImproperlyConfigured):
        # No address, or a header that the proxies cannot have written: they share one count.
        return "unknown"

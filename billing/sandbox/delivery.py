"""The signed messages to the console: again and again, ever later, until it answers with 2xx."""

from __future__ import annotations

import hashlib
import heapq
import hmac
import http.client
import itertools
import json
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

# Seconds between one attempt and the next; Stripe itself goes on for three days.
WAITS = (0.3, 0.6, 1.2, 2.5, 5, 10, 20, 40, 60, 60, 60, 60)
SENDERS = 4
_TIMEOUT = 20


@dataclass
class Delivery:
    """A message, and how it went so far; ``answers`` are statuses, 0 where nobody answered."""

    event: dict[str, Any]
    url: str
    answers: list[int] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether the console has it."""
        return bool(self.answers) and 200 <= self.answers[-1] < 300


def sign(body: bytes, secret: str, at: int) -> str:
    """The header ``Stripe-Signature``."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


class Post:
    """Threads that deliver; ``send`` returns at once."""

    def __init__(self, console: str, secret: str) -> None:
        self.console, self._secret = console, secret
        self._due: list[tuple[float, int, Delivery]] = []
        self._number = itertools.count()
        self._all: list[Delivery] = []
        self._bell = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name="sandbox-post", daemon=True)
            for _n in range(SENDERS)
        ]
        for thread in self._threads:
            thread.start()

    def send(self, event: dict[str, Any], gateway: str, *, wait: float = 0) -> None:
        """Deliver the message to the console's address for this gateway, after ``wait`` s."""
        delivery = Delivery(event, f"{self.console}/gateways/{gateway}/webhook/")
        with self._bell:
            self._all.append(delivery)
        self._put(delivery, wait)

    def again(self, event_id: str) -> bool:
        """Send a message once more, whatever became of it; whether there is one of this id."""
        with self._bell:
            found = next((each for each in self._all if each.event["id"] == event_id), None)
        if found is None:
            return False
        self._put(Delivery(found.event, found.url), 0)
        return True

    def listed(self) -> list[dict[str, Any]]:
        """All deliveries, first ones first."""
        with self._bell:
            return [asdict(each) | {"is_done": each.is_done} for each in self._all]

    def close(self) -> None:
        """Stop delivering; what is not delivered is lost."""
        with self._bell:
            self._closed = True
            self._bell.notify_all()
        for thread in self._threads:
            thread.join(timeout=_TIMEOUT)

    def _put(self, delivery: Delivery, wait: float) -> None:
        with self._bell:
            heapq.heappush(self._due, (time.monotonic() + wait, next(self._number), delivery))
            self._bell.notify()

    def _work(self) -> None:
        while (delivery := self._next()) is not None:
            status = self._attempt(delivery)
            with self._bell:
                delivery.answers.append(status)
                attempts = len(delivery.answers)
            if not delivery.is_done and attempts <= len(WAITS):
                self._put(delivery, WAITS[attempts - 1])

    def _next(self) -> Delivery | None:
        with self._bell:
            while not self._closed:
                left = self._due[0][0] - time.monotonic() if self._due else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._due)[2]
                self._bell.wait(left)
        return None

    def _attempt(self, delivery: Delivery) -> int:
        body = json.dumps(delivery.event).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (sandbox)",
            "Stripe-Signature": sign(body, self._secret, int(time.time())),
        }
        address = urlsplit(delivery.url)
        line = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT)
        try:
            line.request("POST", address.path, body, headers)
            answer = line.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return 0
        else:
            return answer.status
        finally:
            line.close()

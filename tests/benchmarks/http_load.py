"""A process that asks over one connection that stays open, as often as it gets an answer."""

from __future__ import annotations

import http.client
import time
from typing import Any


def work(
    number: int, *, port: int, path: str, headers: dict[str, str], seconds: float
) -> dict[str, Any]:
    """GET ``path`` for so long; the answers a second."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    answers = 0
    began = time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} answers {answer.status} {body!r}")
        answers += 1
    connection.close()
    return {"rate": answers / taken}

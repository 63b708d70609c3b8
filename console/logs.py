"""Lines of the log: each names its request, and none holds an address that is a secret.

What is logged are our own sentences: no bodies, no headers, no query strings.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

from django.http import HttpRequest

from console.request_facts import current

# Links of mails that set a password or take up an invitation, and whole keys of the API.
_SECRETS = (
    (re.compile(r"(/key/)[^/\s]+-[^/\s]+"), r"\1..."),
    (re.compile(r"(/invitations?/)[A-Za-z0-9_:-]{20,}"), r"\1..."),
    (re.compile(r"(cck_[a-z2-7]{8})_[A-Za-z0-9_-]{20,}", re.ASCII), r"\1_..."),
)


def without_secrets(text: str) -> str:
    """The text without what would let its reader in somewhere."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def request_id() -> str:
    """The id of the request under way, or "-"."""
    facts = current()
    return facts.id if facts else "-"


class Lines(logging.Formatter):
    """Lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        record.request_id = request_id()
        return without_secrets(super().format(record))


class JsonLines(logging.Formatter):
    """One JSON object a line, a traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        found: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
            "request_id": request_id(),
        }
        request = getattr(record, "request", None)
        if isinstance(request, HttpRequest):
            found["method"] = request.method
            found["route"] = request.resolver_match.route if request.resolver_match else ""
        status = getattr(record, "status_code", None)
        if isinstance(status, int):
            found["status"] = status
        for name, value in getattr(record, "facts", {}).items():
            found[name] = without_secrets(value) if isinstance(value, str) else value
        if record.exc_info:
            found["traceback"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(found, ensure_ascii=False)

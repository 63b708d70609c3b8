"""The demo's mailbox: mails are kept as files where they would be sent, the latest 200.

The worker writes them and the web server shows them: both see the same directory.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage as DjangoMail
from django.core.mail.backends.base import BaseEmailBackend

MOST = 200
NAME = re.compile(r"[0-9]{1,20}-[0-9]{1,10}-[0-9]{1,10}", re.ASCII)

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, as whoever gets it would see it. ``html`` is what the sender wrote, unchecked."""

    name: str
    when: datetime
    to: str
    sender: str
    subject: str
    text: str
    html: str


class Backend(BaseEmailBackend):
    """Keeps mails in ``settings.DEMO_MAILBOX``, which has to be set."""

    def send_messages(self, messages: Sequence[DjangoMail]) -> int:
        """Write each into a file of its own, whole or not at all. Returns how many."""
        place = _place()
        place.mkdir(parents=True, exist_ok=True)
        for message in messages:
            name = f"{time.time_ns()}-{os.getpid()}-{next(_numbers)}"
            draft = place / f"{name}.draft"
            draft.write_bytes(message.message().as_bytes())
            draft.rename(place / f"{name}.eml")
        for old in _files()[MOST:]:
            old.unlink(missing_ok=True)
        return len(messages)


def mails() -> list[Mail]:
    """The mails that are kept, the newest first."""
    found = (read(path.stem) for path in _files()[:MOST])
    return [mail for mail in found if mail is not None]


def read(name: str) -> Mail | None:
    """The mail of this name; None for what is no name, or no longer there."""
    if not NAME.fullmatch(name):
        return None
    try:
        raw = (_place() / f"{name}.eml").read_bytes()
    except FileNotFoundError:
        return None
    message = BytesParser(policy=policy.default).parsebytes(raw)
    return Mail(
        name=name,
        when=datetime.fromtimestamp(int(name.split("-", maxsplit=1)[0]) / 1e9, UTC),
        to=str(message.get("To", "")),
        sender=str(message.get("From", "")),
        subject=str(message.get("Subject", "")),
        text=_body(message, "plain"),
        html=_body(message, "html"),
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def _place() -> Path:
    place: Path | None = settings.DEMO_MAILBOX
    if place is None:
        raise RuntimeError("settings.DEMO_MAILBOX is not set: only the demo keeps mails")
    return place


def _files() -> list[Path]:
    return sorted(_place().glob("*.eml"), reverse=True)

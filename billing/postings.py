"""What the ledger is asked to write, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from billing.ledger_sql import EntryRow
from billing.models import Entry, Kind
from billing.refusals import Refused


class StartAgain(Exception):
    """A holder changed, or a reference was taken, between looking and locking: begin anew."""


class Locked(StartAgain):
    """Somebody holds a balance for longer than the connection's ``lock_timeout``."""


class Leg(NamedTuple):
    """One movement of a posting: ``amount`` is signed, ``account`` the id it is attributed to."""

    account: int
    amount: Decimal


class Capture(NamedTuple):
    """Whose reserved credit a posting takes: the hold's id and its holder's, who never changes.

    ``final`` gives back at once what the posting leaves of it.
    """

    hold: UUID
    holder: int
    final: bool = False


class Posting(NamedTuple):
    """What is to be written: one leg, or several that stand or fall together.

    ``reference`` is the caller's idempotency key. ``enforce_limit=False`` records what has already
    happened, past the limit and whatever the state. ``moment`` is for demo, import of history and
    tests only: the time of posting instead of the clock, never before the holder's last.
    A capture has the one leg of the hold's account, or none: then it takes all that remains.
    """

    kind: Kind
    reference: str
    legs: tuple[Leg, ...]
    description: str = ""
    occurred_at: datetime | None = None
    enforce_limit: bool = True
    moment: datetime | None = None
    capture: Capture | None = None


class Status(StrEnum):
    """What became of a posting."""

    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    REFUSED = "refused"
    CONFLICT = "conflict"


class Outcome(NamedTuple):
    """What became of one posting: its rows when accepted or replayed, else why it was refused."""

    status: Status
    rows: Sequence[EntryRow] = ()
    refusal: Refused | None = None

    @property
    def entries(self) -> list[Entry]:
        """The rows as model instances; no query."""
        return [Entry(**row._asdict()) for row in self.rows]

    def raise_refusal(self) -> None:
        """Raise the refusal (or conflict) if there is one."""
        if self.refusal is not None:
            raise self.refusal

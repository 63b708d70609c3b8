"""Events of the audit log as they are read: in words, and without what is another's."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import devices
from accounts.audit_events import AuditEvent, Via
from accounts.models import Account, BalanceMode, Role, Scope, State, User
from billing.models.approvals import Asked
from console import money

PAGE_SIZE = 50
# Of a CSV file: it is written while somebody waits.
MOST_ROWS = 100_000
_CHUNK = 2_000

_AMOUNT = re.compile(r"-?[0-9]+\.[0-9]{2,6}", re.ASCII)
_WORDS = {
    "after": gettext_lazy("after"),
    "amount": gettext_lazy("Amount"),
    "batch": gettext_lazy("Batch"),
    "cap": gettext_lazy("Cap a month"),
    "confirm_above": gettext_lazy("Confirm transfers above"),
    "count": gettext_lazy("Transfers"),
    "credit_limit": gettext_lazy("Credit limit"),
    "currency": gettext_lazy("Currency"),
    "fee_fixed": gettext_lazy("Fixed fee"),
    "fee_percent": gettext_lazy("Fee, percent"),
    "is_enabled": gettext_lazy("Offered"),
    "is_hard": gettext_lazy("Refuses usage at the cap"),
    "lines": gettext_lazy("Lines"),
    "max_amount": gettext_lazy("At most"),
    "min_amount": gettext_lazy("At least"),
    "mode": gettext_lazy("Balance mode"),
    "name": gettext_lazy("Name"),
    "payment": gettext_lazy("Payment"),
    "prefix": gettext_lazy("Key"),
    "recipients": gettext_lazy("Recipients"),
    "reference": gettext_lazy("Reference"),
    "reverses": gettext_lazy("Moves back transfer"),
    "role": gettext_lazy("Role"),
    "rows": gettext_lazy("Rows"),
    "scopes": gettext_lazy("May"),
    "state": gettext_lazy("State"),
    "statement": gettext_lazy("Statement"),
    "step": gettext_lazy("Step"),
    "threshold": gettext_lazy("Threshold"),
    "to": gettext_lazy("To"),
    "total": gettext_lazy("Total"),
    "transfer": gettext_lazy("Transfer"),
    "view": gettext_lazy("Read-only view"),
    "what": gettext_lazy("Asked for"),
}
# What is kept as a code, in the words of the other pages.
_CODES: dict[str, dict[str, Any]] = {
    "mode": dict(BalanceMode.choices),
    "role": dict(Role.choices),
    "scopes": dict(Scope.choices),
    "state": dict(State.choices),
    "what": dict(Asked.choices),
}
# Money of the company, in its currency.
_MONEY = frozenset(
    {
        "amount",
        "available",
        "cap",
        "confirm_above",
        "credit",
        "credit_limit",
        "threshold",
        "total",
    }
)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing before and after, in words; ``before`` is empty where there was nothing."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An event as ``reader`` may read it.

    To customers operators have no names, and neither their reasons nor where they sit is theirs.
    """

    event: AuditEvent
    reader: User

    @property
    def is_hidden(self) -> bool:
        """Whether an operator did it, and a customer reads it."""
        actor = self.event.actor
        return actor is not None and actor.is_staff and not self.reader.is_staff

    @property
    def who(self) -> str:
        """Who did it."""
        if self.is_hidden:
            return _("Operator")
        if self.event.actor is not None:
            return self.event.actor.email
        return _("The platform") if self.event.via == Via.SYSTEM else _("Nobody known")

    @property
    def whom(self) -> str:
        """To whom it was done, where that is another."""
        whom = self.event.whom
        if whom is None or whom == self.event.actor:
            return ""
        return _("Operator") if whom.is_staff and not self.reader.is_staff else whom.email

    @property
    def about(self) -> str:
        """A reason, a note, an address that was typed."""
        return "" if self.is_hidden else self.event.about

    @property
    def ip(self) -> str:
        """From where."""
        return "" if self.is_hidden else self.event.ip or ""

    @property
    def place(self) -> str:
        """From where, in words."""
        if self.is_hidden:
            return "—"
        return self.ip or str(Via(self.event.via).label)

    @property
    def user_agent(self) -> str:
        """With which browser or program."""
        return "" if self.is_hidden else self.event.user_agent

    @property
    def browser(self) -> str:
        """The same in words, where it is a browser that we know."""
        return devices.known(self.user_agent) or self.user_agent

    @property
    def changes(self) -> list[Change]:
        """What was before and is now."""
        before, after = self.event.before, self.event.after
        return [
            Change(
                str(_WORDS.get(name, name.replace("_", " ").capitalize())),
                self._words(name, before[name]) if before.get(name) is not None else "",
                self._words(name, after[name]) if name in after else "—",
            )
            for name in {**before, **after}
            if name not in before or name not in after or before[name] != after[name]
        ]

    def _words(self, name: str, value: Any) -> str:
        company = self.event.master
        shown = _value(value, _CODES.get(name, {}))
        is_money = name in _MONEY and isinstance(value, str) and _AMOUNT.fullmatch(value)
        return f"{company.currency} {shown}" if is_money and company else shown

    @property
    def cells(self) -> list[str]:
        """A row of the CSV file."""
        event = self.event
        return [
            event.at.isoformat(),
            event.action,
            event.words,
            event.master.code if event.master else "",
            event.account.code if event.account else "",
            self.who,
            self.whom,
            event.via,
            self.about,
            json.dumps(event.before, ensure_ascii=False) if event.before else "",
            json.dumps(event.after, ensure_ascii=False) if event.after else "",
            self.ip,
            self.user_agent,
            "" if self.is_hidden else event.request_id,
        ]


HEADER = [
    "at",
    "action",
    "words",
    "company",
    "account",
    "by",
    "whom",
    "via",
    "about",
    "before",
    "after",
    "ip",
    "user_agent",
    "request_id",
]


def events_of(company: Account | None) -> QuerySet[AuditEvent]:
    """The events of a company, or all; newest first, each with whom it names."""
    found = AuditEvent.objects.select_related("account", "master", "actor", "whom")
    if company is not None:
        found = found.filter(master=company)
    return found.order_by("-at", "-id")


def older(found: QuerySet[AuditEvent], last: AuditEvent) -> QuerySet[AuditEvent]:
    """Those before ``last``, by the index and without counting."""
    return found.filter(at__lte=last.at).filter(Q(at__lt=last.at) | Q(pk__lt=last.pk))


def too_many(found: QuerySet[AuditEvent]) -> bool:
    """Whether they are more than a file has. Counts no further."""
    return found.order_by()[: MOST_ROWS + 1].count() > MOST_ROWS


def write_csv(found: QuerySet[AuditEvent], reader: User) -> Iterator[str]:
    """The lines of a CSV file, newest first, each cell safe to open in a spreadsheet."""
    writer = csv.writer(_Echo())
    # A mark, without which spreadsheets take UTF-8 for something else.
    yield "\ufeff" + writer.writerow(HEADER)
    rows = list(found[:_CHUNK])
    written = 0
    while rows and written < MOST_ROWS:
        for event in rows[: MOST_ROWS - written]:
            yield writer.writerow([_defused(cell) for cell in AuditRow(event, reader).cells])
        written += len(rows)
        rows = list(older(found, rows[-1])[:_CHUNK])


class _Echo:
    """A file that returns what is written to it."""

    def write(self, text: str) -> str:
        return text


def _defused(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _value(value: Any, words: dict[str, Any]) -> str:
    if value is None or value in ("", []):
        return "—"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(str(words.get(str(each), each)) for each in value)
    if isinstance(value, str) and _AMOUNT.fullmatch(value):
        return money.format_amount(Decimal(value), len(value.partition(".")[2]))
    return str(words.get(str(value), value))

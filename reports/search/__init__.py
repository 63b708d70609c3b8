"""The operators' search across all companies: what bears a name, a number or a reference.

Everything is found by an index: whole references, beginnings of codes and addresses, and words of
names by their beginnings. Where the index begins with the company, each company's is asked. No
statement takes longer than ``reports.queries.PATIENCE_SECONDS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from reports.queries import TookTooLong, bounded
from reports.search import books, people
from reports.search.wanted import MOST, Group, Wanted

__all__ = ["LONGEST", "MOST", "search", "without_secret"]

LONGEST = 200

_KEY = re.compile(r"(cck_[a-z2-7]{8})_[A-Za-z0-9_-]+", re.ASCII)

# What is looked for together, and what it is called when that took too long.
_PARTS: list[tuple[str | Promise, list[Callable[[Wanted], Group]]]] = [
    (
        _("Companies, people, invitations, payments and refunds"),
        [people.companies, people.people, people.invitations, books.payments, books.refunds],
    ),
    (
        _("API keys, bank statements and the audit log"),
        [people.keys, books.bank_statements, books.bank_lines, people.audit],
    ),
    (_("Transactions"), [books.entries]),
    (_("Transfers, holds and statements"), [books.transfers, books.holds, books.statements]),
]


def without_secret(text: str) -> str:
    """A key of the API is found by its public part; the rest belongs in no address and no page."""
    return _KEY.sub(r"\1", text)


def search(text: str) -> list[Group]:
    """The groups that have results, or could not be looked for in time.

    A fixed number of statements, however much there is.
    """
    wanted = Wanted(text)
    groups: list[Group] = []
    for name, part in _PARTS:
        try:
            with bounded():
                groups += [look(wanted) for look in part]
        except TookTooLong:
            groups.append(Group(name, [], slow=True))
    return [group for group in groups if group.results or group.slow]

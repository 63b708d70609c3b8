"""What an operator may have meant, and how what was found is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Model, Q, QuerySet
from django.utils.formats import date_format
from django.utils.functional import Promise

from accounts.models import Account

# Of each group; who needs others writes more.
MOST = 10

_NUMBER = re.compile(r"#?([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Link:
    """Another way on from a result."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that was found, and where it is dealt with. Without ``href`` it is only shown."""

    title: str
    about: str
    href: str
    links: list[Link] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Group:
    """Results of one kind. ``more``: there are others; ``slow``: looking for them took long."""

    name: str | Promise
    results: list[Result]
    more: bool = False
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed, read in all the ways in which it can be meant."""

    text: str

    @property
    def words(self) -> SearchQuery | None:
        """Words that begin so, all of them; None where there is none."""
        found = re.findall(r"\w+", self.text)
        if not found:
            return None
        raw = " & ".join(f"'{word}':*" for word in found)
        return SearchQuery(raw, search_type="raw", config="simple")

    @property
    def uuid(self) -> UUID | None:
        """An id, as pages and programs write it."""
        try:
            return UUID(self.text) if len(self.text) in (32, 36) else None
        except ValueError:
            return None

    @property
    def number(self) -> int | None:
        """``17`` or ``#17``."""
        match = _NUMBER.fullmatch(self.text)
        return int(match[1]) if match else None

    @property
    def compact(self) -> str:
        """A reference of a payment as it is kept: people write it in groups of four."""
        return "".join(self.text.split()).upper()


def group(
    name: str | Promise, rows: Iterable[Any], told: Callable[[Any], Result], most: int = MOST
) -> Group:
    """What was found, told by ``told``; one row more than ``most`` says that there are more."""
    found = list(rows)
    return Group(name, [told(row) for row in found[:most]], more=len(found) > most)


def few(rows: QuerySet[Any]) -> QuerySet[Any]:
    """As many as are shown, and one more."""
    return rows[: MOST + 1]


def named(rows: QuerySet[Any], wanted: Wanted, other: Q) -> QuerySet[Any]:
    """Those with the words in their name, or as ``other`` says."""
    if wanted.words is not None:
        rows = rows.alias(words=SearchVector("name", config="simple"))
        other |= Q(words=wanted.words)
    return rows.filter(other)


def any_of(ids: list[QuerySet[Any, Any]]) -> QuerySet[Any, Any]:
    """One query of each index, in place of an OR that none can serve."""
    return ids[0].union(*ids[1:])


def everywhere(model: type[Model], **named: object) -> QuerySet[Any]:
    """Rows by a key that begins with the company: the key is looked up for each company."""
    return model._default_manager.filter(master__in=Account.objects.masters(), **named)


def told_moment(moment: datetime) -> str:
    """In UTC, as the page says."""
    return date_format(moment, "j M Y, H:i")

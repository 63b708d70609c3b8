"""Which entries a person may read. Every report begins here."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import psycopg
from django.db import OperationalError, connection, transaction

from accounts.access import Access
from accounts.models import Account
from billing.models import Entry, EntryQuerySet


@dataclass(frozen=True, slots=True)
class Scope:
    """What one person sees of a company: the accounts, the master account first, and their names.

    Read once a page or report, so that all its parts speak of the same accounts.
    """

    access: Access
    accounts: list[Account]
    names: dict[int, str]

    @classmethod
    def of(cls, access: Access) -> Self:
        """As the person sees it now; one query."""
        accounts = sorted(
            access.accounts, key=lambda each: (not each.is_master, each.name.casefold())
        )
        for account in accounts:
            # What it inherits is read from the company, without a query.
            account.master = access.company
        return cls(access, accounts, {account.pk: account.name for account in accounts})

    @property
    def company(self) -> Account:
        """The master account whose books these are."""
        return self.access.company

    @property
    def entries(self) -> EntryQuerySet:
        """Every entry that the person may see, with who made it; not yet ordered."""
        return visible_entries(self.access, self.names.keys())


def visible_entries(access: Access, accounts: Collection[int]) -> EntryQuerySet:
    """The entries attributed to the accounts that the person sees, with who made them.

    ``accounts`` are the ids of ``access.accounts``, read once by the caller. What the balance was
    afterwards is the holder's affair: ask ``shows_balance`` before showing it.
    """
    entries = Entry.objects.filter(master=access.company).select_related("by")
    # The whole tree is the company: naming a thousand accounts would only hide the index by time.
    return entries if access.sees_tree else entries.filter(account__in=accounts)


def shows_balance(entry: Entry, accounts: Collection[int]) -> bool:
    """Whether ``balance_after`` may be shown to who sees ``accounts`` (their ids).

    It is the holder's balance. Who sees only a shared subaccount is never shown the pool's, nor
    in its entries of before a change of mode.
    """
    return entry.holder_id in accounts


# Longer than this nobody waits for a page.
PATIENCE_SECONDS = 5


class TookTooLong(Exception):
    """A search that PostgreSQL was told to give up: it would have read too much."""


@contextmanager
def bounded() -> Iterator[None]:
    """No statement within takes longer than PATIENCE_SECONDS, or TookTooLong is raised.

    Opens a transaction if there is none.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true)", [f"{PATIENCE_SECONDS}s"]
            )
            yield
            # A transaction that was open before goes on without it.
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise TookTooLong from error
        raise


@contextmanager
def snapshot() -> Iterator[None]:
    """All that is read within sees the books of one moment, though charges go on.

    A transaction of its own, which can write nothing and locks nothing: it cannot be opened within
    another one.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield

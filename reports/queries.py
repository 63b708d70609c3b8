"""Which entries a person may read. Every report begins here."""

from __future__ import annotations

from collections.abc import Collection

from accounts.access import Access
from billing.models import Entry, EntryQuerySet


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

"""What an entry is called, in words: where a transfer came from or went to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.utils.translation import gettext as _

from accounts.access import Access
from accounts.models import Account, User
from billing.models import Entry, Kind, Origin, Transfer

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def other_sides(company: Account, entries: Iterable[Entry]) -> dict[tuple[str, str, int], int]:
    """For the transfers among the entries, by ``leg_of``: the account on the other side.

    One query, by the key of postings; none where no entry is a transfer.
    """
    transfers = [entry for entry in entries if entry.kind == Kind.TRANSFER]
    if not transfers:
        return {}
    legs = Entry.objects.filter(
        master=company,
        origin__in={entry.origin for entry in transfers},
        reference__in={entry.reference for entry in transfers},
        kind=Kind.TRANSFER,
    ).values_list("origin", "reference", "leg", "account_id")
    # A transfer has two legs, 0 and 1.
    return {(origin, reference, 1 - leg): account for origin, reference, leg, account in legs}


def transfer_pages(company: Account, entries: Iterable[Entry]) -> dict[tuple[str, str, int], int]:
    """For the entries that the console's transfers made, by ``leg_of``: the transfer's pk.

    One query, by the transfers' key; none where there is no such entry.
    """
    made_here = [
        entry
        for entry in entries
        if entry.kind == Kind.TRANSFER and entry.origin == Origin.CONSOLE
    ]
    keys = {entry.reference for entry in made_here if _UUID.fullmatch(entry.reference)}
    if not keys:
        return {}
    found = Transfer.objects.filter(master=company, key__in=keys).values_list("key", "pk")
    pages = {str(key): pk for key, pk in found}
    return {
        leg_of(entry): pages[entry.reference] for entry in made_here if entry.reference in pages
    }


def leg_of(entry: Entry) -> tuple[str, str, int]:
    """Which entry of which posting of a company it is."""
    return entry.origin, entry.reference, entry.leg


def title(entry: Entry, other: str | None) -> str:
    """What happened. ``other`` names a transfer's other side, None where it may not be seen."""
    if entry.kind != Kind.TRANSFER:
        return entry.description or entry.get_kind_display()
    if other is None:
        return _("Transfer in") if entry.amount > 0 else _("Transfer out")
    if entry.amount > 0:
        return _("Transfer from %(account)s") % {"account": other}
    return _("Transfer to %(account)s") % {"account": other}


def is_form_key(origin: str, reference: str) -> bool:
    """Whether the reference is the key of a form, or made of one: it says nothing to a reader.

    What was paid by has its own reference, which is in the payment's description.
    """
    return origin in {Origin.CONSOLE, Origin.PAYMENT} and _UUID.search(reference) is not None


def author(user: User, access: Access) -> str:
    """Who did it. To customers the platform's staff are operators, not addresses."""
    if user.is_staff and not access.user.is_staff:
        return _("an operator")
    return str(user)

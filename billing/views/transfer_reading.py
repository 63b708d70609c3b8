"""What a person may read of a company's transfers, and of the balances they move."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.access import Access
from billing import transfers
from billing.models import Balance, Transfer


def visible_transfers(access: Access) -> QuerySet[Transfer]:
    """The company's transfers that the person may see, each with whom it names."""
    return (
        transfers.visible_to(access.user)
        .filter(master=access.company)
        .select_related("master", "source", "destination", "by")
    )


def hide_other_names(access: Access, shown: Iterable[Transfer]) -> None:
    """To who sees only parts of the company, its other subaccounts have no names: one query."""
    if access.sees_tree:
        return
    visible = set(access.accounts.values_list("pk", flat=True))
    for transfer in shown:
        for account in (transfer.source, transfer.destination):
            if account.pk not in visible and not account.is_master:
                account.name = _("Another subaccount")


def balances_of(access: Access) -> list[Balance]:
    """The balances of the company's accounts: the master account's, then the others by name."""
    found = Balance.objects.filter(
        master=access.company, account__in=access.accounts
    ).select_related("account")
    for row in found:
        row.account.master = access.company
    return sorted(found, key=lambda row: (not row.account.is_master, row.account.name.casefold()))

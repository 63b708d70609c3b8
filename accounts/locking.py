"""The lock under which it changes who belongs to a company, and which programs."""

from __future__ import annotations

from accounts.models import Account


def lock_company(company: Account) -> None:
    """Have whoever else changes a company's people, invitations or keys wait. In a transaction.

    The first lock that such a transaction takes; it holds up no posting.
    """
    Account.objects.select_for_update(no_key=True).only("pk").get(pk=company.pk)

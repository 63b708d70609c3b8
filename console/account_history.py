"""What one account's page tells of its spending cap and of what was done to it."""

from __future__ import annotations

from typing import Any

from accounts.access import Access
from accounts.models import Account, State
from billing import cap_words, caps
from billing.history import suspended_by_platform
from billing.history_tables import CapTable, ChangeTable
from billing.models import AccountChange, Balance, CapChange

# The newest of each.
CHANGES = 20


def cap_context(access: Access, account: Account, balance: Balance) -> dict[str, Any]:
    """For ``console/_account_cap.html``: two queries at most, none for a master account.

    It tells nothing of the balance that a shared account draws on: whoever sees the account may
    see it.
    """
    if account.is_master:
        return {}
    use = caps.uses(access.company, [balance]).get(account.pk)
    is_closed = account.state == State.CLOSED
    changes = CapChange.objects.filter(master=access.company, account=account)
    return {
        "cap_use": None if is_closed else use,
        "cap_stands": cap_words.stands(use, access.company) if use and not is_closed else "",
        "cap_changes": CapTable(
            list(changes.select_related("by").order_by("-id")[:CHANGES]),
            company=access.company,
            reader=access.user,
        ),
    }


def history_context(access: Access, account: Account) -> dict[str, Any]:
    """For ``console/_account_history.html``, and who suspended it: two queries at most."""
    changes = AccountChange.objects.filter(master=access.company, account=account)
    return {
        "changes": ChangeTable(
            list(changes.select_related("by").order_by("-id")[:CHANGES]),
            company=access.company,
            reader=access.user,
        ),
        "by_platform": account.state == State.SUSPENDED and suspended_by_platform(account),
    }

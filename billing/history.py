"""What was done to accounts: written by ``billing.tree``, read by their pages."""

from __future__ import annotations

from datetime import datetime

from accounts.models import Account, User
from billing.locking import clock
from billing.models import AccountAction, AccountChange


def record(
    account: Account, action: AccountAction, by: User | None, moment: datetime | None = None
) -> None:
    """Write into the account's history what was done to it; its balance is locked, or new.

    ``moment`` is for demo, import of history and tests only.
    """
    AccountChange.objects.create(
        master_id=account.master_id,
        account=account,
        action=action,
        name=account.name,
        mode=account.balance_mode,
        state=account.state,
        by=by,
        changed_at=moment or clock(),
    )

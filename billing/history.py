"""What was done to accounts: written by ``billing.tree``, read by it and by their pages."""

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


def is_platform(by: User | None) -> bool:
    """Whether it is the platform that acts: one of its operators, or a program."""
    return by is None or by.is_staff


def suspended_by_platform(account: Account) -> bool:
    """Whether the platform was the last to suspend the account; one query.

    Of a suspension from before there was a history nobody knows: it counts as its company's.
    """
    last = (
        AccountChange.objects.filter(
            master=account.master_id, account=account, action=AccountAction.SUSPENDED
        )
        .select_related("by")
        .order_by("-id")
        .first()
    )
    return last is not None and is_platform(last.by)

"""What was done to accounts: written by ``billing.tree``, read by it and by their pages."""

from __future__ import annotations

from datetime import datetime

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.models import Account, User
from billing.locking import clock
from billing.models import AccountAction, AccountChange

_AUDITED = {
    AccountAction.OPENED: AuditAction.ACCOUNT_OPENED,
    AccountAction.RENAMED: AuditAction.ACCOUNT_RENAMED,
    AccountAction.SHARED: AuditAction.ACCOUNT_SHARED,
    AccountAction.ALLOCATED: AuditAction.ACCOUNT_ALLOCATED,
    AccountAction.SUSPENDED: AuditAction.ACCOUNT_SUSPENDED,
    AccountAction.RESTORED: AuditAction.ACCOUNT_RESTORED,
    AccountAction.CLOSED: AuditAction.ACCOUNT_CLOSED,
}


def record(
    account: Account, action: AccountAction, by: User | None, moment: datetime | None = None
) -> None:
    """Write into the account's history what was done to it; its balance is locked, or new.

    And into the audit log. ``moment`` is for demo, import of history and tests only.
    """
    last = None
    if action != AccountAction.OPENED:
        rows = AccountChange.objects.filter(master=account.master_id, account=account)
        last = rows.order_by("-id").first()
    row = AccountChange.objects.create(
        master_id=account.master_id,
        account=account,
        action=action,
        name=account.name,
        mode=account.balance_mode,
        state=account.state,
        by=by,
        changed_at=moment or clock(),
    )
    was, now = _facts(last), _facts(row)
    audit.record(
        action=_AUDITED[action],
        by=by,
        account=account,
        before={name: value for name, value in was.items() if value != now[name]},
        after={name: value for name, value in now.items() if was.get(name) != value},
        moment=moment,
    )


def _facts(row: AccountChange | None) -> dict[str, str]:
    """What an account was called, and how it stood. Before there was a history nobody knows."""
    return {"name": row.name, "mode": row.mode, "state": row.state} if row else {}


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

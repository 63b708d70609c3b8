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
    account: Account,
    action: AccountAction,
    by: User | None,
    moment: datetime | None = None,
    reason: str = "",
) -> None:
    """Write into the account's history what was done to it; its balance is locked, or new.

    And into the audit log. ``moment`` is for demo, import of history and tests only.
    """
    last = None if action == AccountAction.OPENED else last_change(account)
    row = AccountChange.objects.create(
        master_id=account.master_id,
        account=account,
        action=action,
        name=account.name,
        mode=account.balance_mode,
        state=account.state,
        reason=reason,
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
        about=reason,
        moment=moment,
    )


def last_change(account: Account) -> AccountChange | None:
    """What was done to the account last; None from before there was a history. One query."""
    rows = AccountChange.objects.filter(master=account.master_id, account=account)
    return rows.order_by("-id").first()


def mark(account: Account) -> int:
    """A number that is another as soon as something is done to the account; one query.

    Carried by a form, it says what the page has shown.
    """
    last = last_change(account)
    return last.pk if last else 0


def suspension(account: Account) -> AccountChange | None:
    """Who suspended the account last, when and why, knowing ``by``; one query."""
    rows = AccountChange.objects.filter(
        master=account.master_id, account=account, action=AccountAction.SUSPENDED
    )
    return rows.select_related("by").order_by("-id").first()


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
    last = suspension(account)
    return last is not None and is_platform(last.by)

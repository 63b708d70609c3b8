"""Credit limits: the one verb that changes them, and keeps their history."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.models import Account, State, User
from billing import ledger, references, telling
from billing.locking import clock, lock_balances
from billing.models import CreditLimitChange
from billing.refusals import AccountClosed, LimitChanged, SharedBalance


def change(
    *,
    account: Account,
    limit: Decimal,
    reason: str,
    by: User | None = None,
    shown: Decimal | None = None,
    moment: datetime | None = None,
) -> CreditLimitChange | None:
    """Set how far the account's credit may fall below zero, in the company's currency.

    A limit below what is used already is allowed: usage stops, money coming in is accepted.
    Returns the row of the history, or None when the limit was that already: a second call changes
    nothing. ``shown`` is the limit that the person has seen: raises LimitChanged when it is
    another by now. Raises ValueError for a limit that is negative or does not fit, or an empty
    reason, SharedBalance for an account that draws on its master account, AccountClosed,
    StartAgain as ``transact`` does.
    ``moment`` is for demo, import of history and tests only.
    """
    if limit < 0:
        raise ValueError("a credit limit is zero or more")
    if not reason.strip():
        raise ValueError("a credit limit changes for a reason")
    references.check_description(reason)
    if not ledger.fits(limit):
        raise ValueError(f"{limit} does not fit the ledger")

    def work() -> CreditLimitChange | None:
        balance = lock_balances(account)[account.pk]
        if balance.mode == "shared":
            raise SharedBalance(account=account.pk, name=account.name)
        account.refresh_from_db(fields=["state"])
        if account.state == State.CLOSED:
            raise AccountClosed(account=account.pk, name=account.name)
        if balance.credit_limit == limit:
            return None
        if shown is not None and balance.credit_limit != shown:
            raise LimitChanged(
                account=account.pk,
                name=account.name,
                was=shown,
                now=balance.credit_limit,
                currency=account.company.currency,
            )
        row = CreditLimitChange.objects.create(
            master_id=account.master_id,
            account=account,
            old=balance.credit_limit,
            new=limit,
            reason=reason,
            by=by,
            changed_at=moment or clock(),
        )
        balance.credit_limit = limit
        balance.save(update_fields=["credit_limit"])
        telling.weigh(
            master=account.master_id,
            balances={account.pk: telling.figures_of(balance)},
            clock=clock(),
        )
        audit.record(
            action=AuditAction.LIMIT_CHANGED,
            by=by,
            account=account,
            before={"credit_limit": row.old},
            after={"credit_limit": limit},
            about=reason,
            moment=moment,
        )
        return row

    return ledger.transact(work)

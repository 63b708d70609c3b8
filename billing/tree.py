"""What touches accounts and balances together: open, suspend, restore.

Whoever changes a state or mode first locks the balance rows of the account and its master, so that
no posting is decided on what was true a moment ago.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

from django.db import connection, transaction

from accounts.models import Account, BalanceMode, State
from billing.models import Balance


def open_master(*, code: str, name: str, country: str, currency: str, time_zone: str) -> Account:
    """Open a master account with an empty balance.

    Raises ValidationError when a field is not well formed or the code is taken: a second call
    with the same code is refused.
    """
    with transaction.atomic(durable=True):
        account = Account(
            pk=_next_account_id(),
            code=code,
            name=name,
            country=country,
            currency=currency,
            time_zone=time_zone,
        )
        account.master = account
        # As full_clean(), but its master, which is itself, cannot be looked up before it is there.
        account.clean_fields(exclude=["master"])
        account.clean()
        account.validate_unique(exclude=["master"])
        account.validate_constraints()
        account.save(force_insert=True)
        Balance.objects.create(master=account, account=account)
    return account


def open_subaccount(
    *, master: Account, code: str, name: str, mode: BalanceMode = BalanceMode.ALLOCATED
) -> Account:
    """Open a subaccount with an empty balance, or drawing on the master account's.

    Raises ValidationError when a field is not well formed, or code or name are taken in the
    company: a second call with the same code is refused.
    """
    with transaction.atomic(durable=True):
        account = Account(master=master, code=code, name=name, balance_mode=mode)
        account.full_clean()
        account.save(force_insert=True)
        Balance.objects.create(master=master, account=account, mode=mode)
    return account


def suspend(*, account: Account) -> None:
    """Close the tap by hand: usage and transfers out are refused, money in is accepted.

    Suspending a master account suspends its whole tree. A second call changes nothing. Raises
    ValueError for a closed account.
    """
    _set_state(account, State.SUSPENDED)


def restore(*, account: Account) -> None:
    """Open the tap again. A second call changes nothing. Raises ValueError for a closed one."""
    _set_state(account, State.ACTIVE)


def lock_balances(account: Account) -> dict[int, Balance]:
    """Lock the balance rows of the account and its master, lowest first; by account id.

    Must run in a transaction. Reads what is there after the lock was obtained.
    """
    rows = (
        Balance.objects.select_for_update(no_key=True)
        .filter(master=account.master_id, account__in={account.pk, account.master_id})
        .order_by("account_id")
    )
    return {row.account_id: row for row in rows}


def clock() -> datetime:
    """The database's clock, which all moments of money are taken from; call it under the lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
    return cast(datetime, moment)


def _set_state(account: Account, state: State) -> None:
    with transaction.atomic(durable=True):
        lock_balances(account)
        account.refresh_from_db()
        if account.state == State.CLOSED:
            raise ValueError(f"account {account.code} is closed for good")
        account.state = state
        account.save(update_fields=["state"])


def _next_account_id() -> int:
    """The id that a master account needs before it is written: its master is itself."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('accounts_account', 'id'))")
        (number,) = cursor.fetchone()
    return int(number)

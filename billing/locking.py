"""What whoever changes a mode, state, limit or cap does first: lock, then look at the clock."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from django.db import connection

from accounts.models import Account
from billing.models import Balance


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

"""From the codes in a path to the accounts they name: what the key may not see is not there."""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from accounts.api_keys import Bearer
from accounts.models import CODE_PATTERN, State
from billing.api.problems import not_found

# What could be no code is looked up nowhere: PostgreSQL would not even take a NUL.
_CODE = re.compile(CODE_PATTERN)

COMPANY = """
SELECT m.id, m.code, m.currency, m.state, m.time_zone
FROM accounts_account m
WHERE m.code = %(master)s AND m.master_id = m.id
"""

# The holder is found as billing.ledger_sql.LOCK does.
PLACE = """
SELECT m.id, m.code, m.currency, m.state, m.time_zone, a.id, a.code, a.name, a.balance_mode,
       a.state, b.account_id, b.credit, b.credit_limit, b.on_hold, own.cap, own.cap_is_hard
FROM accounts_account m
JOIN accounts_account a ON a.master_id = m.id
JOIN billing_balance own ON own.master_id = m.id AND own.account_id = a.id
JOIN billing_balance b ON b.master_id = m.id AND b.account_id =
    CASE WHEN a.balance_mode = 'shared' OR a.state = 'closed' THEN m.id ELSE a.id END
"""
ONE = f"{PLACE} WHERE m.code = %(master)s AND m.master_id = m.id AND a.code = %(account)s"
# In the order of the unique key (master, code), which is the cursor.
LIST = f"""
{PLACE} WHERE m.id = %(master)s AND a.master_id = %(master)s AND a.id <> m.id
  AND a.code > %(after)s
ORDER BY a.code LIMIT %(limit)s
"""

CODES = "SELECT code, id FROM accounts_account WHERE master_id = %s AND code = ANY(%s)"


class Company(NamedTuple):
    """The master account in the path."""

    id: int
    code: str
    currency: str
    state: str
    time_zone: str


class Place(NamedTuple):
    """An account and the balance it draws on today."""

    company: Company
    id: int
    code: str
    name: str
    mode: str
    own_state: str
    holder: int
    credit: Decimal
    credit_limit: Decimal
    on_hold: Decimal
    # The account's own, whoever holds its balance.
    cap: Decimal | None
    cap_is_hard: bool

    @property
    def available(self) -> Decimal:
        """Credit + credit limit - on hold."""
        return self.credit + self.credit_limit - self.on_hold

    @property
    def holder_code(self) -> str:
        """The code of the account whose balance it is: its own or the master account's."""
        return self.code if self.holder == self.id else self.company.code

    @property
    def state(self) -> str:
        """The state as a charge meets it: a suspended company suspends its whole tree."""
        return self.own_state if self.own_state != State.ACTIVE else self.company.state


def find_company(bearer: Bearer, master: str) -> Company:
    """The master account with this code. Raises Problem (404). One query."""
    row = _one(COMPANY, {"master": master}, master)
    return _seen_by(bearer, Company(*row))


def find_place(bearer: Bearer, master: str, account: str) -> Place:
    """The account with this code in that company. Raises Problem (404). One query."""
    row = _one(ONE, {"master": master, "account": account}, master, account)
    place = _place(row)
    _seen_by(bearer, place.company)
    return place


def list_subaccounts(company: Company, *, after: str, limit: int) -> list[Place]:
    """The company's subaccounts whose code comes after ``after``, at most ``limit``. One query."""
    with connection.cursor() as cursor:
        cursor.execute(LIST, {"master": company.id, "after": after, "limit": limit})
        return [_place(row) for row in cursor.fetchall()]


def find_ids(company: Company, codes: Collection[str]) -> dict[str, int]:
    """The ids of the company's accounts among ``codes``, by code. One query."""
    asked = [code for code in codes if _CODE.fullmatch(code)]
    with connection.cursor() as cursor:
        cursor.execute(CODES, [company.id, asked])
        return dict(cursor.fetchall())


def is_code(text: str) -> bool:
    """Whether an account could have this code."""
    return _CODE.fullmatch(text) is not None


def _one(sql: str, parameters: dict[str, str], *codes: str) -> tuple[Any, ...]:
    if not all(map(is_code, codes)):
        raise not_found()
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone()
    if row is None:
        raise not_found()
    return tuple(row)


def _place(row: tuple[Any, ...]) -> Place:
    return Place(Company(*row[:5]), *row[5:])


def _seen_by(bearer: Bearer, company: Company) -> Company:
    """The company itself, unless the key is another's: then it is not there at all."""
    if bearer.master is not None and bearer.master != company.id:
        raise not_found()
    return company

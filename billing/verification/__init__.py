"""Proof of the books: recompute everything from entries and holds and name what does not fit.

Each check is one set-based statement that returns the rows that are wrong; all of them, and the
counts, read one REPEATABLE READ snapshot, so that charges may go on meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from billing.models import Contra
from billing.verification import contra, entries, history, holds, payments, spending, transfers
from billing.verification.check import OF_MASTER, Check, code


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that failed: how many rows are wrong, and a sentence about the first."""

    check: str
    rows: int
    first: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at and what was wrong.

    ``credit`` is the total by currency; ``contra`` the other side of it, by currency and account.
    """

    counts: dict[str, int]
    credit: dict[str, Decimal]
    contra: dict[str, dict[Contra, Decimal]]
    checks: list[str]
    findings: list[Finding]

    @property
    def is_clean(self) -> bool:
        """Whether everything fits."""
        return not self.findings


CHECKS: list[Check] = [
    *entries.CHECKS,
    *transfers.CHECKS,
    *contra.CHECKS,
    *holds.CHECKS,
    *history.CHECKS,
    *spending.CHECKS,
    *payments.CHECKS,
]

CREDIT = f"""
SELECT a.currency, sum(b.credit)
FROM billing_balance b JOIN accounts_account a ON a.id = b.master_id
WHERE {OF_MASTER.format("b")}
GROUP BY a.currency ORDER BY a.currency"""

COUNTS = {
    "entries": "billing_entry",
    "balances": "billing_balance",
    "holds": "billing_hold",
    "transfers": "billing_transfer",
    "payments": "billing_payment",
    "daily totals": "billing_dailytotal",
    "credit limit changes": "billing_creditlimitchange",
    "spending cap changes": "billing_capchange",
    "account changes": "billing_accountchange",
}


def verify(*, master: int | None = None) -> Report:
    """Check the books of one master account (its id), or of all. Writes and locks nothing.

    Opens a transaction of its own, so it cannot be called within one.
    """
    parameters: dict[str, Any] = {"master": master}
    findings = []
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        counts = {}
        for name, table in COUNTS.items():
            cursor.execute(
                f"SELECT count(*) FROM {table} t WHERE {OF_MASTER.format('t')}",
                parameters,
            )
            [counts[name]] = cursor.fetchone()
        cursor.execute(CREDIT, parameters)
        credit = dict(cursor.fetchall())
        sides = {currency: dict.fromkeys(Contra, Decimal(0)) for currency in credit}
        cursor.execute(contra.TOTALS, parameters)
        for currency, account, total in cursor.fetchall():
            # What has none is found by the checks.
            if account is not None:
                sides.setdefault(currency, {})[Contra(account)] = total
        for check in CHECKS:
            cursor.execute(
                f"SELECT count(*) OVER (), {code('w.master_id')}, w.*"
                f" FROM ({check.sql}) w LIMIT 1",
                parameters,
            )
            wrong = cursor.fetchone()
            if wrong is not None:
                rows, master_code, _master_id, first = wrong
                findings.append(
                    Finding(check.name, rows, f"master account {master_code}, {first}")
                )
    return Report(counts, credit, sides, [check.name for check in CHECKS], findings)

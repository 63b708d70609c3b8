"""What an account has spent of its spending cap. For ``billing.ledger`` and ``billing.caps``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.db import connection

from billing.ledger_sql import array

# A cap that is used so far is worth telling before it is reached.
NEARLY = Decimal("0.8")

# Months are the company's: the days of the totals are.
READ_BUDGETS = """
SELECT a.account, h.held, t.month, t.spent
FROM unnest(%(accounts)s::bigint[]) AS a (account)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(h.amount - h.captured), 0) AS held
    FROM billing_hold h
    WHERE h.master_id = %(master)s AND h.account_id = a.account
      AND h.state = 'open' AND h.expires_at > %(clock)s
      -- What is set apart for a refund is no usage to come.
      AND h.origin <> 'payment') h
LEFT JOIN LATERAL (
    SELECT date_trunc('month', t.day::timestamp)::date AS month,
           sum(t.amount_out - t.amount_in) AS spent
    FROM billing_dailytotal t
    WHERE t.master_id = %(master)s AND t.account_id = a.account
      AND t.day >= %(first)s AND t.day < %(last)s::date + interval '1 month'
      AND t.contra = 'usage_revenue'
    GROUP BY 1) t ON true
"""


@dataclass(slots=True)
class Budget:
    """What counts against a cap: ``spent`` by month (its first day), and ``held`` now."""

    held: Decimal = Decimal(0)
    spent: dict[date, Decimal] = field(default_factory=dict)

    def used(self, month: date) -> Decimal:
        """Usage less its reversals in the month, and what open holds reserve."""
        return self.spent.get(month, Decimal(0)) + self.held

    def spend(self, month: date, amount: Decimal) -> None:
        """Count usage; less than zero for a reversal."""
        self.spent[month] = self.spent.get(month, Decimal(0)) + amount


def read_budgets(
    master: int, accounts: Collection[int], clock: datetime, months: Collection[date]
) -> Mapping[int, Budget]:
    """By account: what was spent in these months and those between, and what holds reserve."""
    if not accounts:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            READ_BUDGETS,
            {
                "master": master,
                "accounts": array(accounts),
                "clock": clock,
                "first": min(months),
                "last": max(months),
            },
        )
        found = cursor.fetchall()
    budgets: dict[int, Budget] = {}
    for account, held, month, spent in found:
        budget = budgets.setdefault(account, Budget(held))
        if month is not None:
            budget.spent[month] = spent
    return budgets

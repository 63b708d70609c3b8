"""Money at rest: balances, entries, holds, transfers, daily totals, and what was changed by hand.

Only ``billing.ledger`` writes entries, balances, holds and daily totals. Tables, triggers and the
composite foreign keys that Django cannot express are SQL in ``migrations/``.
"""

from billing.models.entries import (
    CONTRA,
    DECIMAL_PLACES,
    MAX_DIGITS,
    REVERSIBLE,
    TOO_LARGE,
    Balance,
    Contra,
    Entry,
    EntryQuerySet,
    Kind,
    Origin,
)
from billing.models.history import (
    AccountAction,
    AccountChange,
    CapChange,
    CreditLimitChange,
)
from billing.models.holds import (
    Hold,
    HoldState,
)
from billing.models.totals import (
    SPENT,
    DailyTotal,
    DailyTotalQuerySet,
)
from billing.models.transfers import (
    Transfer,
    TransferBatch,
)

__all__ = [
    "CONTRA",
    "DECIMAL_PLACES",
    "MAX_DIGITS",
    "REVERSIBLE",
    "SPENT",
    "TOO_LARGE",
    "AccountAction",
    "AccountChange",
    "Balance",
    "CapChange",
    "Contra",
    "CreditLimitChange",
    "DailyTotal",
    "DailyTotalQuerySet",
    "Entry",
    "EntryQuerySet",
    "Hold",
    "HoldState",
    "Kind",
    "Origin",
    "Transfer",
    "TransferBatch",
]

"""Money at rest: balances, entries, holds, transfers, daily totals, what was changed, and alerts.

Only ``billing.ledger`` writes entries, balances, holds and daily totals. Tables, triggers and the
composite foreign keys that Django cannot express are SQL in ``migrations/``.
"""

from billing.models.alerts import (
    OF_BALANCE,
    OF_CAP,
    Alert,
    AlertRecipient,
    Figures,
    Happening,
    Level,
    Notice,
    NoticeReader,
)
from billing.models.approvals import Approval, ApprovalState, Asked
from billing.models.arrivals import Arrival, ArrivalState, ReceiptCounter, ReviewReason
from billing.models.bank import (
    BankLine,
    BankStatement,
    LineOutcome,
)
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
from billing.models.payment_events import GatewayEvent, PaymentEvent
from billing.models.payment_methods import Confirmation, MethodKind, PaymentMethod
from billing.models.payment_returns import Dispute, DisputeState, Refund, RefundState
from billing.models.payments import Payment, PaymentState
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
    "OF_BALANCE",
    "OF_CAP",
    "REVERSIBLE",
    "SPENT",
    "TOO_LARGE",
    "AccountAction",
    "AccountChange",
    "Alert",
    "AlertRecipient",
    "Approval",
    "ApprovalState",
    "Arrival",
    "ArrivalState",
    "Asked",
    "Balance",
    "BankLine",
    "BankStatement",
    "CapChange",
    "Confirmation",
    "Contra",
    "CreditLimitChange",
    "DailyTotal",
    "DailyTotalQuerySet",
    "Dispute",
    "DisputeState",
    "Entry",
    "EntryQuerySet",
    "Figures",
    "GatewayEvent",
    "Happening",
    "Hold",
    "HoldState",
    "Kind",
    "Level",
    "LineOutcome",
    "MethodKind",
    "Notice",
    "NoticeReader",
    "Origin",
    "Payment",
    "PaymentEvent",
    "PaymentMethod",
    "PaymentState",
    "ReceiptCounter",
    "Refund",
    "RefundState",
    "ReviewReason",
    "Transfer",
    "TransferBatch",
]

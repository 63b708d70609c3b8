"""What a gateway must do: the one small protocol, with its contracts.

A gateway speaks to somebody outside. It never touches balances, payments or any table: it is
asked, and answers with what it has learnt (``Fact``). Whoever asks holds no lock and no
transaction, for an answer may take ten seconds or never come. What a fact means, decides
``billing.settlement``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from billing.models import Payment, Refund


class GatewayError(Exception):
    """The gateway is down, slow, or answers what cannot be understood; trying again may help.

    ``message`` is for the log and for operators, without secrets; customers are told in our words.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class GatewayRefused(GatewayError):
    """The gateway understood, and will not do it: trying again does not help."""


class BadSignature(Exception):
    """What came in is not from the gateway, or too old. Nothing of it may be believed."""


class Malformed(Exception):
    """What came in is signed, and still cannot be read."""


class What(StrEnum):
    """What a gateway can tell of a payment."""

    PENDING = "pending"  # the payer has done their part; money is on its way, or will be
    DECLINED = "declined"  # an attempt failed; the checkout is open, the payer may try again
    PAID = "paid"  # money is there: amount, currency and reference are those of the money
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"  # reference is the refund's
    REFUND_FAILED = "refund_failed"
    DISPUTED = "disputed"  # reference is the dispute's
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


_OF_REQUESTS = frozenset({What.PENDING, What.DECLINED, What.FAILED, What.EXPIRED, What.CANCELLED})


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a gateway says happened.

    ``checkout`` is what the gateway calls the checkout, ``payment`` our payment's id where it
    knows it, as text, believed only as far as the two agree. ``reference`` names the money, refund
    or dispute itself, and is the same however often it is told; ``money`` is the name of the money
    that a refund or dispute is about. ``amount`` is in ``currency``, in whole units with the
    currency's decimals, fee included. ``account`` is the code of the account that the gateway was
    told it is for, as ``company/account``.
    """

    what: What
    checkout: str = ""
    payment: str = ""
    money: str = ""
    reference: str = ""
    amount: Decimal | None = None
    currency: str = ""
    account: str = ""
    refund: str = ""
    about: str = ""
    at: datetime | None = None
    instructions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_of_money(self) -> bool:
        """Whether it tells of money that came or went, not of a request that waits or is over."""
        return self.what not in _OF_REQUESTS


@dataclass(frozen=True, slots=True)
class Event:
    """A verified message: its id (unique at this gateway), its kind, and the facts in it.

    No facts: a kind that means nothing to us; it is kept all the same.
    """

    id: str
    kind: str
    body: Mapping[str, Any]
    facts: Sequence[Fact] = ()


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where a payment can be paid.

    ``url`` is the gateway's hosted page, empty where there is none: then ``instructions`` tell
    the payer what to do (``kind`` voucher or bank_transfer, and what its page needs).
    """

    reference: str
    url: str = ""
    expires_at: datetime | None = None
    instructions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefundAnswer:
    """How a refund stands with the gateway: its name there, and a fact where it is decided."""

    reference: str
    fact: Fact | None = None


class Gateway(Protocol):
    """Somebody who takes money for us."""

    name: str

    @property
    def is_available(self) -> bool:
        """Whether it is configured here; its methods are offered only then. No network."""

    def create_checkout(self, payment: Payment, *, success_url: str, cancel_url: str) -> Checkout:
        """Open a checkout for amount and fee. Called again for the payment, the same checkout.

        The payment's id is the idempotency key. Raises GatewayError within 10 seconds.
        """

    def parse_webhook(self, body: bytes, headers: Mapping[str, str]) -> Event:
        """Verify a message and read it. Raises BadSignature, Malformed. No network."""

    def fetch(self, payment: Payment) -> Sequence[Fact]:
        """Ask how the payment stands: all that is known by now, oldest first.

        Facts repeat what webhooks told, with the same references. Raises GatewayError within 10 s.
        """

    def cancel(self, payment: Payment) -> None:
        """Close the checkout, so that it cannot be paid any more. Twice changes nothing.

        One that was paid meanwhile stays paid. Raises GatewayError within 10 seconds.
        """

    def refund(self, refund: Refund) -> RefundAnswer:
        """Give back the refund's amount. The refund's id is the idempotency key.

        Raises GatewayRefused when it never will be, GatewayError when nobody knows.
        """

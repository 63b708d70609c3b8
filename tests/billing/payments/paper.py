"""A gateway of the tests' own: somebody outside who takes paper for payments, in memory.

It has a hosted page (an address; the journeys serve one), vouchers and bank transfers, and can be
down or answer garbage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from billing.gateways.protocol import (
    Checkout,
    Event,
    Fact,
    GatewayError,
    Malformed,
    RefundAnswer,
    What,
)
from billing.models import Payment, Refund

PAGE = "https://paper.example"


@dataclass
class Paper:
    """What it was asked, and how it answers."""

    name: str = "paper"
    is_available: bool = True
    is_down: bool = False
    page: str = PAGE
    # By the method's code: then there is no hosted page, but instructions.
    instructions: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    checkouts: dict[UUID, tuple[str, str]] = field(default_factory=dict)
    asked: int = 0
    cancelled: list[UUID] = field(default_factory=list)

    def create_checkout(self, payment: Payment, *, success_url: str, cancel_url: str) -> Checkout:
        self._answer()
        self.checkouts.setdefault(payment.pk, (success_url, cancel_url))
        reference = f"paper-{payment.pk}"
        told = self.instructions.get(payment.method.code)
        if told is not None:
            return Checkout(reference, instructions=told)
        return Checkout(reference, url=f"{self.page}/pay/{payment.pk}")

    def parse_webhook(self, body: bytes, headers: Mapping[str, str]) -> Event:
        raise Malformed("paper does not call")

    def fetch(self, payment: Payment) -> Sequence[Fact]:
        self._answer()
        return []

    def cancel(self, payment: Payment) -> None:
        self._answer()
        self.cancelled.append(payment.pk)

    def refund(self, refund: Refund) -> RefundAnswer:
        self._answer()
        return RefundAnswer(f"back-{refund.pk}", Fact(What.REFUNDED, refund=str(refund.pk)))

    def _answer(self) -> None:
        self.asked += 1
        if self.is_down:
            raise GatewayError("paper is down")


GATEWAY = Paper()

"""Bank transfers: the payer is told where to, and statements or an operator tell what arrived.

There is nobody to ask over a network: see ``billing.bank_statements`` for what tells of money.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from billing.bank_accounts import accounts
from billing.gateways.protocol import (
    BadSignature,
    Checkout,
    Event,
    Fact,
    Gateway,
    GatewayRefused,
    RefundAnswer,
)
from billing.models import Payment, Refund
from console import money


class BankTransfer:
    """The gateway without anybody at the other end."""

    name = "bank_transfer"

    @property
    def is_available(self) -> bool:
        """Always: the accounts are a table of the project."""
        return True

    def create_checkout(self, payment: Payment, *, success_url: str, cancel_url: str) -> Checkout:
        """Where to send the money, and the reference to write on it. The same every time.

        Raises GatewayRefused where there is no bank account for the method.
        """
        account = accounts().get((payment.method.country, payment.currency))
        if account is None:
            raise GatewayRefused(
                f"no bank account for {payment.method.country} {payment.currency}"
            )
        decimals = money.currency_decimals(payment.currency)
        return Checkout(
            reference=payment.reference,
            expires_at=payment.expires_at,
            instructions={
                "kind": "bank_transfer",
                "bank": account.bank,
                "branch": account.branch,
                "holder": account.holder,
                "iban": account.iban,
                "account_number": account.account_number,
                "bic": account.bic,
                # The bank's country: that of the method may be "*".
                "country": account.bic[4:6],
                "currency": payment.currency,
                "amount": f"{payment.total:.{decimals}f}",
                "reference": payment.reference,
                "expires_at": payment.expires_at.isoformat(),
            },
        )

    def parse_webhook(self, body: bytes, headers: Mapping[str, str]) -> Event:
        """Banks send none: whatever comes is from somebody else. Raises BadSignature."""
        raise BadSignature("bank transfers have no webhooks")

    def fetch(self, payment: Payment) -> Sequence[Fact]:
        """Nothing is known but what statements and operators tell by themselves."""
        return []

    def cancel(self, payment: Payment) -> None:
        """Nothing to close: a transfer that still comes is credited all the same."""

    def refund(self, refund: Refund) -> RefundAnswer:
        """Paid back by hand at the bank: an operator says when that is done, or that it failed."""
        return RefundAnswer(reference=f"by-hand/{refund.pk}")


GATEWAY: Gateway = BankTransfer()

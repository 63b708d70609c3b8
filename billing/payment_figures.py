"""What operators were shown of a payment and its balance, and whether it is still so.

A page writes the figures into its form; the verb that is given them compares them under the
payment's lock and refuses with PaymentFiguresChanged: two operators at once, or a message of the
gateway in between, never do what nobody has looked at.
"""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Sum
from django.utils.translation import gettext as _

from accounts.models import Account
from billing.locking import lock_balances
from billing.models import Balance, Payment, RefundState
from billing.refusals import FiguresChanged, Refused


class PaymentFiguresChanged(FiguresChanged):
    """The payment, or the balance that it moves, is no longer as the page has shown."""

    def __init__(self, payment: Payment) -> None:
        Refused.__init__(
            self,
            _(
                "The figures have changed since the page was shown, so nothing was done."
                " Look at the new ones, then send it again."
            ),
            account=payment.account_id,
        )


def left_of(payment: Payment) -> Decimal:
    """What of the payment can still be refunded: also less what is under way. One query."""
    asked = payment.refunds.filter(state=RefundState.REQUESTED).aggregate(
        total=Sum("amount", default=Decimal(0))
    )
    total: Decimal = asked["total"]
    return payment.refundable - total


def holder_of(account: Account) -> Balance:
    """The balance that money for the account moves today; one query."""
    return Balance.objects.select_related("account__master").get(
        master=account.master_id, account=account.holder_id
    )


def write(payment: Payment, balance: Balance) -> str:
    """What a page shows of them, for a hidden field; one query. ``balance``: ``holder_of``."""
    amounts = (balance.credit, balance.available, payment.credited, left_of(payment))
    figures = ";".join(f"{each:.6f}" for each in amounts)
    return f"{balance.account_id};{payment.state};{figures}"


def check(shown: str | None, payment: Payment) -> None:
    """Raise PaymentFiguresChanged when they are not as ``shown``; None is nobody who looked.

    Must run within ``transact()``, with the payment locked and read under its lock: it locks the
    balances, so that what was compared is what is moved.
    """
    if shown is None:
        return
    lock_balances(payment.account)
    # Who it draws on may have changed until the lock was obtained.
    account = Account.objects.get(pk=payment.account_id)
    if shown != write(payment, holder_of(account)):
        raise PaymentFiguresChanged(payment)

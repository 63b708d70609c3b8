"""Companies with a history to state, and what tests of statements share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from accounts.models import Account, BalanceMode
from billing import tree
from billing.ledger import Leg, Posting, post, transact
from billing.models import Kind, Origin
from tests.reports.transactions import spend

OPENED = datetime(2025, 11, 3, 8, tzinfo=UTC)


def make_delta(zone: str = "Africa/Cairo") -> Account:
    """A company that was opened a year ago, with nothing yet."""
    return tree.open_master(
        code="delta",
        name="Delta Foods",
        country="EG",
        currency="EGP",
        time_zone=zone,
        moment=OPENED,
    )


def make_sub(master: Account, code: str, mode: BalanceMode = BalanceMode.ALLOCATED) -> Account:
    return tree.open_subaccount(
        master=master, code=code, name=code.title(), mode=mode, moment=OPENED
    )


def pay(account: Account, amount: str, reference: str, moment: datetime) -> None:
    """A top-up of then; a holder's time never goes back."""
    posting = Posting(
        Kind.PAYMENT, reference, (Leg(account.pk, Decimal(amount)),), "Top up", moment=moment
    )
    transact(lambda: post(master=account.master_id, postings=[posting], origin=Origin.PAYMENT))


def use(account: Account, amount: str, reference: str, moment: datetime) -> None:
    """Usage of then."""
    spend(account, amount, reference, description="SMS", moment=moment)


SECOND = timedelta(seconds=1)

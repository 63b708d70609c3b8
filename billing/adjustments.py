"""Adjustments: what an operator puts right by hand, with a reason."""

from __future__ import annotations

from decimal import Decimal

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.models import Account, User
from billing import references
from billing.ledger import Leg, Outcome, Posting, Status, post, transact
from billing.models import Kind, Origin


def make(
    *, account: Account, amount: Decimal, reason: str, reference: str, by: User | None
) -> Outcome:
    """Add ``amount`` (signed, in the company's currency) to the credit of the account's holder.

    ``reference`` makes it happen once: a second call with the same content is replayed. What takes
    credit away is guarded by the available balance and may be refused; a suspended account can be
    adjusted, a closed one only upwards. Raises ValueError for an amount of zero or one that does
    not fit, an empty reason or a malformed reference, StartAgain as ``transact`` does.
    It is undone by ``charges.reverse(..., origin=Origin.CONSOLE)``.
    """
    if not reason.strip():
        raise ValueError("an adjustment has a reason")
    posting = Posting(
        Kind.ADJUSTMENT,
        references.check(reference),
        (Leg(account.pk, amount),),
        references.check_description(reason),
    )

    def work() -> Outcome:
        [outcome] = post(
            master=account.master_id,
            postings=[posting],
            origin=Origin.CONSOLE,
            by=by.pk if by else None,
        )
        if outcome.status == Status.ACCEPTED:
            audit.record(
                action=AuditAction.ADJUSTED,
                by=by,
                account=account,
                after={"amount": amount, "reference": reference},
                about=reason,
            )
        return outcome

    return transact(work)

"""What a company asks of its people: a second factor, and a proof before large transfers."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.models import Account, User


def change(
    *,
    company: Account,
    needs_second_factor: bool,
    confirm_above: Decimal | None,
    by: User | None = None,
) -> bool:
    """Set the rules of a master account; whether they were others before.

    ``confirm_above``: transfers of more than this, in the company's currency, need a fresh proof
    of who makes them; None: none does. Raises ValueError for a subaccount.
    """
    if not company.is_master:
        raise ValueError("Only master accounts have rules of sign-in")
    with transaction.atomic():
        row = Account.objects.select_for_update(no_key=True).get(pk=company.pk)
        before = (row.needs_second_factor, row.confirm_above)
        if before == (needs_second_factor, confirm_above):
            return False
        if row.needs_second_factor != needs_second_factor:
            audit.record(
                action=AuditAction.SECOND_FACTOR_REQUIRED,
                by=by,
                account=row,
                before={"required": row.needs_second_factor},
                after={"required": needs_second_factor},
            )
        if row.confirm_above != confirm_above:
            audit.record(
                action=AuditAction.TRANSFER_LIMIT_CHANGED,
                by=by,
                account=row,
                before={"confirm_above": row.confirm_above},
                after={"confirm_above": confirm_above},
            )
        row.needs_second_factor, row.confirm_above = needs_second_factor, confirm_above
        row.save(update_fields=["needs_second_factor", "confirm_above"])
    return True


def asks_again(*, company: Account, amount: Decimal) -> bool:
    """Whether a transfer of this amount needs a fresh proof."""
    return company.confirm_above is not None and amount > company.confirm_above

"""Master accounts as operators edit them: their name, and their country while nothing hangs on it.

Code, currency and time zone never change: entries, days and months are counted by them, and
PostgreSQL refuses it (``accounts/migrations``). What was opened with a wrong one is opened anew.
"""

from __future__ import annotations

from django.db import IntegrityError

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.models import Account, State, User
from billing import history
from billing.ledger import transact
from billing.locking import lock_balances
from billing.models import AccountAction, Entry, Payment
from billing.refusals import AccountChanged, CountryIsFixed


def edit(*, company: Account, name: str, country: str, by: User | None, shown: str) -> bool:
    """Give a master account this name and country (two letters).

    ``shown`` is what ``figures`` of it was when the operator saw it. Returns whether anything
    changed: a second call changes nothing. Raises AccountChanged when it is another by now,
    CountryIsFixed once there are entries or payments, ValidationError for a name or country that
    is not well formed, StartAgain as ``transact`` does.
    """

    def work() -> bool:
        lock_balances(company)
        company.refresh_from_db()
        if (company.name, company.country) == (name, country):
            return False
        if figures(company) != shown:
            state = str(State(company.state).label)
            raise AccountChanged(account=company.pk, name=company.name, state=state)
        if company.country != country and has_books(company):
            raise CountryIsFixed(account=company.pk, name=company.name)
        before = company.name, company.country
        company.name, company.country = name, country
        company.full_clean()
        company.save(update_fields=["name", "country"])
        if before[0] != name:
            history.record(company, AccountAction.RENAMED, by)
        if before[1] != country:
            audit.record(
                action=AuditAction.ACCOUNT_EDITED,
                by=by,
                account=company,
                before={"country": before[1]},
                after={"country": country},
            )
        return True

    try:
        return transact(work)
    except IntegrityError:
        # A subaccount took the name in between: now the check says so.
        return transact(work)


def figures(company: Account) -> str:
    """What an operator may edit of it, as text to compare."""
    return f"{company.country} {company.name}"


def has_books(company: Account) -> bool:
    """Whether there are entries or payments in its tree; two queries."""
    return (
        Entry.objects.filter(master=company).exists()
        or Payment.objects.filter(master=company).exists()
    )

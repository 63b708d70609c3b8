"""What the pages of statements have in common: whose statements, and which one."""

from __future__ import annotations

from django.http import Http404

from accounts.access import Access, account_or_404
from accounts.models import Account
from reports.models import Statement
from reports.queries import Scope


def chosen_account(scope: Scope, code: str) -> Account:
    """The account with this code; for "" the first that the person sees. Http404 for others."""
    if code:
        return account_or_404(scope.access, code)
    if not scope.accounts:
        raise Http404
    return scope.accounts[0]


def statement_or_404(access: Access, number: str) -> Statement:
    """The company's statement with this number, ``2026-000017``, of an account in reach."""
    statement = (
        Statement.objects.named(access.company, number)
        .filter(holder__in=access.accounts)
        .select_related("holder", "by")
        .first()
    )
    if statement is None:
        raise Http404
    statement.master = statement.holder.master = access.company
    return statement

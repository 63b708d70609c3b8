"""Whether an account can spend, in a word: for one account, and to search many by it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, BalanceMode, State
from billing.models import Balance


class Standing(models.TextChoices):
    """What a person must know of an account first.

    ``restricted`` follows from the balance that it draws on; the others are set by hand, where a
    suspended company suspends its whole tree.
    """

    ACTIVE = "active", _("Active")
    RESTRICTED = "restricted", _("Restricted")
    SUSPENDED = "suspended", _("Suspended")
    CLOSED = "closed", _("Closed")


def standing(company: Account, balance: Balance, pool: Balance) -> Standing:
    """How ``balance.account`` stands; ``pool`` is the master account's balance."""
    account = balance.account
    if account.state == State.CLOSED:
        return Standing.CLOSED
    if {account.state, company.state} != {State.ACTIVE}:
        return Standing.SUSPENDED
    holder = pool if account.is_shared else balance
    return Standing.RESTRICTED if holder.is_restricted else Standing.ACTIVE


def stands(company: Account, pool: Balance, wanted: Standing) -> Q:
    """What ``standing`` says, as a condition on balances of this company."""
    closed = Q(account__state=State.CLOSED)
    if wanted == Standing.CLOSED:
        return closed
    active = Q(account__state=State.ACTIVE) if company.state == State.ACTIVE else Q(account__in=[])
    if wanted == Standing.SUSPENDED:
        return ~closed & ~active
    spent = Q(mode=BalanceMode.ALLOCATED, credit__lte=F("on_hold") - F("credit_limit"))
    if pool.is_restricted:
        spent |= Q(mode=BalanceMode.SHARED)
    return active & (spent if wanted == Standing.RESTRICTED else ~spent)

"""What the operators' pages read alike: numbers in addresses, pages, and balances."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, TypeVar
from uuid import UUID

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from accounts.models import Account
from billing.models import Approval, Balance, Payment
from billing.payment_status import with_status
from console import money

PAGE_SIZE = 50
GATEWAY = "bank_transfer"

Row = TypeVar("Row", bound=Model)


class Page(NamedTuple):
    """A bounded part of a list, and the key of its last row where there are more."""

    rows: Sequence[Model]
    last: object | None


def cut(rows: QuerySet[Row], size: int = PAGE_SIZE) -> Page:
    """The first rows; one query."""
    found = list(rows[: size + 1])
    more = len(found) > size
    found = found[:size]
    return Page(found, found[-1].pk if more else None)


def company_or_404(code: str) -> Account:
    """The master account with this code. Raises Http404. For operators, who see all."""
    found: Account = get_object_or_404(Account.objects.masters(), code=code)
    return found


def account_in_or_404(company: str, code: str) -> Account:
    """The account with this code in the company's tree, the master account itself included."""
    master = company_or_404(company)
    found: Account = get_object_or_404(Account.objects.filter(master=master), code=code)
    found.master = master
    return found


def number_or_404(text: str) -> int:
    """A row's number in an address. Raises Http404."""
    if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII):
        raise Http404
    return int(text)


def uuid_or_404(text: str) -> UUID:
    """A row's id in an address. Raises Http404."""
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


def payments() -> QuerySet[Payment]:
    """Payments with all that pages write of them, their status too."""
    found = Payment.objects.select_related("account__master", "master", "method", "by")
    return with_status(found)


class Change(NamedTuple):
    """A holder's credit and what it can spend, now and after so much more."""

    balance: Balance
    amount: Decimal

    @property
    def credit_after(self) -> Decimal:
        """Credit once the amount is posted."""
        return self.balance.credit + self.amount

    @property
    def available_after(self) -> Decimal:
        """Available balance once the amount is posted."""
        return self.balance.available + self.amount


def busy() -> str:
    """The sentence for books that were changing too fast."""
    return _("The books were busy, so nothing was done. Try again.")


def written(amount: Decimal, currency: str) -> str:
    """``EGP 1,500.00``, for sentences."""
    return f"{currency} {money.format_amount(amount, money.currency_decimals(currency))}"


def tell_asked(request: HttpRequest, approval: Approval, *, again: bool) -> None:
    """Say that a second operator is asked; nothing has moved."""
    if again:
        messages.info(
            request, _("This was asked for when the form was first sent, and not again.")
        )
        return
    messages.warning(
        request,
        _("%(amount)s takes a second operator. The others were told; nothing moved yet.")
        % {"amount": written(abs(approval.amount), approval.currency)},
    )

"""What the tests of the subaccounts' pages share: asking for them and reading them."""

from __future__ import annotations

import re
from decimal import Decimal

from django.test import Client
from django.urls import reverse

from accounts.models import Account, User
from billing import charges, holds
from billing.models import Hold


def address(page: str, account: Account | str | None = None, company: str = "nile") -> str:
    """The address of ``subaccount-<page>``, of an account (or its code) where it is one's."""
    if account is None:
        return reverse(f"subaccount-{page}", args=[company])
    code = account if isinstance(account, str) else account.code
    return reverse(f"subaccount-{page}", args=[company, code])


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def plain(response) -> str:
    """The page's text, entities and runs of space resolved."""
    text = response.content.decode()
    text = re.sub(r"<(style|script).*?</\1>", " ", text, flags=re.S)
    text = re.sub(r"<[^>]*>", " ", text)
    for entity, sign in (("&#x27;", "'"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(entity, sign)
    return re.sub(r"\s+", " ", re.sub(r"\s+([.,;:])", r"\1", text))


def hidden(response) -> dict[str, str]:
    """The hidden fields of the page's own form: what was shown."""
    main = response.content.decode().split("<main", 1)[1]
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', main)
    return {name: value for name, value in found if name != "csrfmiddlewaretoken"}


def charge(account: Account, amount: str, reference: str = "m-1", **keywords):
    return charges.charge(account=account, amount=Decimal(amount), reference=reference, **keywords)


def hold(account: Account, amount: str, reference: str = "h-1", **keywords) -> Hold:
    outcome = holds.hold(account=account, amount=Decimal(amount), reference=reference, **keywords)
    assert outcome.hold is not None
    return outcome.hold

"""Opening the page of transactions and reading what it shows."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal

from django.test import Client
from django.urls import reverse

from accounts.models import Account, Role, User
from billing.charges import Charge, charge_many
from billing.models import Entry
from tests.factories import make_master, make_member


def address(company: str = "nile", **query: object) -> str:
    return reverse("transaction-list", args=[company], query=query or None)


def get(user: User, company: str = "nile", *, headers: dict[str, str] | None = None, **query):
    client = Client(headers=headers)
    client.force_login(user)
    return client.get(address(company), query)


def shown(response) -> list[Entry]:
    """The entries in the table."""
    assert response.status_code == 200
    return [row.record for row in response.context["table"].rows]


def references(response) -> list[str]:
    return [entry.reference for entry in shown(response)]


def cells(response, name: str) -> list[str]:
    """The texts of one column, without markup."""
    rows = response.context["table"].rows
    return [re.sub(r"<[^>]+>", " ", str(row.get_cell(name))).strip() for row in rows]


def text_of(response) -> str:
    return response.content.decode()


def spend(account: Account, amount: str, reference: str, **fields) -> None:
    posting = Charge(account.pk, Decimal(amount), reference, enforce_limit=False, **fields)
    charge_many(master=account.master_id, charges=[posting])


def finance_with_history(*moments: datetime, zone: str = "Africa/Cairo") -> User:
    """The finance person of the company "delta", which has one usage at each moment."""
    company = make_master("delta", time_zone=zone)
    for number, moment in enumerate(moments):
        spend(company, "1", f"at-{number}", moment=moment)
    return make_member(company, Role.FINANCE, "finance@delta.example")

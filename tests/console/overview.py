"""What the tests of the overview share: asking for the page and reading it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from django.test import Client
from django.urls import reverse

from accounts.models import Account, User
from billing.charges import Charge, charge_many
from billing.ledger import Leg, Posting, post, transact
from billing.models import Kind, Origin

HX = {"HX-Request": "true"}


def get(user: User, company: str = "nile", *, headers: dict[str, str] | None = None, **query):
    client = Client(headers=headers)
    client.force_login(user)
    return client.get(reverse("overview", args=[company]), query)


def text_of(response) -> str:
    assert response.status_code == 200
    return response.content.decode()


def spend(account: Account, amount: str, reference: str = "", moment: datetime | None = None):
    reference = reference or str(uuid4())
    posting = Charge(account.pk, Decimal(amount), reference, enforce_limit=False, moment=moment)
    [outcome] = charge_many(master=account.master_id, charges=[posting])
    return outcome


def reverse_usage(account: Account, amount: str) -> None:
    leg = Leg(account.pk, Decimal(amount))
    posting = Posting(Kind.REVERSAL, f"usage:api:{uuid4()}", (leg,), "typo")
    transact(lambda: post(master=account.master_id, postings=[posting], origin=Origin.REVERSAL))


def codes(response) -> list[str]:
    """The subaccounts in the table, in its order."""
    return [line.account.code for line in response.context["page"]]


def line(response, code: str):
    return next(each for each in response.context["page"] if each.account.code == code)


def titles(response) -> list[str]:
    return [notice.title for notice in response.context["notices"]]

"""The cast of the tests: two companies and everyone who might knock.

Nile Retail Group (EGP, Cairo) with Marketing and Retail (allocated) and OTP (shared); Gulf Trading
(KWD, three decimals). Made through the domain's own verbs.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

from accounts.models import Account, BalanceMode, Membership, Role, User
from billing import limits, tree
from billing.ledger import Leg, Outcome, Posting, post, transact
from billing.models import AccountAction, AccountChange, Balance, Kind, Origin

PASSWORD = "correct horse battery staple"
# Of everyone's authenticator app.
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
_numbers = itertools.count(1)


def make_user(email: str, **fields: Any) -> User:
    """A person with a verified address and the common PASSWORD; operators have an app, too."""
    user = User.objects.create_user(email, PASSWORD, **fields)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    if user.is_staff:
        give_app(user)
    return user


def give_app(user: User) -> None:
    """An authenticator app, with the common SECRET, without recovery codes."""
    data = {"secret": get_adapter().encrypt(SECRET)}
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=data)


def code_of(secret: str = SECRET, *, later: int = 0) -> str:
    """What the app shows now, or ``later`` periods of 30 seconds from now."""
    value: str = format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later))
    return value


def make_member(account: Account, role: Role, email: str) -> User:
    """A person with one role."""
    user = make_user(email)
    Membership.objects.create(user=user, account=account, role=role)
    return user


def make_master(code: str = "nile", **fields: Any) -> Account:
    """A master account, Egyptian unless told otherwise."""
    defaults = {
        "name": code.title(),
        "country": "EG",
        "currency": "EGP",
        "time_zone": "Africa/Cairo",
    }
    return tree.open_master(code=code, **(defaults | fields))


def make_subaccount(
    master: Account, code: str, *, mode: BalanceMode = BalanceMode.ALLOCATED, name: str = ""
) -> Account:
    """A subaccount of the company."""
    return tree.open_subaccount(master=master, code=code, name=name or code.title(), mode=mode)


def make_branches(master: Account, count: int, *modes: BalanceMode) -> list[Account]:
    """Subaccounts ``b-0``, ``b-1``... called "Branch 0"..., as the verb would leave them, at once.

    Their modes go round those given; none are all allocated.
    """
    modes = modes or (BalanceMode.ALLOCATED,)
    accounts = Account.objects.bulk_create(
        Account(
            master=master, code=f"b-{at}", name=f"Branch {at}", balance_mode=modes[at % len(modes)]
        )
        for at in range(count)
    )
    Balance.objects.bulk_create(
        Balance(master=master, account=account, mode=account.balance_mode) for account in accounts
    )
    AccountChange.objects.bulk_create(
        AccountChange(
            master=master,
            account=account,
            action=AccountAction.OPENED,
            name=account.name,
            mode=account.balance_mode,
            state=account.state,
            changed_at=account.created_at,
        )
        for account in accounts
    )
    return accounts


def give(account: Account, amount: Decimal | str, reference: str = "") -> Outcome:
    """A payment to the account (to its holder)."""
    posting = Posting(
        Kind.PAYMENT,
        reference or f"pay-{next(_numbers)}",
        (Leg(account.pk, Decimal(amount)),),
        "Top up",
    )
    [outcome] = transact(
        lambda: post(master=account.master_id, postings=[posting], origin=Origin.PAYMENT)
    )
    return outcome


def set_limit(account: Account, limit: Decimal | str) -> None:
    """A credit limit for the account."""
    limits.change(account=account, limit=Decimal(limit), reason="agreed")


def balance_of(account: Account) -> Balance:
    """The account's own balance row, fresh."""
    return Balance.objects.get(master=account.master_id, account=account)


@dataclass(frozen=True)
class Cast:
    """Everyone, and the accounts they belong to."""

    nile: Account
    marketing: Account
    retail: Account
    otp: Account
    gulf: Account
    gulf_sales: Account
    admin: User
    finance: User
    marketing_admin: User
    member: User  # of Marketing
    otp_member: User  # of OTP only, which is shared
    gulf_admin: User
    operator: User
    stranger: User  # signed in, member of nothing


def make_cast() -> Cast:
    """Nile has EGP 10,000, Marketing 500, Retail 20.50; Gulf has KWD 300."""
    nile = make_master("nile", name="Nile Retail Group")
    marketing = make_subaccount(nile, "marketing")
    retail = make_subaccount(nile, "retail", name="Retail branches")
    otp = make_subaccount(nile, "otp", name="OTP and security", mode=BalanceMode.SHARED)
    gulf = make_master(
        "gulf", name="Gulf Trading", country="KW", currency="KWD", time_zone="Asia/Kuwait"
    )
    gulf_sales = make_subaccount(gulf, "sales")
    give(nile, "10000")
    give(marketing, "500")
    give(retail, "20.50")
    give(gulf, "300")
    return Cast(
        nile=nile,
        marketing=marketing,
        retail=retail,
        otp=otp,
        gulf=gulf,
        gulf_sales=gulf_sales,
        admin=make_member(nile, Role.MASTER_ADMIN, "admin@nile.example"),
        finance=make_member(nile, Role.FINANCE, "finance@nile.example"),
        marketing_admin=make_member(
            marketing, Role.SUBACCOUNT_ADMIN, "marketing-admin@nile.example"
        ),
        member=make_member(marketing, Role.MEMBER, "member@nile.example"),
        otp_member=make_member(otp, Role.MEMBER, "otp@nile.example"),
        gulf_admin=make_member(gulf, Role.MASTER_ADMIN, "admin@gulf.example"),
        operator=make_user("operator@platform.example", is_staff=True),
        stranger=make_user("stranger@elsewhere.example"),
    )

"""The audit log: one function that writes it, in the transaction of what it tells of.

Where the request came from is found here, so verbs pass only who, what and the figures.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest

from accounts.audit_actions import AuditAction
from accounts.audit_events import AuditEvent, Via
from accounts.models import Account, Membership, User
from console import money
from console.request_facts import current

# What no log may hold, by the names that it would come under.
_SECRET_NAME = re.compile(r"passw|secret|token|digest|credential|cookie|session", re.IGNORECASE)
# ... and a whole key of the API, wherever it stands: its prefix alone names it.
_API_KEY = re.compile(r"(cck_[a-z2-7]{8})_[A-Za-z0-9_-]{20,}", re.ASCII)
_ABOUT, _AGENT = 500, 200


def record(
    *,
    action: AuditAction,
    by: User | None,
    master: Account | int | None = None,
    account: Account | None = None,
    whom: User | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    about: str = "",
    moment: datetime | None = None,
) -> None:
    """Write down what ``by`` (None: a job, a command, nobody known) did.

    Call it in the transaction that does it: undone together, they were never there. ``account``
    names its company; else ``master`` does. ``about`` (a reason, an address) is cut at 500
    characters. ``before`` and ``after`` hold what changed, as figures and codes, never a secret:
    raises ValueError for a name that smells of one. A second call writes a second row. ``moment``
    is for demo, import of history and tests only; else it is the database's clock.
    """
    company = (
        account.master_id if account else master.pk if isinstance(master, Account) else master
    )
    facts = current()
    request = facts.request if facts else None
    if by is not None:
        # Whoever looks as a customer does what they do as themselves.
        by = getattr(request, "operator", by)
    moments = {} if moment is None else {"at": moment}
    AuditEvent.objects.create(
        action=action,
        master_id=company,
        account=account,
        actor=by,
        whom=whom,
        via=_via(request),
        about=_clean(about, _ABOUT),
        before=_checked(before, account),
        after=_checked(after, account),
        ip=address_of(request),
        user_agent=_clean(request.headers.get("User-Agent", ""), _AGENT) if request else "",
        request_id=facts.id if facts else "",
        **moments,
    )


def record_for_person(
    *, action: AuditAction, whom: User | None, by: User | None, about: str = ""
) -> None:
    """Write down what concerns a person and no single company: a sign-in, a password.

    Told to each company that the person belongs to now, so that its admins see it, also after the
    person has left. Of operators, and of who belongs nowhere, only operators are told.
    """
    companies: list[int | None] = []
    if whom is not None and not whom.is_staff:
        found = Membership.objects.filter(user=whom).order_by("master")
        companies = list(found.values_list("master", flat=True).distinct())
    for company in companies or [None]:
        record(action=action, master=company, whom=whom, by=by, about=about)


def address_of(request: HttpRequest | None) -> str | None:
    """The client's address as sign-in sees it, behind the proxies that are ours; or None."""
    if request is None:
        return None
    try:
        # PostgreSQL knows no zones of link-local addresses.
        return str(ipaddress.ip_address(get_adapter().get_client_ip(request).partition("%")[0]))
    except (PermissionDenied, ImproperlyConfigured, ValueError):
        # None, or a header that our proxies cannot have written.
        return None


def _via(request: HttpRequest | None) -> Via:
    if request is None:
        return Via.SYSTEM
    return Via.API if request.path.startswith("/api/") else Via.PAGE


def _checked(values: Mapping[str, Any] | None, account: Account | None) -> dict[str, Any]:
    """The values, amounts as they are written in the company's currency."""
    found: dict[str, Any] = {}
    for name, value in (values or {}).items():
        if _SECRET_NAME.search(name):
            raise ValueError(f"{name} is no thing for a log")
        if isinstance(value, Decimal):
            found[name] = money.plain_amount(value, account.decimals if account else 2)
        else:
            found[name] = _clean(value, _ABOUT) if isinstance(value, str) else value
    return found


def _clean(text: str, longest: int) -> str:
    """Printable, cut, and without a whole API key: PostgreSQL takes no NUL."""
    text = _API_KEY.sub(r"\1_...", text[: 4 * longest])
    return "".join(sign if sign.isprintable() else " " for sign in text)[:longest]

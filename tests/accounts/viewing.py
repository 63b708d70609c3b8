"""A company with one of everything, and beginning a read-only view of it in the tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts import api_keys
from accounts.access import access_or_404
from accounts.models import Account, Scope, User
from billing import alerts, transfer_batches, transfers
from billing.models import Entry, Notice
from billing.transfer_batches import Line
from reports import export_jobs, saved_views, statements
from reports.models import Export, ExportState, exports_storage
from reports.pages import write_key
from tests.accounts.people import at, invite
from tests.billing.accounts_pages import charge
from tests.billing.payments.cast import make_payment, paid, tell
from tests.factories import Cast

STOP = "/operator/view-as/stop/"
NONE: frozenset[str] = frozenset()


def begin(client: Client, person: User, company: str = "nile", reason: str = "Ticket 17"):
    """The client, who is an operator's, looks at the company as the person."""
    address = reverse("operator-view-as", args=[company, person.pk])
    return client.post(address, {"reason": reason})


def make_everything(cast: Cast) -> dict[str, dict[str, Any]]:
    """What the addresses under Nile need, by the name of the address; "" for all others."""
    alert = alerts.add(
        account=cast.marketing, threshold=Decimal(200), recipients=[cast.admin, cast.member]
    )
    charge(cast.marketing, "350")
    way = {"source": cast.nile, "destination": cast.retail}
    transfer = transfers.make(**way, amount=Decimal(10), key=uuid4(), by=cast.admin)
    batch = transfer_batches.make_many(
        source=cast.nile,
        lines=[Line(cast.retail, Decimal(5)), Line(cast.marketing, Decimal(5))],
        key=uuid4(),
        by=cast.admin,
    )
    # Whoever waits for it has a worker ask the gateway.
    waiting = make_payment(cast.nile, heard_at=None)
    settled = make_payment(cast.nile)
    tell(settled, paid(settled))
    today = timezone.localdate(timezone=cast.nile.zone)
    statement = statements.issue(holder=cast.nile, first=today, last=today, by=cast.admin)
    view = saved_views.save(user=cast.admin, company=cast.nile, name="In", query="direction=in")
    key, _secret = api_keys.create(name="SMS", scopes=[Scope.BALANCE_READ], master=cast.nile)
    return {
        "": {"code": "retail"},
        "alert": {"pk": alert.pk},
        "notice": {"pk": Notice.objects.get().pk},
        "payment": {"pk": waiting.pk},
        "payment-receipt": {"pk": settled.pk, "number": settled.arrivals.get().receipt},
        "transfer": {"pk": transfer.pk},
        "transfer-batch": {"pk": batch.pk},
        "transaction": {"key": write_key(entry_of(cast.nile))},
        "view": {"pk": view.pk},
        "statement": {"number": statement.name},
        "export": {"pk": make_export(cast, cast.admin).pk},
        "invitation": {"pk": invite(cast).pk},
        "person": {"pk": at(cast.member, cast.marketing).pk},
        "api-key": {"prefix": key.prefix},
    }


def entry_of(account: Account) -> Entry:
    """The latest movement of the account's balance."""
    return Entry.objects.filter(master=account.master_id, holder=account).latest("seq")


def make_export(cast: Cast, user: User) -> Export:
    """A file of theirs that is ready."""
    access = access_or_404(user, "nile")
    export, _is_new = export_jobs.order(
        access=access, format="csv", query="", key=uuid4(), rows=None
    )
    export_jobs.make(str(export.pk))
    export.refresh_from_db()
    assert export.state == ExportState.READY
    assert exports_storage().exists(export.file)
    return export


def addresses(things: dict[str, dict[str, Any]], code: str = "nile") -> Iterator[tuple[str, str]]:
    """Every address under a company, from the resolver, with its name."""
    for name, parameters in _under_a_company(get_resolver().url_patterns):
        kinds = [kind for kind in things if kind and name.startswith(kind)]
        known = things[""] | (things[max(kinds, key=len)] if kinds else {})
        assert parameters - {"company"} <= known.keys(), f"make one for {name}"
        wanted = {each: known[each] for each in parameters - {"company"}}
        yield name, reverse(name, kwargs=wanted | {"company": code})


def _under_a_company(
    patterns: list[URLPattern | URLResolver], route: str = "", parameters: frozenset[str] = NONE
) -> Iterator[tuple[str, frozenset[str]]]:
    for pattern in patterns:
        here, names = route + str(pattern.pattern), parameters | set(pattern.pattern.converters)
        if isinstance(pattern, URLResolver):
            yield from _under_a_company(pattern.url_patterns, here, names)
        elif here.startswith("accounts/<slug:company>/"):
            yield pattern.name, names


def rows() -> dict[str, set[str]]:
    """All rows of all tables, as JSON, but the log's, sessions and sign-ins."""
    found = {}
    left_out = {"accounts_auditevent", "django_session", "accounts_signin"}
    with connection.cursor() as cursor:
        for table in sorted(set(connection.introspection.table_names(cursor)) - left_out):
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} t")
            found[table] = {json.dumps(row) for row in cursor.fetchall()}
    return found

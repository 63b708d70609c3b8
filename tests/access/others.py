"""The same things once more: another company's, and some of Nile's that Marketing does not see."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from accounts import api_keys, invitations
from accounts.access import access_or_404
from accounts.models import Account, Membership, Role, Scope, User
from billing import adjustments, alerts, approvals, holds, transfer_batches, transfers
from billing.models import Approval, Entry, Notice, PaymentMethod
from billing.second_operator import reference_of
from reports import export_jobs, saved_views, statements
from reports.models import StatementCounter
from reports.pages import write_key
from tests.billing.payments.cast import make_payment
from tests.factories import Cast, make_master, make_user

if TYPE_CHECKING:
    from tests.access.world import World


def of_operators(cast: Cast) -> dict[str, Any]:
    """What operators do to companies: adjust, ask one another, open one and invite its admin."""
    colleague = make_user("colleague@platform.example", is_staff=True)
    adjusted = uuid4()
    adjustments.make(
        account=cast.marketing,
        amount=Decimal("2.50"),
        reason="A message twice",
        reference=reference_of(adjusted),
        by=cast.operator,
    )
    entry = Entry.objects.get(master=cast.nile, reference=reference_of(adjusted))
    found = {"adjustment": f"{entry.master_id}-{entry.holder_id}-{entry.seq}"}
    for name, account, by in (
        ("approval", cast.marketing, colleague),
        ("own approval", cast.marketing, cast.operator),
        ("approval of gulf", cast.gulf, colleague),
    ):
        asked = approvals.adjust(
            account=account, amount=Decimal(5001), reason="Agreed", key=uuid4(), by=by
        )
        assert isinstance(asked, Approval)
        found[name] = asked.pk
    # Both without an admin; to one of them somebody is invited already.
    make_master("omega", name="Omega Press")
    empty = make_master("delta", name="Delta Mills")
    offer = invitations.invite(
        company=empty,
        account=empty,
        email="first@delta.example",
        role=Role.MASTER_ADMIN,
        by=cast.operator,
    )
    return found | {"first invitation": offer.pk}


def of_gulf(cast: Cast) -> dict[str, Any]:
    """One of everything of Gulf Trading."""
    admin = cast.gulf_admin
    moved = transfers.make(
        source=cast.gulf, destination=cast.gulf_sales, amount=Decimal(90), key=uuid4(), by=admin
    )
    found = _of(cast.gulf_sales, admin, admin)
    batch = transfer_batches.make_many(
        source=cast.gulf,
        lines=[transfer_batches.Line(cast.gulf_sales, Decimal(3))],
        key=uuid4(),
        by=admin,
    )
    key, _secret = api_keys.create(name="theirs", scopes=list(Scope), master=cast.gulf, by=admin)
    invited = invitations.invite(
        company=cast.gulf,
        account=cast.gulf_sales,
        email="new@gulf.example",
        role=Role.MEMBER,
        by=admin,
    )
    method = PaymentMethod.objects.filter(country="KW").latest("pk")
    return found | {
        "transfer": moved.pk,
        "transfer key": str(moved.key),
        "batch": batch.pk,
        "prefix": key.prefix,
        "invitation": invited.pk,
        "membership": Membership.objects.get(user=admin).pk,
        "method": method.pk,
        "company": "gulf",
        "approval key": str(Approval.objects.get(account=cast.gulf).key),
        "reference": "h-sales",
    }


def of_retail(world: World) -> dict[str, Any]:
    """What Nile's Retail branches have; of what a person has, the admin's."""
    cast = world.cast
    invited = invitations.invite(
        company=cast.nile,
        account=cast.retail,
        email="new-retail@nile.example",
        role=Role.MEMBER,
        by=cast.admin,
    )
    batch = transfer_batches.make_many(
        source=cast.nile,
        lines=[transfer_batches.Line(cast.retail, Decimal(3))],
        key=uuid4(),
        by=cast.admin,
    )
    found = _of(cast.retail, cast.admin, cast.finance)
    return found | {
        "payment": world.of_retail.pk,
        "payment key": str(world.of_retail.key),
        "transfer": world.at["transfer of retail"],
        "batch": batch.pk,
        "user": cast.otp_member.pk,
        "export": world.at["export"],
        "view": world.at["view"],
        "prefix": world.at["key"],
        "invitation": invited.pk,
        "membership": world.at["membership of finance"],
        "company": "nile",
    }


def _of(account: Account, admin: User, person: User) -> dict[str, Any]:
    """What any account with a balance has."""
    alert = alerts.add(account=account, threshold=Decimal("12.50"), recipients=[person], by=admin)
    held = holds.hold(account=account, amount=Decimal(1), reference=f"h-{account.code}").hold
    today = export_jobs.clock().astimezone(account.zone).date()
    access = access_or_404(admin, account.company.code)
    export, _new = export_jobs.order(access=access, format="csv", query="", key=uuid4(), rows=None)
    payment = make_payment(account) if account.code == "sales" else None
    Notice.objects.create(
        master=account.company,
        account=account,
        alert_id=alert.pk,
        what="below",
        threshold=Decimal("12.50"),
        credit=1,
        credit_limit=0,
        on_hold=0,
        raised_at=export_jobs.clock(),
    )
    if account.code == "sales":
        # Each company counts its own: so that this number is none of Nile's.
        StatementCounter.objects.create(master=account.company, year=today.year, last=700)
    statement = statements.issue(holder=account, first=today, last=today, by=admin)
    return {
        "account": account.pk,
        "code": account.code,
        "alert": alert.pk,
        "notice": Notice.objects.latest("pk").pk,
        "statement": statement.name,
        "export": export.pk,
        "view": saved_views.save(
            user=admin, company=account.company, name="Theirs", query="kind=usage"
        ).pk,
        "user": person.pk,
        "payment": payment and payment.pk,
        "payment key": payment and str(payment.key),
        "entry": write_key(Entry.objects.filter(account=account).latest("posted_at")),
        "hold": held and held.id,
    }

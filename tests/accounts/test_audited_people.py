"""What is done about people, keys and files is written down, once, with who did it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from accounts import api_keys, invitations, people
from accounts.audit_actions import AuditAction
from accounts.audit_events import AuditEvent
from accounts.models import Membership, Role, Scope
from tests.factories import Cast

pytestmark = pytest.mark.django_db


def told() -> list[tuple[str, str]]:
    found = AuditEvent.objects.order_by("pk")
    return [(event.action, event.actor.email) for event in found if event.actor]


def test_people_come_change_and_go(cast: Cast) -> None:
    invited = invitations.invite(
        company=cast.nile,
        account=cast.marketing,
        email="new@nile.example",
        role=Role.MEMBER,
        by=cast.admin,
    )
    again = invitations.send_again(company=cast.nile, invitation=invited.pk, by=cast.admin)
    token = invitations.token_of(again)
    joined = invitations.accept_as_new(token=token, name="New", password="a long pass phrase")
    for _twice in range(2):
        people.change_role(
            company=cast.nile, membership=joined.pk, role=Role.SUBACCOUNT_ADMIN, by=cast.admin
        )
    people.remove(company=cast.nile, membership=joined.pk, by=cast.admin)
    other = invitations.invite(
        company=cast.nile,
        account=cast.nile,
        email="x@nile.example",
        role=Role.FINANCE,
        by=cast.admin,
    )
    invitations.withdraw(company=cast.nile, invitation=other.pk, by=cast.admin)
    admin = cast.admin.email
    assert told() == [
        (AuditAction.INVITED, admin),
        (AuditAction.INVITATION_RESENT, admin),
        (AuditAction.INVITATION_ACCEPTED, "new@nile.example"),
        (AuditAction.ROLE_CHANGED, admin),
        (AuditAction.ROLE_REMOVED, admin),
        (AuditAction.INVITED, admin),
        (AuditAction.INVITATION_WITHDRAWN, admin),
    ]
    changed = AuditEvent.objects.get(action=AuditAction.ROLE_CHANGED)
    assert (changed.before, changed.after) == ({"role": "member"}, {"role": "subaccount_admin"})
    assert token not in str(list(AuditEvent.objects.values()))
    assert not Membership.objects.filter(pk=joined.pk).exists()


def test_a_key_is_named_but_never_told(cast: Cast) -> None:
    row, key = api_keys.create(
        name="Billing", scopes=[Scope.ENTRIES_READ], master=cast.nile, by=cast.admin
    )
    for _twice in range(2):
        api_keys.revoke(prefix=row.prefix, by=cast.admin)
    admin = cast.admin.email
    assert told() == [(AuditAction.KEY_MADE, admin), (AuditAction.KEY_REVOKED, admin)]
    written = str(list(AuditEvent.objects.values()))
    assert row.prefix in written
    assert key not in written
    assert row.digest not in written


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_taken_along_is_written_down(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.finance)
    sent = {"format": "csv", "query": "kind=payment", "key": str(uuid4())}
    response = client.post(reverse("export-new", args=["nile"]), sent)
    assert response.status_code == 200
    response.close()
    assert told()[-1] == (AuditAction.EXPORT_DOWNLOADED, cast.finance.email)

"""The audit log: what is written, from where, and that it stays."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.audit_events import AuditEvent, Via
from accounts.models import Membership, Role
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db


def sign_in(client, email: str, password: str, **headers: str) -> None:
    client.post(reverse("account_login"), {"login": email, "password": password}, **headers)


def last(action: AuditAction) -> AuditEvent:
    return AuditEvent.objects.filter(action=action).latest("pk")


def test_a_row_can_be_neither_changed_nor_removed(cast):
    audit.record(action=AuditAction.KEY_MADE, by=cast.admin, master=cast.nile)
    rows = AuditEvent.objects.all()
    for attempt in (lambda: rows.update(about="x"), lambda: rows.latest("pk").delete()):
        with pytest.raises(DatabaseError, match="is refused"), transaction.atomic():
            attempt()
    with connection.cursor() as cursor:
        # What walks past ordinary triggers.
        cursor.execute("SET LOCAL session_replication_role = replica")
        with pytest.raises(DatabaseError, match="is refused"):
            cursor.execute("DELETE FROM accounts_auditevent")


def test_it_is_undone_with_what_it_tells_of(cast):
    before = AuditEvent.objects.count()
    with transaction.atomic():
        audit.record(action=AuditAction.KEY_MADE, by=cast.admin, master=cast.nile)
        transaction.set_rollback(True)
    assert AuditEvent.objects.count() == before


def test_a_job_is_written_down_as_the_system(cast):
    audit.record(action=AuditAction.EXPORT_ORDERED, by=None, account=cast.marketing)
    row = last(AuditAction.EXPORT_ORDERED)
    assert (row.via, row.actor, row.ip, row.request_id) == (Via.SYSTEM, None, None, "")
    assert (row.master, row.account) == (cast.nile, cast.marketing)


def test_an_account_of_another_company_is_refused_by_the_database(cast):
    with (
        pytest.raises(DatabaseError, match="audit_event_in_company"),
        transaction.atomic(),
    ):
        AuditEvent.objects.create(
            action="key_made", master=cast.gulf, account=cast.marketing, via=Via.SYSTEM
        )


def test_a_sign_in_tells_who_from_where_and_in_which_request(cast, client):
    headers = {
        "HTTP_USER_AGENT": "Browser\x00/1 " + "x" * 500,
        "HTTP_X_REQUEST_ID": "abc-12345678",
    }
    sign_in(client, "admin@nile.example", PASSWORD, **headers)
    row = last(AuditAction.SIGNED_IN)
    assert (row.actor, row.whom, row.master) == (cast.admin, cast.admin, cast.nile)
    assert (row.ip, row.via, row.request_id) == ("127.0.0.1", Via.PAGE, "abc-12345678")
    assert row.user_agent.startswith("Browser /1 x")
    assert len(row.user_agent) == 200


@pytest.mark.parametrize(
    ("proxies", "forwarded", "ip"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "198.51.100.66, 203.0.113.9", "203.0.113.9"),
        (2, "203.0.113.9", None),
        (1, "<script>", None),
    ],
)
def test_only_our_own_proxies_are_believed(rf, settings, proxies, forwarded, ip):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    assert audit.address_of(rf.get("/", HTTP_X_FORWARDED_FOR=forwarded)) == ip


def test_a_failure_keeps_the_address_typed_and_nobody_as_who(cast, client):
    sign_in(client, "Admin@nile.example", "wrong")
    row = last(AuditAction.SIGN_IN_FAILED)
    assert (row.actor, row.whom, row.master) == (None, cast.admin, cast.nile)
    assert row.about.lower() == "admin@nile.example"
    sign_in(client, "nobody@nile.example", "wrong")
    row = last(AuditAction.SIGN_IN_FAILED)
    assert (row.whom, row.master, row.about) == (None, None, "nobody@nile.example")


def test_each_company_of_a_person_is_told_and_none_of_an_operators_sign_in(cast, client):
    Membership.objects.create(user=cast.admin, account=cast.gulf_sales, role=Role.MEMBER)
    Membership.objects.create(user=cast.admin, account=cast.otp, role=Role.MEMBER)
    client.force_login(cast.admin)
    client.logout()
    for action in (AuditAction.SIGNED_IN, AuditAction.SIGNED_OUT):
        told = AuditEvent.objects.filter(action=action).values_list("master__code", flat=True)
        assert sorted(told) == ["gulf", "nile"]
    Membership.objects.create(user=cast.operator, account=cast.nile, role=Role.FINANCE)
    client.force_login(cast.operator)
    assert last(AuditAction.SIGNED_IN).master is None


def test_passwords_are_told_of_and_never_told(cast, client, mailoutbox):
    client.force_login(cast.admin)
    new = "a very new horse"
    data = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    client.post(reverse("account_change_password"), data)
    assert last(AuditAction.PASSWORD_CHANGED).whom == cast.admin
    client.logout()
    client.post(reverse("account_reset_password"), {"email": cast.finance.email})
    [link] = [word for word in mailoutbox[-1].body.split() if "/key/" in word]
    page = client.get(link, follow=True)
    client.post(page.request["PATH_INFO"], {"password1": new, "password2": new})
    assert last(AuditAction.PASSWORD_RESET).whom == cast.finance
    sign_in(client, "finance@nile.example", PASSWORD)
    columns = ("about", "before", "after", "user_agent")
    written = json.dumps(list(AuditEvent.objects.values_list(*columns)))
    for secret in (PASSWORD, new, link.rsplit("/key/")[1]):
        assert secret not in written


def test_what_smells_of_a_secret_is_refused_and_whole_keys_are_cut(cast):
    for name in ("password", "client_secret", "token", "digest"):
        with pytest.raises(ValueError, match="no thing for a log"):
            audit.record(action=AuditAction.KEY_MADE, by=None, after={name: "x"})
    key = "cck_ab2cd3ef_" + "s" * 43
    audit.record(action=AuditAction.KEY_MADE, by=None, about=f"made {key}", after={"name": key})
    row = last(AuditAction.KEY_MADE)
    assert (row.about, row.after) == ("made cck_ab2cd3ef_...", {"name": "cck_ab2cd3ef_..."})


def test_amounts_are_written_in_the_companys_currency(cast):
    figures = {"limit": Decimal("3.000000"), "of": None, "on": True}
    audit.record(action=AuditAction.LIMIT_CHANGED, by=None, account=cast.gulf_sales, after=figures)
    assert last(AuditAction.LIMIT_CHANGED).after == {"limit": "3.000", "of": None, "on": True}

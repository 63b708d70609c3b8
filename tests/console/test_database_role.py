"""The role that the console connects as: its day's work goes on, and it can undo nothing."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from accounts.access import access_or_404
from accounts.models import SignIn
from billing import holds, limits, transfers, tree
from billing.charges import charge
from billing.models import Entry, PaymentState
from billing.verification import verify
from console import database_role
from reports import export_jobs
from reports.models import ExportState
from tests.as_role import connected_as, role_of_the_console
from tests.billing.payments.cast import make_payment, paid, tell
from tests.billing.test_tasks import no_job_by_itself, work  # noqa: F401 - a fixture
from tests.factories import PASSWORD, balance_of
from tests.reports.exports import csv_rows, made

pytestmark = pytest.mark.django_db(transaction=True)

PRODUCTION_CACHE = settings.CACHES["default"]
APPEND_ONLY = ["billing_entry", "accounts_auditevent", "billing_creditlimitchange"]


@pytest.fixture(autouse=True)
def cache_of_production(settings):
    """Sign-ins are counted in a table, which the role needs, too."""
    settings.CACHES = {"default": PRODUCTION_CACHE}


@pytest.fixture
def limited(cast):
    """From here on the test is the console in production. The cast was there before."""
    payment = make_payment(cast.retail, "250")
    with role_of_the_console() as role, connected_as(role):
        yield payment


def test_what_the_console_does_all_day_works(cast, limited, client, mailoutbox):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user <> session_user, rolsuper FROM pg_roles"
            " WHERE rolname = current_user"
        )
        assert cursor.fetchall() == [(True, False)]

    moved = transfers.make(
        source=cast.marketing,
        destination=cast.retail,
        amount=Decimal(10),
        by=cast.admin,
        key=uuid4(),
    )
    transfers.reverse(transfer=moved, amount=Decimal(4), key=uuid4(), by=cast.admin)
    charge(account=cast.otp, amount=Decimal("0.0075"), reference="sms", description="SMS")
    placed = holds.hold(account=cast.marketing, amount=Decimal(5), reference="campaign")
    holds.capture(master=cast.nile.pk, hold=placed.hold.pk[1], reference="part", amount=Decimal(2))
    tell(limited, paid(limited))
    limited.refresh_from_db()
    assert limited.state == PaymentState.PAID
    limits.change(account=cast.nile, limit=Decimal(50), reason="agreed", by=cast.operator)
    opened = tree.open_subaccount(master=cast.nile, code="press", name="Press", by=cast.admin)
    assert balance_of(opened).credit == 0

    form = {"login": cast.finance.email, "password": PASSWORD}
    assert client.post(reverse("account_login"), form).status_code == 302
    assert SignIn.objects.filter(user=cast.finance).exists()
    for page in ("overview", "transaction-list", "transfer-list", "payment-list"):
        assert client.get(reverse(page, args=["nile"])).status_code == 200
    entries = Entry.objects.filter(master=cast.nile).count()
    assert len(csv_rows(made(cast.finance, "csv"))) == entries

    export, _is_new = export_jobs.order(
        access=access_or_404(cast.finance, "nile"), format="xlsx", query="", key=uuid4(), rows=None
    )
    work()
    export.refresh_from_db()
    assert (export.state, export.rows_done) == (ExportState.READY, entries)
    assert verify().is_clean


def test_nothing_that_stands_is_changed_removed_or_let_loose(cast, limited):
    attempts = [
        "ALTER TABLE billing_entry DISABLE TRIGGER ALL",
        "ALTER TABLE billing_entry DISABLE TRIGGER entry_append_only",
        "ALTER TABLE billing_entry ADD COLUMN x int",
        "DROP TRIGGER entry_append_only ON billing_entry",
        "DROP TABLE billing_entry",
        "CREATE TABLE mine (x int)",
        "CREATE TEMPORARY TABLE billing_balance (x int)",
        "CREATE OR REPLACE FUNCTION console_refuse_change() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NEW; END $$",
        "CREATE TRIGGER mine BEFORE INSERT ON billing_entry FOR EACH ROW"
        " EXECUTE FUNCTION console_refuse_change()",
        "SET session_replication_role = replica",
        "UPDATE django_migrations SET name = 'x'",
        "DELETE FROM billing_balance",
        "TRUNCATE accounts_signin",
        "COPY billing_entry TO PROGRAM 'true'",
    ]
    for table in APPEND_ONLY:
        attempts += [
            f"UPDATE {table} SET master_id = NULL",
            f"DELETE FROM {table}",
            f"TRUNCATE {table} CASCADE",
        ]
    for attempt in attempts:
        # "Insufficient privilege": the trigger, which says another thing, was not even asked.
        with pytest.raises(DatabaseError) as refused, transaction.atomic():
            connection.cursor().execute(attempt)
        assert getattr(refused.value.__cause__, "sqlstate", None) == "42501", attempt


def test_every_table_that_refuses_a_change_is_without_that_right(db):
    found = {each.table: each.rights for each in database_role.rights()}
    for table in (*APPEND_ONLY, "billing_notice", "billing_paymentevent", "reports_statement"):
        assert found[table] == ("SELECT", "INSERT")
    for table in ("billing_balance", "billing_hold", "billing_payment", "accounts_account"):
        assert found[table] == ("SELECT", "INSERT", "UPDATE")
    for table in ("django_session", "console_cache", "procrastinate_jobs", "accounts_membership"):
        assert found[table] == ("SELECT", "INSERT", "UPDATE", "DELETE")
    assert found["django_migrations"] == ("SELECT",)
    with connection.cursor() as cursor:
        # Nothing of ours is forgotten.
        assert set(connection.introspection.table_names(cursor)) == set(found)


def test_run_again_it_changes_nothing_and_takes_what_was_given_by_hand(cast):
    with role_of_the_console() as role, connection.cursor() as cursor:

        def granted():
            cursor.execute(
                "SELECT table_name, privilege_type FROM information_schema.role_table_grants"
                " WHERE grantee = %s ORDER BY 1, 2",
                [role],
            )
            return cursor.fetchall()

        before = granted()
        cursor.execute(f"GRANT UPDATE, TRUNCATE ON billing_entry TO {role}")
        assert granted() != before
        printed = StringIO()
        call_command("database_role", role, stdout=printed)
        assert granted() != before
        cursor.execute(printed.getvalue())
        assert granted() == before


def test_a_role_that_could_undo_it_is_refused(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        [(owner,)] = cursor.fetchall()
    with pytest.raises(CommandError, match="SUPERUSER"):
        call_command("database_role", owner)
    with pytest.raises(CommandError, match="There is no role nobody-there"):
        call_command("database_role", "nobody-there")
    with role_of_the_console() as role, connection.cursor() as cursor:
        cursor.execute(f"GRANT {owner} TO {role}")
        with pytest.raises(CommandError, match="membership in"):
            call_command("database_role", role, apply=True)
        cursor.execute(f"REVOKE {owner} FROM {role}")
        cursor.execute(f"ALTER ROLE {role} CREATEROLE")
        with pytest.raises(CommandError, match="CREATEROLE"):
            call_command("database_role", role, apply=True)


def test_the_role_itself_grants_nothing(cast):
    with (
        role_of_the_console() as role,
        connected_as(role),
        pytest.raises(CommandError, match="Only the owner of the tables"),
    ):
        call_command("database_role", role, apply=True)

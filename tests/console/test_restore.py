"""A backup is one when it was restored: dumped, restored into a new database, and proved there."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
from django.db import connection

from billing import holds, transfers
from billing.charges import charge
from console.postgres import CHECKOUT, EmbeddedPostgresError, binaries
from tests.billing.payments.cast import make_payment, paid, tell

# One process for both, as starting takes longer than they do. They exit with 1 when one fails.
PROOFS = """
import django
django.setup()
from django.core.management import call_command
call_command("verify_ledger")
call_command("verify_statements")
"""

pytestmark = pytest.mark.django_db(transaction=True)


def run(*command: object, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=CHECKOUT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "console.settings"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def url_of(name: str) -> str:
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


@pytest.fixture
def programs():
    """Those of the embedded server, which is the one that the test's database is in."""
    try:
        found = binaries.packaged()
    except EmbeddedPostgresError:
        pytest.skip("no programs of PostgreSQL of our own here")
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        [(server,)] = cursor.fetchall()
    if not run(found / "pg_dump", "--version").split()[-1].startswith(str(int(server) // 10_000)):
        pytest.skip("the server is not the embedded one")
    return found


def test_a_dump_is_restored_whole_and_both_proofs_hold(cast, programs, tmp_path):
    transfers.make(
        source=cast.marketing,
        destination=cast.retail,
        amount=Decimal(10),
        by=cast.admin,
        key=uuid4(),
    )
    charge(account=cast.otp, amount=Decimal("0.0075"), reference="sms")
    holds.hold(account=cast.marketing, amount=Decimal(5), reference="campaign")
    payment = make_payment(cast.retail, "250")
    tell(payment, paid(payment))

    old = connection.settings_dict["NAME"]
    new = f"{old}_restored"
    dump = tmp_path / "console.dump"
    run(programs / "pg_dump", "--format=custom", f"--file={dump}", url_of(old))
    run(programs / "createdb", "--template=template0", f"--maintenance-db={url_of(old)}", new)
    try:
        to = f"--dbname={url_of(new)}"
        run(
            programs / "pg_restore",
            "--exit-on-error",
            "--no-owner",
            "--no-privileges",
            to,
            dump,
        )
        proved = run(sys.executable, "-c", PROOFS, DATABASE_URL=url_of(new))
        assert proved.count("checks hold.") == 2
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM billing_entry")
            assert f"entries: {cursor.fetchone()[0]}, " in proved
        # The triggers came along, and hold.
        refused = subprocess.run(
            [programs / "psql", "-X", "-c", "DELETE FROM billing_entry", url_of(new)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "is refused: its rows are kept as they were written" in refused.stderr
    finally:
        run(programs / "dropdb", f"--maintenance-db={url_of(old)}", "--force", new)

"""Last month's statements come by themselves, once; and all statements are proven from entries."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import BalanceMode
from console.days import day_start
from reports.models import Statement
from reports.monthly_statements import issue_all
from reports.statement_checks import verify_statements
from reports.statements import issue
from reports.tasks import issue_statements
from tests.factories import Cast, give
from tests.reports.statements import make_delta, make_sub, pay, use
from tests.threads import at_once


@pytest.fixture
def delta(db):
    """In Kathmandu: two balances that moved last month, one that is spent, one shared."""
    delta = make_delta("Asia/Kathmandu")
    shop, idle = make_sub(delta, "shop"), make_sub(delta, "idle")
    otp = make_sub(delta, "otp", BalanceMode.SHARED)
    make_sub(delta, "fresh")
    start = day_start(begins(delta), delta.zone)
    pay(delta, "100", "p", start - timedelta(days=70))
    pay(idle, "5", "i", start - timedelta(days=70))
    use(idle, "5", "i-2", start - timedelta(days=69))
    pay(shop, "7", "s", start - timedelta(days=3))
    use(otp, "1.5", "o", start - timedelta(seconds=1))
    use(otp, "2", "o-2", start)
    return delta


def begins(company):
    return timezone.localdate(timezone=company.zone).replace(day=1)


@pytest.mark.django_db
def test_each_balance_that_moved_or_has_credit_gets_one(delta) -> None:
    begun = day_start(begins(delta), delta.zone)
    assert issue_all(begun - timedelta(seconds=1)) == 0  # There it is the last day still.
    assert issue_all(begun + timedelta(days=9)) == 0
    issue_statements(timestamp=int(begun.timestamp()))
    found = {each.holder.code: each for each in Statement.objects.select_related("holder")}
    assert set(found) == {"delta", "shop"}
    assert (found["delta"].closing, found["delta"].by) == (Decimal("98.5"), None)
    assert found["delta"].last == begins(delta) - timedelta(days=1)
    assert issue_all(begun + timedelta(days=1)) == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_issue_each_once(delta) -> None:
    begun = day_start(begins(delta), delta.zone)
    at_once(lambda: issue_all(begun), lambda: issue_all(begun))
    assert sorted(Statement.objects.values_list("number", flat=True)) == [1, 2]
    assert verify_statements() == []


@pytest.mark.django_db(transaction=True)
def test_statement_that_says_something_else_than_the_entries_is_found(
    cast: Cast, delta, capsys
) -> None:
    today = timezone.localdate(timezone=cast.nile.zone)
    one = issue(holder=cast.nile, first=today, last=today)
    give(cast.nile, "1")
    issue(holder=cast.nile, first=today, last=today)
    last = begins(delta) - timedelta(days=1)
    issue(holder=delta, first=last.replace(day=1), last=last)
    assert verify_statements() == []
    call_command("verify_statements")
    assert "All 3 checks hold." in capsys.readouterr().out

    wrong = {
        "opening = opening + 1": "opening, closing, sum",
        "first = first - 40, last = last - 40": "all entries of its days",
        "number = 9": "without a gap",
    }
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE reports_statement DISABLE TRIGGER statement_append_only")
        try:
            for change, name in wrong.items():
                cursor.execute("CREATE TEMP TABLE kept AS SELECT * FROM reports_statement")
                cursor.execute(f"UPDATE reports_statement SET {change} WHERE id = %s", [one.pk])
                [finding] = verify_statements()
                assert name in finding.check
                with pytest.raises(CommandError, match="wrong"):
                    call_command("verify_statements", master="nile")
                call_command("verify_statements", master="delta")
                cursor.execute("DELETE FROM reports_statement")
                cursor.execute("INSERT INTO reports_statement SELECT * FROM kept")
                cursor.execute("DROP TABLE kept")
        finally:
            cursor.execute(
                "ALTER TABLE reports_statement ENABLE ALWAYS TRIGGER statement_append_only"
            )
    assert verify_statements() == []

"""Issuing statements: which entries they hold, once, for each company's days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.models import BalanceMode
from billing import tree
from billing.models import Kind
from reports.models import Statement
from reports.statements import StatementRefusedError, issue, moved_by_kind, movements
from tests.factories import Cast, give
from tests.reports.statements import SECOND, make_delta, make_sub, pay, use
from tests.threads import at_once

MARCH = (date(2026, 3, 1), date(2026, 3, 31))


def references(statement: Statement) -> list[str]:
    return [entry.reference for entry in movements(statement)]


@pytest.mark.django_db
class TestDays:
    @pytest.mark.parametrize(
        ("zone", "first", "last", "starts", "ends"),
        [
            # The clocks spring forward at midnight: 24 April begins at one o'clock.
            (
                "Africa/Cairo",
                date(2026, 4, 1),
                date(2026, 4, 30),
                datetime(2026, 3, 31, 22, tzinfo=UTC),
                datetime(2026, 4, 30, 21, tzinfo=UTC),
            ),
            (
                "Africa/Cairo",
                date(2026, 4, 24),
                date(2026, 4, 24),
                datetime(2026, 4, 23, 22, tzinfo=UTC),
                datetime(2026, 4, 24, 21, tzinfo=UTC),
            ),
            (
                "Asia/Kathmandu",
                date(2026, 3, 1),
                date(2026, 3, 31),
                datetime(2026, 2, 28, 18, 15, tzinfo=UTC),
                datetime(2026, 3, 31, 18, 15, tzinfo=UTC),
            ),
            (
                "America/New_York",
                date(2025, 12, 1),
                date(2025, 12, 31),
                datetime(2025, 12, 1, 5, tzinfo=UTC),
                datetime(2026, 1, 1, 5, tzinfo=UTC),
            ),
        ],
    )
    def test_first_and_last_moment_are_the_companys(self, zone, first, last, starts, ends) -> None:
        delta = make_delta(zone)
        pay(delta, "100", "before", starts - SECOND)
        use(delta, "1.5", "first", starts)
        use(delta, "2", "last", ends - SECOND)
        use(delta, "4", "after", ends)
        statement = issue(holder=delta, first=first, last=last)
        assert references(statement) == ["first", "last"]
        assert (statement.opening, statement.closing) == (Decimal(100), Decimal("96.5"))
        assert (statement.first_seq, statement.last_seq, statement.entries) == (2, 3, 2)
        assert statement.is_final
        [usage] = moved_by_kind(statement)
        assert (usage.kind, usage.entries, usage.net) == (Kind.USAGE, 2, Decimal("-3.5"))

    def test_month_without_entries_opens_and_closes_with_the_same(self) -> None:
        delta = make_delta()
        pay(delta, "100", "before", datetime(2026, 2, 1, tzinfo=UTC))
        use(delta, "1", "after", datetime(2026, 5, 1, tzinfo=UTC))
        statement = issue(holder=delta, first=MARCH[0], last=MARCH[1])
        assert (statement.opening, statement.closing) == (Decimal(100), Decimal(100))
        assert (statement.entries, references(statement)) == (0, [])
        assert moved_by_kind(statement) == []

    def test_today_so_far_grows_and_is_final_only_when_it_is_over(self, cast: Cast) -> None:
        today = timezone.localdate(timezone=cast.nile.zone)
        first = today - timedelta(days=3)
        one = issue(holder=cast.marketing, first=first, last=today)
        assert not one.is_final
        assert issue(holder=cast.marketing, first=first, last=today) == one
        give(cast.marketing, "7", "later")
        two = issue(holder=cast.marketing, first=first, last=today)
        assert (two.closing - one.closing, two.number - one.number) == (Decimal(7), 1)
        # What was posted since is not in the first, though its day has it.
        assert [each.amount_in for each in moved_by_kind(one)] == [Decimal(500)]
        assert [each.entries for each in moved_by_kind(two)] == [2]

    def test_statements_of_a_year_add_up_without_a_gap(self) -> None:
        delta = make_delta()
        otp = make_sub(delta, "otp", BalanceMode.SHARED)
        pay(delta, "1000", "p", datetime(2025, 12, 5, tzinfo=UTC))
        for month in range(1, 11):
            use(otp, f"{month}.25", f"u{month}", datetime(2026, month, month, tzinfo=UTC))
        found = []
        for month in range(1, 12):
            last = date(2026, month + 1, 1) - timedelta(days=1)
            if last < timezone.localdate():
                found.append(issue(holder=delta, first=date(2026, month, 1), last=last))
        assert [each.number for each in found] == list(range(1, len(found) + 1))
        for earlier, later in pairwise(found):
            assert (earlier.closing, earlier.last_seq + 1) == (later.opening, later.first_seq)


@pytest.mark.django_db
class TestRefused:
    def refused(self, holder, first: date, last: date) -> tuple[str, str]:
        with pytest.raises(StatementRefusedError) as refusal:
            issue(holder=holder, first=first, last=last)
        assert not Statement.objects.exists()
        return refusal.value.field, refusal.value.message

    def test_days_that_make_no_sense(self) -> None:
        delta = make_delta()
        today = timezone.localdate(timezone=delta.zone)
        tomorrow = today + timedelta(days=1)
        assert self.refused(delta, MARCH[1], MARCH[0])[0] == "date_to"
        assert "has not come yet" in self.refused(delta, today, tomorrow)[1]
        field, message = self.refused(delta, date(2025, 11, 10), date(2026, 11, 11))
        assert (field, "These are 367 days" in message) == ("date_to", True)
        assert (
            "opened on 2025-11-03" in self.refused(delta, date(2025, 10, 1), date(2025, 11, 2))[1]
        )

    def test_shared_account_has_no_balance_to_state(self) -> None:
        otp = make_sub(make_delta(), "otp", BalanceMode.SHARED)
        field, message = self.refused(otp, *MARCH)
        assert (field, "drew on the shared balance" in message) == ("account", True)


@pytest.mark.django_db
def test_account_that_shares_now_or_is_closed_keeps_its_history() -> None:
    delta = make_delta()
    shop, club = make_sub(delta, "shop"), make_sub(delta, "club")
    for account in (shop, club):
        pay(account, "30", f"p-{account.code}", datetime(2026, 3, 5, tzinfo=UTC))
    tree.share(account=shop, by=None)
    tree.close(account=club, by=None)
    for account in (shop, club):
        account.refresh_from_db()
        assert issue(holder=account, first=MARCH[0], last=MARCH[1]).closing == Decimal(30)
        today = timezone.localdate(timezone=delta.zone)
        assert issue(holder=account, first=today, last=today).closing == Decimal(0)


@pytest.mark.django_db
def test_statement_cannot_be_changed_or_removed() -> None:
    statement = issue(holder=make_delta(), first=MARCH[0], last=MARCH[1])
    for change in (
        "UPDATE reports_statement SET closing = 5",
        "DELETE FROM reports_statement",
        "TRUNCATE reports_statement",
        "SET LOCAL session_replication_role = replica; DELETE FROM reports_statement",
    ):
        with (
            pytest.raises(DatabaseError, match="reports_statement"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(change)
    assert Statement.objects.get() == statement


@pytest.mark.django_db(transaction=True)
def test_many_at_once_issue_one_statement_and_draw_numbers_without_a_gap() -> None:
    delta = make_delta()
    shop = make_sub(delta, "shop")
    jobs = [
        lambda holder=holder: issue(holder=holder, first=MARCH[0], last=MARCH[1])
        for holder in (delta, shop, delta, shop)
    ]
    issued = at_once(*jobs)
    assert len({each.pk for each in issued}) == 2
    assert sorted(Statement.objects.values_list("number", flat=True)) == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_posting_under_way_is_waited_for_and_in_the_statement(cast: Cast) -> None:
    today = timezone.localdate(timezone=cast.nile.zone)
    results = at_once(
        *(lambda nth=nth: give(cast.marketing, "1", f"at-once-{nth}") for nth in range(4)),
        *(lambda: issue(holder=cast.marketing, first=today, last=today) for _ in range(3)),
    )
    issued = [each for each in results if isinstance(each, Statement)]
    for statement in issued:
        assert sum(entry.amount for entry in movements(statement)) == statement.net
        assert statement.closing == Decimal(500) + statement.entries - 1


@pytest.mark.django_db
def test_nobody_uses_up_the_companys_numbers(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.statements.MOST_AN_HOUR", 1)
    today = timezone.localdate(timezone=cast.nile.zone)
    first = issue(holder=cast.nile, first=today, last=today, by=cast.finance)
    give(cast.nile, "1")
    with pytest.raises(StatementRefusedError, match="in the last hour"):
        issue(holder=cast.nile, first=today, last=today, by=cast.finance)
    # Others, and the monthly job, go on; and without a gap.
    second = issue(holder=cast.nile, first=today, last=today, by=cast.admin)
    assert second.number == first.number + 1

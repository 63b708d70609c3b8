"""CSV: PostgreSQL writes what Python would have read; defused, and for the reader's eyes only."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Role
from billing import transfers
from billing.charges import Charge, charge_many
from billing.models import Kind
from console import money
from reports.exports.comma_separated import FORMULAS, changes_of
from tests.factories import make_master, make_member
from tests.reports.exports import csv_rows, made, rows_of
from tests.reports.journals import enter, fill

pytestmark = pytest.mark.django_db(transaction=True)


def cell(text: str) -> str:
    return f"'{text}" if text[:1] and text[0] in FORMULAS else text


def moment(value: datetime | None) -> tuple[str, str]:
    return (f"{value:%Y-%m-%d %H:%M:%S}", value.isoformat()[-6:]) if value else ("", "")


def as_csv(rows, decimals=2) -> list[list[str]]:
    """The cells that Python makes of rows, without any SQL."""
    return [
        [
            *moment(row.posted_at),
            *moment(row.occurred_at),
            row.account,
            cell(row.account_name),
            row.holder,
            "" if row.seq is None else str(row.seq),
            row.kind,
            cell(row.description),
            row.origin,
            cell(row.reference),
            cell(row.by),
            row.contra,
            money.plain_amount(row.amount, decimals),
            "" if row.balance_after is None else money.plain_amount(row.balance_after, decimals),
            cell(row.note),
        ]
        for row in rows
    ]


@pytest.mark.parametrize(
    "who", ["admin", "member", "otp_member", "operator"], ids=lambda name: f"as {name}"
)
def test_every_cell_is_what_the_row_says_for_each_reader(cast, who):
    fill(cast)
    cast.operator.name = "=Olga"
    cast.operator.save()
    user = getattr(cast, who)
    rows = rows_of(user)
    assert csv_rows(made(user, "csv")) == as_csv(rows)
    assert len(rows) > 1
    assert any(row.note for row in rows) == (who != "otp_member")


def test_who_sees_only_a_shared_subaccount_learns_nothing_of_the_pool(cast):
    fill(cast)
    rows = csv_rows(made(cast.otp_member, "csv"))
    assert rows
    # The balance's account, its number in the books, and the balance afterwards.
    assert {(row[6], row[7], row[15]) for row in rows} == {("", "", "")}
    assert all(row[4] == "otp" for row in rows)


TEXTS = st.text(
    st.sampled_from([*FORMULAS, '"', ",", "\\", "'", "{", "}", "%", "s", "ع", "🙂"]), max_size=6
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(TEXTS, st.integers(1, 10**15)), min_size=1, max_size=20))
def test_any_text_and_any_amount_come_out_as_they_went_in(cast, facts):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM billing_entry")
        number = cursor.fetchone()[0]
    for at, (text, millionths) in enumerate(facts):
        enter(
            cast.marketing,
            str(Decimal(millionths).scaleb(-6)),
            [Kind.PAYMENT, Kind.ADJUSTMENT][at % 2],
            reference=f"{text}{number}-{at}",
            description=text,
        )
    assert csv_rows(made(cast.finance, "csv")) == as_csv(rows_of(cast.finance))


def test_amounts_stay_numbers_and_formulas_are_defused(cast):
    enter(cast.marketing, "-3", Kind.ADJUSTMENT, reference="-1", description="=1+1")
    row = csv_rows(made(cast.finance, "csv"))[-1]
    assert (row[9], row[11], row[14]) == ("'=1+1", "'-1", "-3.00")


def test_the_note_of_a_transfer_is_defused_too(cast):
    transfers.make(
        source=cast.nile,
        destination=cast.retail,
        amount=Decimal(5),
        key=uuid4(),
        by=cast.admin,
        note="=1+1",
    )
    out, into = csv_rows(made(cast.finance, "csv"))[-2:]
    assert (out[16], into[16]) == ("'=1+1", "'=1+1")


@pytest.mark.parametrize(
    ("zone", "offsets"),
    [
        # Clocks go back on the last Friday of October, at midnight.
        ("Africa/Cairo", ["+03:00", "+02:00"]),
        ("Asia/Kathmandu", ["+05:45", "+05:45"]),
        ("America/St_Johns", ["-02:30", "-02:30"]),
    ],
)
def test_times_are_local_and_say_how_far_from_utc(zone, offsets):
    company = make_master("delta", time_zone=zone)
    finance = make_member(company, Role.FINANCE, "finance@delta.example")
    for hour in (20, 22):
        enter(company, "1", moment=datetime.fromisoformat(f"2025-10-30T{hour}:30:00.999999+00:00"))
    rows = csv_rows(made(finance, "csv", company="delta"))
    assert [row[1] for row in rows] == offsets
    assert rows == as_csv(rows_of(finance, company="delta"))


@pytest.mark.parametrize("name", ["Africa/Cairo", "Asia/Kathmandu", "America/New_York"])
def test_the_offset_changes_at_the_very_second(name):
    zone = ZoneInfo(name)
    changes = changes_of(zone, datetime(2026, 1, 1, tzinfo=UTC))
    # New York has changed its clocks twice a year, Kathmandu never.
    assert len(changes) == {"Asia/Kathmandu": 1, "America/New_York": 53}.get(name, len(changes))
    for (began, offset), (_, before) in zip(changes[1:], changes, strict=False):
        assert began.astimezone(zone).isoformat()[-6:] == offset
        last = began - timedelta(microseconds=1)
        assert last.astimezone(zone).isoformat()[-6:] == before


def test_only_what_the_filter_selects(cast):
    fill(cast)
    query = f"account={cast.marketing.pk}&kind=usage&kind=transfer"
    rows = csv_rows(made(cast.finance, "csv", query))
    assert {(row[4], row[8]) for row in rows} == {
        ("marketing", "usage"),
        ("marketing", "transfer"),
    }


def test_the_file_is_of_one_moment_though_charges_go_on(cast):
    stop = threading.Event()

    def charge() -> None:
        number = 0
        try:
            while not stop.is_set():
                number += 1
                postings = [
                    Charge(cast.nile.pk, Decimal("0.01"), f"m-{number}", enforce_limit=False),
                    Charge(cast.retail.pk, Decimal("0.01"), f"n-{number}", enforce_limit=False),
                ]
                charge_many(master=cast.nile.pk, charges=postings)
        finally:
            connection.close()

    thread = threading.Thread(target=charge)
    thread.start()
    try:
        for _ in range(8):
            rows = csv_rows(made(cast.finance, "csv"))
            # Both legs of each posting, and no gap in any holder's books.
            usage = [row[11] for row in rows if row[8] == "usage"]
            assert sorted(each[2:] for each in usage if each[0] == "m") == sorted(
                each[2:] for each in usage if each[0] == "n"
            )
            for holder in ("nile", "retail"):
                books = [row for row in rows if row[6] == holder]
                assert [int(row[7]) for row in books] == list(range(1, len(books) + 1))
                assert sum(Decimal(row[14]) for row in books) == Decimal(books[-1][15])
    finally:
        stop.set()
        thread.join()


def test_words_are_the_readers_own(cast):
    fill(cast)
    with translation.override("en"):
        heading = made(cast.finance, "csv").decode("utf-8-sig").split("\n")[0]
    assert heading.startswith('Posted (Africa/Cairo),"Posted, offset from UTC",')
    assert '"Amount, EGP"' in heading

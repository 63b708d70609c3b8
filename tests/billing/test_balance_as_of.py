"""The page that says what an account had at a past moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import BalanceMode
from billing import tree
from billing.as_of_form import end_of, ends
from billing.history import record
from billing.ledger import Leg, Posting, post, transact
from billing.models import AccountAction, Kind, Origin
from tests.billing.accounts_pages import charge, hold, plain, signed_in
from tests.factories import Cast, give, make_branches, make_master, make_member, set_limit

CAIRO = ZoneInfo("Africa/Cairo")


def page(code: str = "nile", company: str = "nile") -> str:
    return reverse("balance-as-of", args=[company, code])


def minute(moment: datetime) -> dict[str, str]:
    there = moment.astimezone(CAIRO)
    return {"day": there.date().isoformat(), "time": f"{there:%H:%M}"}


@pytest.fixture
def later(cast: Cast):
    """An hour later than everything of the cast was made, so that it is the past."""
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        yield cast


@pytest.fixture
def then(later) -> dict[str, str]:
    """A minute after the cast was made."""
    return minute(datetime.now(UTC) - timedelta(minutes=58))


def test_it_shows_the_figures_of_then_with_their_formula(later, then):
    set_limit(later.marketing, "1000")
    hold(later.marketing, "90")
    answer = signed_in(later.admin).get(page("marketing"), then)
    text = plain(answer)
    assert "EGP 1,410.00" in text
    assert "Credit limit 1,000.00" in text
    assert "On hold 90.00" in text
    assert "Everything posted until" in text
    assert ":59 (UTC+0" in text


def test_riyadhs_last_minute_of_march_counts_and_the_first_of_april_does_not(db):
    riyadh = make_master("riyadh", country="SA", currency="SAR", time_zone="Asia/Riyadh")
    admin = make_member(riyadh, "master_admin", "admin@riyadh.example")
    record(riyadh, AccountAction.OPENED, None, datetime(2026, 1, 1, tzinfo=UTC))
    moments = [
        datetime(2026, 3, 31, 20, 58, 59, tzinfo=UTC),
        datetime(2026, 3, 31, 20, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 3, 31, 21, 0, tzinfo=UTC),  # midnight in Riyadh
    ]
    for number, moment in enumerate(moments):
        leg = Leg(riyadh.pk, Decimal(10) ** number)
        posting = Posting(Kind.PAYMENT, f"p{number}", (leg,), moment=moment)
        transact(
            lambda posting=posting: post(
                master=riyadh.pk, postings=[posting], origin=Origin.PAYMENT
            )
        )
    client = signed_in(admin)
    for asked, credit in [
        ({"day": "2026-03-31", "time": "23:58"}, "SAR 1.00"),
        ({"day": "2026-03-31", "time": "23:59"}, "SAR 11.00"),
        ({"day": "2026-03-31"}, "SAR 11.00"),
        ({"day": "2026-04-01", "time": "00:00"}, "SAR 111.00"),
        ({"day": "2026-03-30"}, "Nothing had moved before."),
    ]:
        assert credit in plain(client.get(page("riyadh", "riyadh"), asked)), asked


def test_a_master_account_shows_its_tree_of_then(later, then):
    tree.close(account=later.retail, by=later.admin)
    client = signed_in(later.admin)
    text = plain(client.get(page(), then))
    assert "Credit of the whole company: EGP 10,520.50" in text
    assert "Marketing" in text
    assert "OTP and security" in text
    # It is closed by then, and its 20.50 are with the master account.
    assert "Retail branches" not in text
    assert "EGP 10,020.50" in text


def test_a_shared_account_shows_the_masters_figures_to_those_who_see_the_tree(later, then):
    text = plain(signed_in(later.finance).get(page("otp"), then))
    assert "drew on the shared balance of Nile Retail Group then" in text
    assert "EGP 10,000.00" in text


def test_who_sees_only_the_shared_account_is_told_no_figure_of_the_pool(later, then):
    tree.allocate(account=later.otp)  # today it has a balance of its own
    give(later.otp, 7)
    client = signed_in(later.otp_member)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        now = client.get(page("otp"), minute(datetime.now(UTC) - timedelta(minutes=50)))
    assert "EGP 7.00" in plain(now)
    tree.share(account=later.otp, by=None)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        answer = client.get(page("otp"), minute(datetime.now(UTC) - timedelta(minutes=50)))
    text = answer.content.decode()
    assert "drew on the shared balance" in plain(answer)
    for figure in ("10,007", "10,000", "10007", "10000"):
        assert figure not in text


def test_before_it_was_opened_it_says_so(cast):
    text = plain(signed_in(cast.admin).get(page("marketing"), {"day": "2020-02-29"}))
    assert "Marketing had not been opened then" in text
    text = plain(signed_in(cast.admin).get(page(), {"day": "2020-02-29"}))
    assert "Nile Retail Group had not been opened then" in text


def test_without_a_moment_it_asks_for_one(cast):
    answer = signed_in(cast.admin).get(page())
    assert answer.status_code == 200
    assert "Everything posted until" not in plain(answer)
    assert "errorlist" not in answer.content.decode()


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"day": "31.03.2026"}, "Write the day as year-month-day"),
        ({"day": ""}, "Choose a day."),
        ({"time": "12:00"}, "Choose a day."),
        ({"day": "2026-02-30"}, "Write the day as year-month-day"),
        ({"day": "1999-12-31"}, "Choose a day from the year 2000 on."),
        ({"day": "2098-12-31"}, "This moment has not passed yet."),
        ({"day": "9999-12-31"}, "Choose a day before the year 2100."),
        ({"day": "2026-03-31", "time": "24:00"}, "Write the time as hours:minutes"),
        ({"day": "2026-03-31", "time": "\0"}, "Write the time as hours:minutes"),
        ({"day": "2026-04-24", "time": "00:30"}, "The clocks were put forward"),
        ({"day": "\0"}, "Write the day as year-month-day"),
    ],
)
def test_a_moment_that_is_none_is_said_so_and_stays_as_typed(cast, asked, error):
    with time_machine.travel(datetime(2026, 11, 23, tzinfo=UTC)):
        answer = signed_in(cast.admin).get(page(), asked)
    assert answer.status_code == 200
    assert error in plain(answer)
    assert "Everything posted until" not in plain(answer)
    for typed in filter(str.isprintable, asked.values()):
        assert f'value="{typed}"' in answer.content.decode() or not typed


def test_today_is_not_over_yet_and_a_minute_that_has_passed_is(later, then):
    client = signed_in(later.admin)
    today = datetime.now(CAIRO).date().isoformat()
    assert "This moment has not passed yet" in plain(client.get(page(), {"day": today}))
    assert "Everything posted until" in plain(client.get(page(), then))


def test_a_page_past_the_last_is_the_last_and_nonsense_the_first(later, then):
    make_branches(later.nile, 60, BalanceMode.ALLOCATED, BalanceMode.SHARED)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        asked = minute(datetime.now(UTC) - timedelta(minutes=1))
        client = signed_in(later.admin)
        assert "1 to 50 of 63" in plain(client.get(page(), asked))
        assert "51 to 63 of 63" in plain(client.get(page(), asked | {"page": "2"}))
        assert "51 to 63 of 63" in plain(client.get(page(), asked | {"page": "99"}))
        assert "1 to 50 of 63" in plain(client.get(page(), asked | {"page": "\0"}))


def test_the_number_of_queries_does_not_grow(later, then):
    client = signed_in(later.admin)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(page(), then).status_code == 200
        return len(captured)

    few = queries()
    make_branches(later.nile, 300)
    charge(later.otp, "1")
    assert queries() == few <= 11  # one of them the number of unseen notices


# --- who may ask ------------------------------------------------------------------------------


def test_anonymous_signs_in_first(cast):
    answer = Client().get(page("marketing"))
    assert answer.status_code == 302
    assert reverse("account_login") in answer.url


@pytest.mark.parametrize(
    ("who", "code", "status"),
    [
        ("admin", "nile", 200),
        ("admin", "otp", 200),
        ("finance", "nile", 200),
        ("operator", "nile", 200),
        ("member", "marketing", 200),
        ("marketing_admin", "marketing", 200),
        ("member", "nile", 404),
        ("member", "retail", 404),
        ("otp_member", "otp", 200),
        ("otp_member", "nile", 404),
        ("gulf_admin", "nile", 404),
        ("gulf_admin", "marketing", 404),
        ("stranger", "marketing", 404),
        ("admin", "sales", 404),
        ("admin", "nothing", 404),
    ],
)
def test_only_who_sees_the_account_sees_its_past(cast, who, code, status):
    client = signed_in(getattr(cast, who))
    assert client.get(page(code), {"day": "2026-03-31"}).status_code == status
    assert client.post(page(code)).status_code == 405


# --- days and minutes -------------------------------------------------------------------------


def test_an_hour_that_comes_twice_is_meant_the_second_time():
    # On 30 October 2026 Cairo's clocks go back from midnight to 23:00 of the 29th.
    ends_at = end_of(date(2026, 10, 29), time(23, 59), CAIRO)
    assert ends_at == end_of(date(2026, 10, 29), None, CAIRO)
    assert ends_at == datetime(2026, 10, 29, 21, 59, 59, 999999, tzinfo=UTC)


def test_the_ends_of_periods_stand_once_each():
    january, december = ends(date(2026, 1, 15)), ends(date(2026, 12, 1))
    assert [end.last for end in january] == [date(2026, 1, 14), date(2025, 12, 31)]
    assert [end.last for end in december] == [
        date(2026, 11, 30),
        date(2026, 9, 30),
        date(2025, 12, 31),
    ]

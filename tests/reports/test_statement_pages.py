"""The pages of statements and activity: what they tell, to whom, and what they refuse."""

from __future__ import annotations

import csv
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from accounts.models import Account, BalanceMode, Role, User
from billing import caps, tree
from reports.models import Statement
from reports.statements import issue
from tests.factories import Cast, give, make_member
from tests.reports.statements import make_delta, make_sub, pay, use
from tests.reports.transactions import spend

pytestmark = pytest.mark.django_db

MARCH = {"date_from": "2026-03-01", "date_to": "2026-03-31"}


def get(user: User, name: str, company: str = "nile", *args: str, **query: object):
    client = Client()
    client.force_login(user)
    return client.get(reverse(name, args=[company, *args]), query)


def post(user: User, company: str = "nile", **data: str):
    client = Client()
    client.force_login(user)
    return client.post(reverse("statement-issue", args=[company]), data)


def body(response) -> str:
    content = b"".join(response) if response.streaming else response.content
    return content.decode()


def statement_of(account: Account) -> Statement:
    today = timezone.localdate(timezone=account.zone)
    return issue(holder=account, first=today, last=today)


def test_the_menu_of_a_statement_offers_only_files_that_can_hold_it(cast: Cast) -> None:
    page = body(get(cast.finance, "statement-detail", "nile", statement_of(cast.nile).name))
    assert re.findall(r'name="format" value="(\w+)"', page) == ["pdf", "csv", "xlsx", "json"]


class TestAccess:
    NAMES = ("statement-detail", "statement-pdf", "statement-file")

    def test_anonymous_person_is_sent_to_sign_in(self, client: Client, cast: Cast) -> None:
        number = statement_of(cast.marketing).name
        addresses = [reverse(name, args=["nile", number]) for name in self.NAMES]
        addresses += [reverse(f"statement-{name}", args=["nile"]) for name in ("list", "activity")]
        for address in addresses:
            assert client.get(address).url.startswith(reverse("account_login"))
        issued = client.post(reverse("statement-issue", args=["nile"]))
        assert issued.url.startswith(reverse("account_login"))

    @pytest.mark.parametrize("who", ["stranger", "gulf_admin"])
    def test_who_is_not_of_the_company_gets_404(self, cast: Cast, who: str) -> None:
        person = getattr(cast, who)
        number = statement_of(cast.marketing).name
        for name in self.NAMES:
            assert get(person, name, "nile", number).status_code == 404
        assert get(person, "statement-list").status_code == 404
        assert get(person, "statement-activity").status_code == 404
        assert post(person, account="marketing", **MARCH).status_code == 404

    @pytest.mark.parametrize(
        ("who", "code", "expected"),
        [
            ("finance", "nile", 200),
            ("operator", "nile", 200),
            ("member", "marketing", 200),
            ("member", "nile", 404),
            ("member", "retail", 404),
            ("otp_member", "nile", 404),
            ("otp_member", "otp", 200),
            ("admin", "sales", 404),
            ("admin", "no-such", 404),
            ("admin", "nile\0", 404),
        ],
    )
    def test_accounts_in_reach(self, cast: Cast, who: str, code: str, expected: int) -> None:
        person = getattr(cast, who)
        assert get(person, "statement-list", account=code).status_code == expected
        assert get(person, "statement-activity", account=code).status_code == expected
        today = timezone.localdate().isoformat()
        issued = post(person, account=code, date_from=today, date_to=today)
        # A shared account has no balance to state.
        allowed = 422 if code == "otp" else 302
        assert issued.status_code == (404 if expected == 404 else allowed)

    def test_statement_of_another_account_or_company_is_404(self, cast: Cast) -> None:
        pool, gulf = statement_of(cast.nile), statement_of(cast.gulf_sales)
        assert pool.name == gulf.name  # Each company has numbers of its own.
        for name in self.NAMES:
            assert get(cast.member, name, "nile", pool.name).status_code == 404
            assert get(cast.otp_member, name, "nile", pool.name).status_code == 404
            assert get(cast.finance, name, "nile", pool.name).status_code == 200
            for wrong in ("2026-0000001", "1-1", "x", "2019-000001"):
                assert get(cast.finance, name, "nile", wrong).status_code == 404

    def test_methods(self, client: Client, cast: Cast) -> None:
        client.force_login(cast.finance)
        assert client.get(reverse("statement-issue", args=["nile"])).status_code == 405
        assert client.post(reverse("statement-list", args=["nile"])).status_code == 405


def test_who_sees_only_a_shared_account_is_told_nothing_of_the_pool(cast: Cast) -> None:
    spend(cast.nile, "33.33", "pool-usage")
    spend(cast.otp, "3.25", "otp-1")
    number = statement_of(cast.nile).name
    # The pool's balance before and after, its usage, the sum of both and the share of it.
    secrets = ["10,000", "9,966.67", "9,963.42", "33.33", "36.58", "8.9 %", number, "9963", "9966"]
    pages = [
        get(cast.otp_member, "statement-list"),
        get(cast.otp_member, "statement-activity"),
        get(cast.otp_member, "statement-activity", chart="table", of="usage"),
    ]
    for page in pages:
        text = body(page)
        assert page.status_code == 200
        assert "3.25" in text
        assert not [secret for secret in secrets if secret in text]
    assert "Opening" not in body(pages[0]) + body(pages[1])
    assert get(cast.otp_member, "statement-activity", of="balance").status_code == 404
    # Who sees the tree is told.
    told = body(get(cast.finance, "statement-activity", account="otp"))
    assert "8.9 % of what was used from the shared balance: EGP 3.25 of 36.58." in told
    assert "9,963.42" not in told


def test_its_csv_defuses_what_any_export_does(cast: Cast) -> None:
    spend(cast.nile, "1", "\uff1d1+1")
    statement = statement_of(cast.nile)
    lines = csv.reader(StringIO(body(get(cast.finance, "statement-file", "nile", statement.name))))
    assert "'\uff1d1+1" in list(lines)[-1]


def test_pages_tell_the_same_figures_and_running_balances() -> None:
    delta = make_delta("Asia/Kathmandu")
    shop = make_sub(delta, "shop")
    otp = make_sub(delta, "otp", BalanceMode.SHARED)
    finance = make_member(delta, Role.FINANCE, "finance@delta.example")
    pay(delta, "1000", "p-1", datetime(2026, 2, 10, tzinfo=UTC))
    # The first is of 1 March already, at 00:05 in Kathmandu.
    use(otp, "0.0075", "u-1", datetime(2026, 2, 28, 18, 20, tzinfo=UTC))
    pay(delta, "50", "=HYPERLINK(1)", datetime(2026, 3, 15, tzinfo=UTC))
    use(delta, "200", "u-2", datetime(2026, 3, 16, tzinfo=UTC))
    listed = body(get(finance, "statement-list", "delta", year="2026"))
    assert "1,049.9925" not in listed
    assert "849.9925" in listed
    assert get(finance, "statement-list", "delta", year="2024").status_code == 404

    issued = post(finance, "delta", account="delta", **MARCH)
    again = post(finance, "delta", account="delta", **MARCH)
    assert issued.url == again.url
    [statement] = Statement.objects.all()
    assert (statement.by, statement.holder) == (finance, delta)
    assert f">{statement.name}</a>" in body(get(finance, "statement-list", "delta", year="2026"))

    page = get(finance, "statement-detail", "delta", statement.name)
    rows = [(row.record.reference, row.record.balance_after) for row in page.context["table"].rows]
    assert rows == [
        ("u-1", Decimal("999.9925")),
        ("=HYPERLINK(1)", Decimal("1049.9925")),
        ("u-2", Decimal("849.9925")),
    ]
    for figure in ("1,000.00", "849.9925", "200.0075", "+50.00"):
        assert figure in body(page)
    active = get(finance, "statement-activity", "delta", account="delta", **MARCH)
    assert (active.context["opening"], active.context["closing"]) == (
        statement.opening,
        statement.closing,
    )
    assert active.context["amount_in"] - active.context["amount_out"] == statement.net
    own = get(finance, "statement-activity", "delta", account="otp", **MARCH)
    assert own.context["amount_out"] == Decimal("0.0075")

    file = body(get(finance, "statement-file", "delta", statement.name))
    assert file[0] == "\N{ZERO WIDTH NO-BREAK SPACE}"
    lines = list(csv.DictReader(StringIO(file[1:])))
    assert [line["amount"] for line in lines] == ["-0.0075", "50.00", "-200.00"]
    assert [line["reference"] for line in lines][1] == "'=HYPERLINK(1)"
    assert lines[0]["posted_at"] == "2026-03-01T00:05:00+05:45"
    assert lines[-1]["balance_after"] == "849.9925"

    document = get(finance, "statement-pdf", "delta", statement.name)
    written = "".join(page.extract_text() for page in PdfReader(BytesIO(document.content)).pages)
    # Moments are the company's on paper, too.
    for told in ("1 Mar 2026, 00:05", "Opening balance", "1,000.00", "999.9925", "849.9925"):
        assert told in written
    assert shop.code not in file


@pytest.mark.parametrize(
    ("days", "field", "message"),
    [
        ({"date_from": "1 March", "date_to": "2026-03-31"}, "date_from", "year-month-day"),
        ({"date_from": "2026-03-01"}, "date_to", "Choose a day."),
        ({"date_from": "2026-03-31", "date_to": "2026-03-01"}, "date_to", "Swap the two days."),
        ({"date_from": "2025-03-01", "date_to": "2026-03-31"}, "date_to", "These are 396 days"),
        ({"date_from": "2026-03-01", "date_to": "2098-01-01"}, "date_to", "has not come yet"),
        ({"date_from": "1999-01-01", "date_to": "1999-01-02"}, "date_from", "from the year 2000"),
        ({"date_from": "\x00", "date_to": "2026-03-01"}, "date_from", ""),
    ],
)
def test_bad_days_show_their_error_and_no_rows(cast: Cast, days, field, message) -> None:
    page = get(cast.finance, "statement-activity", **days)
    assert page.status_code == 200
    assert message in str(page.context["form"].errors[field])
    assert "table" not in page.context
    refused = post(cast.finance, account="marketing", **days)
    assert refused.status_code == 422
    assert message in str(refused.context["form"].errors[field])
    assert not Statement.objects.exists()


def test_days_before_the_account_are_refused_with_a_sentence(cast: Cast) -> None:
    refused = post(cast.finance, account="marketing", **MARCH)
    assert (refused.status_code, "was opened on" in body(refused)) == (422, True)


def test_long_statement_has_pages_by_number() -> None:
    delta = make_delta()
    finance = make_member(delta, Role.FINANCE, "finance@delta.example")
    pay(delta, "1000", "p", datetime(2026, 3, 1, 9, tzinfo=UTC))
    for nth in range(60):
        use(delta, "1", f"u-{nth}", datetime(2026, 3, 2, 9, nth, tzinfo=UTC))
    statement = issue(holder=delta, first=date(2026, 3, 1), last=date(2026, 3, 31))
    first = get(finance, "statement-detail", "delta", statement.name)
    second = get(finance, "statement-detail", "delta", statement.name, page="2")
    seqs = [row.record.seq for page in (first, second) for row in page.context["table"].rows]
    assert seqs == list(range(1, 62))
    assert "51 to 61 of 61" in body(second)
    for wrong in ("0", "3", "x", "-1"):
        response = get(finance, "statement-detail", "delta", statement.name, page=wrong)
        assert response.status_code == 404


def test_account_that_changed_its_mode_shows_both_sides(cast: Cast) -> None:
    spend(cast.marketing, "10", "own")
    tree.share(account=cast.marketing, by=None)
    spend(cast.marketing, "5", "from-the-pool")
    caps.change(account=cast.marketing, cap=Decimal(700), is_hard=True)
    own = get(cast.member, "statement-activity")
    assert (own.context["closing"], own.context["amount_out"]) == (Decimal(0), Decimal(500))
    usage = get(cast.member, "statement-activity", of="usage")
    assert usage.context["table"].rows[0].record.reference == "from-the-pool"
    assert "balance_after" not in [each.name for each in usage.context["table"].columns]
    assert "EGP 700.00 a month" in body(usage)
    for page in (own, usage):
        assert "10,4" not in body(page)
        assert "10,000" not in body(page)


def test_queries_do_not_grow_with_accounts_or_movements(cast: Cast) -> None:
    number = statement_of(cast.nile).name
    today = timezone.localdate(timezone=cast.nile.zone)

    def count(name: str, *args: str, **query: object) -> int:
        client = Client()
        client.force_login(cast.finance)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(reverse(name, args=["nile", *args]), query).status_code == 200
        return len(queries)

    def counts() -> list[int]:
        return [
            count("statement-list"),
            count("statement-activity"),
            count("statement-activity", account="otp"),
            count("statement-detail", number),
        ]

    spend(cast.otp, "1", "first")
    before = counts()
    for nth in range(12):
        spend(make_sub(cast.nile, f"sub-{nth}", BalanceMode.SHARED), "1", f"u-{nth}")
        give(cast.nile, "1")
    issue(holder=cast.nile, first=today - timedelta(days=1), last=today)
    assert counts() == before
    assert max(before) <= 20

"""The summary of spending: its figures, the transactions they lead to, and who is told what."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.access import access_or_404
from accounts.models import Account, BalanceMode, Role, User
from billing import adjustments, charges
from billing.models import Entry, Origin
from reports import summary
from reports.filters import TransactionFilter
from reports.queries import Scope
from reports.spending import Trend
from tests.factories import Cast, make_member
from tests.reports.statements import make_delta, make_sub, pay, use
from tests.reports.transactions import spend

pytestmark = pytest.mark.django_db

LINK = re.compile(r'<a href="[^"?]*/transactions/\?([^"]*)">(.*?)</a>', re.S)


def get(user: User, company: str = "delta", **query: object):
    client = Client()
    client.force_login(user)
    return client.get(reverse("summary", args=[company]), query)


def text_of(response) -> str:
    return response.content.decode()


def amount_in(text: str) -> Decimal:
    """The figure of a link, without the zeros that nobody sees."""
    shown = re.sub(r'<span class="num-fill".*?</span>', "", text)
    digits = re.sub(r"[^0-9.\N{MINUS SIGN}+-]", "", re.sub(r"<[^>]+>", "", shown))
    return Decimal(digits.replace("\N{MINUS SIGN}", "-"))


def listed(query: str, user: User, company: Account) -> Decimal:
    """The sum of all the transactions that the page shows for this address."""
    filters = TransactionFilter(
        QueryDict(unescape(query)), Scope.of(access_or_404(user, company.code))
    )
    assert filters.is_valid(), filters.form.errors
    return sum((entry.amount for entry in filters.qs), Decimal(0))


@pytest.fixture
def finance() -> User:
    """Of a company in Kathmandu with two years of usage, some of it on the edges of months."""
    delta = make_delta("Asia/Kathmandu")
    shop, otp = make_sub(delta, "shop"), make_sub(delta, "otp", BalanceMode.SHARED)
    pay(delta, "9000", "p-1", datetime(2025, 11, 5, tzinfo=UTC))
    pay(shop, "700", "p-2", datetime(2025, 11, 5, tzinfo=UTC))
    # 31 December and 1 January there, ten minutes apart.
    use(otp, "3", "old", datetime(2025, 12, 31, 18, 10, tzinfo=UTC))
    use(otp, "5.0075", "new", datetime(2025, 12, 31, 18, 20, tzinfo=UTC))
    use(shop, "40", "s-jan", datetime(2026, 1, 31, 18, 14, tzinfo=UTC))
    use(shop, "50", "s-feb", datetime(2026, 1, 31, 18, 15, tzinfo=UTC))
    use(otp, "20", "o-oct", datetime(2026, 10, 30, tzinfo=UTC))
    # Undone today, in the newest month.
    charges.reverse(master=delta.pk, reference="s-feb", reason="twice", origin=Origin.API)
    return make_member(delta, Role.FINANCE, "finance@delta.example")


class TestAccess:
    def test_anonymous_person_is_sent_to_sign_in(self, client: Client, cast: Cast) -> None:
        response = client.get(reverse("summary", args=["nile"]))
        assert response.url.startswith(reverse("account_login"))

    @pytest.mark.parametrize(
        ("who", "expected"),
        [("stranger", 404), ("gulf_admin", 404), ("member", 200), ("finance", 200)],
    )
    def test_who_may_open_it(self, cast: Cast, who: str, expected: int) -> None:
        assert get(getattr(cast, who), "nile").status_code == expected

    def test_member_is_told_of_their_own_accounts_only(self, cast: Cast) -> None:
        spend(cast.marketing, "11.25", "m-1")
        spend(cast.otp, "3.5", "o-1")
        spend(cast.nile, "77.75", "n-1")
        told = {
            who: text_of(get(getattr(cast, who), "nile"))
            for who in ("member", "otp_member", "finance")
        }
        assert "11.25" in told["member"]
        assert "3.50" in told["otp_member"]
        assert "92.50" in told["finance"]
        # Others' usage, the sum of all, the pool's top-up.
        for who, others in {
            "member": ["3.50", "OTP"],
            "otp_member": ["11.25", "Marketing"],
        }.items():
            for secret in [*others, "77.75", "92.50", "81.25", "10,000"]:
                assert secret not in told[who], (who, secret)


@pytest.mark.parametrize("query", [{"year": "2023"}, {"year": "x"}, {"page": "2"}, {"page": "x"}])
def test_what_there_is_not_is_404(cast: Cast, query) -> None:
    assert get(cast.finance, "nile", **query).status_code == 404


def test_every_link_leads_to_transactions_that_add_up_to_its_figure(finance: User) -> None:
    delta = Account.objects.get(code="delta")
    followed = 0
    for year in ("2025", "2026"):
        page = text_of(get(finance, year=year))
        for query, text in LINK.findall(page):
            found = listed(query, finance, delta)
            # By kind money in is positive; what was spent is told without its sign.
            assert abs(amount_in(text)) == abs(found), (query, text)
            assert not text.startswith("+") or found > 0
            followed += 1
        assert "star" not in page
    assert followed > 20


def test_months_are_the_companys_and_reversals_are_taken_off(finance: User) -> None:
    context = get(finance, year="2026").context
    year = context["year"]
    by_month = {month.month: spend.amount for month, spend in year.months.items()}
    assert (by_month[1], by_month[2], by_month[10]) == (Decimal("45.0075"), 50, 20)
    assert sum(by_month.values()) == year.whole.amount == Decimal("65.0075")
    assert [line.account.code for line in context["lines"]] == ["shop", "otp"]
    assert year.before[date(2025, 12, 1)] == 3
    # February against the whole of January; and nothing in the months after.
    changes = {row.month.month: row.change.short for row in context["months"]}
    assert (changes[2], changes[3], changes[1]) == ("11 % more", "100 % less", "over ten times")


def test_like_days_of_two_years_and_two_months_are_compared(finance: User) -> None:
    scope = Scope.of(access_or_404(finance, "delta"))
    october = summary.read_year(scope, 2026, date(2026, 10, 31))
    assert (october.until_same_day, october.so_far.trend) == (0, Trend.NEW)
    # The year before has usage on its last day only.
    assert summary.read_year(scope, 2026, date(2026, 12, 30)).until_same_day == 0
    assert summary.read_year(scope, 2026, date(2026, 12, 31)).until_same_day == 3
    assert summary.year_before(date(2028, 2, 29)) == date(2027, 2, 28)
    assert summary.year_before(date(2026, 1, 31)) == date(2025, 1, 31)


def test_figure_that_no_filter_shows_has_a_star_and_is_explained(finance: User) -> None:
    delta = Account.objects.get(code="delta")
    shop = Account.objects.get(code="shop")
    adjustments.make(
        account=shop, amount=Decimal(9), reason="goodwill", reference="adj-1", by=None
    )
    charges.reverse(master=delta.pk, reference="adj-1", reason="no", origin=Origin.CONSOLE)
    page = text_of(get(finance, year="2026"))
    assert "Figures with a star" in page
    assert "given back" in page
    assert "of which \N{MINUS SIGN}9.00 of adjustments." in page
    stars = page.count('<span aria-hidden="true">*</span>')
    assert stars >= 4  # Shop's newest month and year, and all accounts'.
    for query, text in LINK.findall(page):
        assert abs(amount_in(text)) == abs(listed(query, finance, delta)), (query, text)
    assert Entry.objects.filter(kind="reversal").count() == 2


def test_queries_do_not_grow_with_accounts(cast: Cast) -> None:
    def count() -> int:
        client = Client()
        client.force_login(cast.finance)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("summary", args=["nile"])).status_code == 200
        return len(queries)

    spend(cast.otp, "1", "first")
    before = count()
    for nth in range(30):
        spend(make_sub(cast.nile, f"s-{nth}", BalanceMode.SHARED), f"{nth + 1}", f"u-{nth}")
    assert count() == before <= 16
    page = get(cast.finance, "nile", page="2")
    assert [line.account.code for line in page.context["lines"]][-1] in {"otp", "s-0"}
    assert "26 to 31 of 31" in text_of(page)

"""``manage.py load_demo``: a year of three companies, once, whole, and only where it may be."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from itertools import groupby
from unittest import mock

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.management import CommandError, call_command
from django.db.models import Count, Max, Min
from django.test import TestCase, override_settings
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Account, BalanceMode, Membership, Role, User
from billing import caps, charges, demo, telling, tree
from billing.demo.cast import COMPANIES, GULF, NILE, Goodwill, Mistake
from billing.demo.people import OPERATOR, PEOPLE, SECOND_OPERATOR
from billing.demo.plan import Limited, Moved, Paid, Used, history
from billing.models import (
    Alert,
    Balance,
    CapChange,
    CreditLimitChange,
    Entry,
    Hold,
    Kind,
    Notice,
    NoticeReader,
    Transfer,
)
from tests.factories import make_master

MASTERS = {"nile": "EGP", "najd": "SAR", "gulf": "KWD"}


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("load_demo", *arguments, stdout=out)
    return out.getvalue()


def counts() -> dict[str, int]:
    tables = (
        Account,
        Alert,
        Balance,
        CapChange,
        CreditLimitChange,
        EmailAddress,
        Entry,
        Hold,
        Membership,
        Notice,
        Transfer,
        User,
    )
    return {table.__name__: table.objects.count() for table in tables}


def credits_of(company, events):
    """Each holder's limit and credit after each event that spends, and the credit at the end."""
    holders = {sub.code: sub.code if sub.funding else company.code for sub in company.subs}
    credit, limit, lowest = defaultdict(Decimal), defaultdict(Decimal), {}
    for event in events:
        if isinstance(event, Limited):
            limit[event.account] = event.limit
        elif isinstance(event, Paid):
            credit[event.account] += event.amount
        else:
            is_usage = isinstance(event, Used)
            spender = holders[event.account] if is_usage else event.source
            credit[spender] -= event.amount
            left = credit[spender] + limit[spender]
            lowest[spender] = min(left, lowest.get(spender, left))
            if not is_usage:
                credit[event.destination] += event.amount
    return {code: value + limit[code] for code, value in credit.items()}, lowest


@override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
class TestLoaded(TestCase):
    """One load, looked at from all sides."""

    @classmethod
    def setUpTestData(cls):
        cls.before = timezone.now()
        cls.printed = run()

    def balances(self):
        return {row.account.code: row for row in Balance.objects.select_related("account")}

    def test_three_companies_with_twelve_subaccounts_in_both_modes(self):
        masters = Account.objects.masters()
        assert {one.code: one.currency for one in masters} == MASTERS
        modes = Counter(Account.objects.subaccounts().values_list("balance_mode", flat=True))
        assert modes.total() == 12
        assert min(modes[BalanceMode.ALLOCATED], modes[BalanceMode.SHARED]) >= 4

    def test_a_year_of_usage_payments_and_transfers_up_to_now(self):
        past = Entry.objects.exclude(kind__in=[Kind.REVERSAL, Kind.ADJUSTMENT])
        found = past.values("master__code").annotate(
            first=Min("posted_at"), last=Max("posted_at"), kinds=Count("kind", distinct=True)
        )
        for one in found:
            assert timedelta(days=364) < self.before - one["first"] < timedelta(days=367)
            assert self.before - timedelta(days=1) < one["last"] < self.before
            assert one["kinds"] == 3  # usage, payments, transfers
        assert 40_000 < Entry.objects.count() < 80_000
        kinds = Counter(Entry.objects.values_list("kind", flat=True))
        assert kinds[Kind.PAYMENT] > 70
        assert kinds[Kind.TRANSFER] == 2 * Transfer.objects.count() > 200

    def test_one_shared_account_is_capped_above_its_month_and_one_has_passed_a_soft_cap(self):
        nile = Account.objects.get(code="nile")
        uses = caps.uses(nile, Balance.objects.filter(master=nile))
        stands = {Account.objects.get(pk=pk).code: use for pk, use in uses.items()}
        assert stands.keys() == {"otp", "marketing"}
        assert stands["otp"].is_hard
        assert stands["otp"].left > 1000
        assert not stands["marketing"].is_hard
        assert stands["marketing"].is_over
        # As of today: what was spent before asked no cap.
        assert {each.changed_at >= self.before for each in CapChange.objects.all()} == {True}

    def test_it_says_how_many_entries_and_how_fast(self):
        assert f"{Entry.objects.count():,} entries in 15 accounts" in self.printed
        assert "a second." in self.printed

    def test_the_books_are_whole_for_each_holder(self):
        rows = Entry.objects.order_by("master", "holder", "seq").values_list(
            "master", "holder", "seq", "posted_at", "amount", "balance_after"
        )
        held = {}
        for holder, entries in groupby(rows.iterator(), key=lambda row: row[:2]):
            credit, last = Decimal(0), None
            for nth, (_, _, seq, posted_at, amount, after) in enumerate(entries, start=1):
                credit += amount
                assert (seq, after) == (nth, credit)
                assert last is None or last <= posted_at
                last = posted_at
            held[holder] = (credit, nth, last)
        found = Balance.objects.filter(last_seq__gt=0)
        assert held == {
            (row.master_id, row.account_id): (row.credit, row.last_seq, row.last_posted_at)
            for row in found
        }

    def test_the_books_hold_what_was_planned_and_nothing_else(self):
        now = User.objects.get(email=OPERATOR.email).date_joined - demo.CLOCK_DRIFT
        for company in COMPANIES:
            planned = Counter(type(event) for event in history(company, now))
            entries = Entry.objects.filter(master__code=company.code).count()
            today = [event for event in company.today if isinstance(event, Goodwill | Mistake)]
            posted = planned[Used] + planned[Paid] + 2 * planned[Moved] + len(today)
            assert entries == posted

    def test_one_account_is_restricted_at_its_limit_and_one_is_low(self):
        balances = self.balances()
        own = [row for row in balances.values() if row.mode == BalanceMode.ALLOCATED]
        assert [row.account.code for row in own if row.is_restricted] == ["alexandria"]
        alexandria, retail = balances["alexandria"], balances["retail"]
        assert (alexandria.available, alexandria.credit) == (0, Decimal(-500))
        assert alexandria.last_posted_at < self.before - timedelta(hours=1)
        assert 0 < retail.available < retail.credit_limit * Decimal("0.3")

    def test_alerts_are_set_and_one_has_gone_off_without_a_mail(self):
        assert set(Alert.objects.values_list("account__code", "level")) == {
            ("marketing", "approaching"),
            ("nile", "ok"),
        }
        notice = Notice.objects.get()
        assert (notice.account.code, notice.what) == ("marketing", "approaching")
        readers = NoticeReader.objects.filter(notice=notice)
        assert {row.user.email for row in readers} == {
            "admin@nile.example",
            "member@nile.example",
        }
        assert {row.sent_at for row in readers} == {None}
        assert not ProcrastinateJob.objects.filter(task_name=telling.SEND_NOTICE).exists()

    def test_the_company_in_front_has_credit_below_its_limit_of_thirty_thousand(self):
        nile = self.balances()["nile"]
        assert nile.credit_limit == 30_000
        assert 31_500 < nile.available < 35_000

    def test_one_company_is_prepaid_and_one_is_postpaid(self):
        balances = self.balances()
        assert balances["gulf"].credit_limit == 0 < balances["gulf"].credit
        assert balances["najd"].credit < 0 < balances["najd"].credit_limit

    def test_a_campaign_is_on_hold_and_a_mistake_put_right(self):
        marketing = self.balances()["marketing"]
        assert marketing.on_hold == 1250 < marketing.available
        kinds = Counter(Entry.objects.values_list("kind", flat=True))
        assert (kinds[Kind.REVERSAL], kinds[Kind.ADJUSTMENT]) == (1, 1)

    def test_limits_have_a_history_of_the_past(self):
        changes = CreditLimitChange.objects.filter(account__code="nile").order_by("id")
        assert [change.new for change in changes] == [10_000, 20_000, 30_000]
        assert self.before - changes[0].changed_at > timedelta(days=364)

    def test_what_people_typed_has_the_decimals_of_the_currency(self):
        typed = Entry.objects.exclude(kind__in=[Kind.USAGE, Kind.REVERSAL]).select_related(
            "account__master"
        )
        places = defaultdict(set)
        for entry in typed:
            normal = entry.amount.normalize().as_tuple().exponent
            places[entry.account.company.currency].add(max(0, -normal))
        assert {code: max(found) for code, found in places.items()} == {
            "EGP": 2,
            "SAR": 2,
            "KWD": 3,
        }

    def test_usage_tells_what_and_how_much_and_when(self):
        usage = Entry.objects.filter(account__code="otp", kind=Kind.USAGE).latest("posted_at")
        assert usage.description.endswith(" messages")
        assert usage.occurred_at < usage.posted_at

    def test_everyone_can_sign_in_and_sees_their_part(self):
        expected = {"nile": 7, "najd": 4, "gulf": 4, "": 15}
        for person, (_, email, password) in zip(PEOPLE, demo.logins(), strict=True):
            assert self.client.login(email=email, password=password), email
            assert EmailAddress.objects.get(email=email, verified=True, primary=True)
            user = User.objects.get(email=email)
            sees = Account.objects.visible_to(user)
            whole_tree = person.account in expected
            assert sees.count() == (expected[person.account] if whole_tree else 1)
            assert user.is_staff == (person in (OPERATOR, SECOND_OPERATOR))

    def test_a_second_run_changes_nothing_even_tomorrow(self):
        before = counts()
        last = Entry.objects.latest("posted_at").posted_at
        with time_machine.travel(timezone.now() + timedelta(days=1), tick=False):
            printed = run()
        assert "already loaded" in printed
        assert counts() == before
        assert Entry.objects.latest("posted_at").posted_at == last


@pytest.fixture
def only_kuwait(monkeypatch):
    """The smallest of the three, for what has to be loaded more than once."""
    people = tuple(person for person in PEOPLE if person.company in ("gulf", ""))
    monkeypatch.setattr(demo, "COMPANIES", (GULF,))
    monkeypatch.setattr(demo, "PEOPLE", people)


def fails_after(calls: int, work):
    """``work`` that breaks off like a killed process: nothing catches KeyboardInterrupt."""
    left = iter(range(calls))

    def wrapper(*args, **kwargs):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return work(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    ("module", "verb", "calls"),
    [
        (tree, "open_subaccount", 1),
        (charges, "charge_many", 9),
        (demo, "make_password", 0),
    ],
)
@pytest.mark.django_db
def test_an_interrupted_load_is_completed_even_tomorrow(only_kuwait, module, verb, calls):
    with (
        mock.patch.object(module, verb, fails_after(calls, getattr(module, verb))),
        pytest.raises(KeyboardInterrupt),
    ):
        run()
    assert not Membership.objects.exists()
    now = User.objects.get(email=OPERATOR.email).date_joined
    with time_machine.travel(timezone.now() + timedelta(days=1), tick=False):
        assert "entries in 4 accounts" in run()
    events = history(GULF, now - demo.CLOCK_DRIFT)
    planned = Counter(type(event) for event in events)
    assert Entry.objects.count() == planned[Used] + planned[Paid] + 2 * planned[Moved]
    assert CreditLimitChange.objects.count() == planned[Limited]
    available, _ = credits_of(GULF, events)
    rows = Balance.objects.filter(last_seq__gt=0).select_related("account")
    assert {row.account.code: row.available for row in rows} == available
    assert "already loaded" in run()


@pytest.mark.django_db
def test_it_is_refused_where_https_is_on_unless_forced(only_kuwait, settings):
    settings.HTTPS = True
    with pytest.raises(CommandError, match="real deployment"):
        run()
    assert not any(counts().values())
    assert "entries in 4 accounts" in run("--force")


@pytest.mark.django_db
def test_it_is_refused_where_accounts_of_these_names_are_not_the_demos():
    make_master("gulf")
    before = counts()
    with pytest.raises(CommandError, match="gulf"):
        run()
    assert counts() == before


def test_the_first_three_logins_are_master_admin_finance_and_a_member():
    assert [person.role for person in PEOPLE[:3]] == [
        Role.MASTER_ADMIN,
        Role.FINANCE,
        Role.MEMBER,
    ]
    assert [row[:2] for row in demo.logins()[:3]] == [
        ("Master admin", "admin@nile.example"),
        ("Finance", "finance@nile.example"),
        ("Subaccount member", "member@nile.example"),
    ]


@pytest.mark.django_db
def test_the_password_passes_the_validators():
    for person in PEOPLE:
        validate_password(demo.PASSWORD, User(email=person.email, name=person.name))


def test_the_same_day_has_the_same_history_of_which_the_morning_saw_the_beginning():
    morning = datetime(2026, 11, 22, 7, 30, tzinfo=UTC)
    for company in COMPANIES:
        early, late = history(company, morning), history(company, morning + timedelta(hours=9))
        assert early == late[: len(early)]
        assert len(early) < len(late)
    assert history(GULF, morning) == history(GULF, morning)


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 22, 12, 5, tzinfo=UTC),
        datetime(2027, 1, 1, 0, 0, tzinfo=UTC),
        # A leap day, the night Cairo's clocks go forward and the one they go back, a Friday.
        datetime(2028, 2, 29, 23, 59, tzinfo=UTC),
        datetime(2026, 4, 23, 22, 30, tzinfo=UTC),
        datetime(2026, 10, 29, 21, 30, tzinfo=UTC),
        datetime(2026, 7, 3, 4, 0, tzinfo=UTC),
    ],
    ids=str,
)
def test_whatever_the_day_nothing_would_be_refused(now):
    for company in COMPANIES:
        events = history(company, now)
        moments = [event.moment for event in events]
        assert moments == sorted(moments)
        assert moments[-1] <= now
        available, lowest = credits_of(company, events)
        assert min(lowest.values()) >= 0
        if company is NILE:
            assert available["alexandria"] == 0
            assert 0 < available["retail"] < 300


def test_traffic_follows_the_week_of_the_country():
    events = history(NILE, datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
    office, shop = Counter(), Counter()
    for event in events:
        if isinstance(event, Used) and event.account == "alexandria":
            office[event.at.strftime("%a")] += event.amount
        if isinstance(event, Used) and event.account == "delivery":
            shop[event.at.strftime("%a")] += event.amount
    assert set(office) == {"Sun", "Mon", "Tue", "Wed", "Thu"}
    assert shop["Fri"] > shop["Mon"]

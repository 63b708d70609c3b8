"""Being told of a low balance: once down, again after recovery, with the posting or not at all."""

from __future__ import annotations

import itertools
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Membership, Role
from billing import alerts, caps, charges, holds, ledger, limits, telling, transfers, tree
from billing.charges import Charge
from billing.ledger import Leg, Posting, Status
from billing.models import Alert, Kind, Level, Notice, NoticeReader, Origin
from billing.refusals import AccountClosed, SharedBalance
from tests.billing.accounts_pages import charge, hold
from tests.factories import balance_of, give, make_member, make_subaccount, set_limit
from tests.threads import at_once

pytestmark = pytest.mark.django_db

numbers = itertools.count(1)


@pytest.fixture
def alert(cast) -> Alert:
    """Marketing has 500: at 300 it approaches 200."""
    return set_alert(cast.marketing, "200", cast.admin, cast.member)


def set_alert(account, threshold: str, *people) -> Alert:
    return alerts.add(account=account, threshold=Decimal(threshold), recipients=people)


def told(account) -> list[str]:
    """What was told of the account, in order."""
    return list(
        Notice.objects.filter(account=account).order_by("id").values_list("what", flat=True)
    )


def jobs() -> list[int]:
    """The notices that wait to be mailed."""
    found = ProcrastinateJob.objects.filter(task_name=telling.SEND_NOTICE)
    return [args["notice_id"] for args in found.values_list("args", flat=True)]


def level(alert: Alert) -> str:
    alert.refresh_from_db()
    return alert.level


def bounds(account) -> tuple[Decimal | None, Decimal | None]:
    row = balance_of(account)
    return row.tell_at_or_below, row.tell_at_or_above


# --- the machine --------------------------------------------------------------------------------


class Model:
    """One alert, told in other words: what is armed goes off once, and is armed by recovery."""

    def __init__(self, threshold: Decimal, available: Decimal) -> None:
        self.threshold = threshold
        self.near = self.below = True
        self.see(available)

    def see(self, available: Decimal) -> str | None:
        if available >= 2 * self.threshold:
            self.near = self.below = True
        elif available < self.threshold:
            goes_off, self.near, self.below = self.below, False, False
            return "below" if goes_off else None
        elif 2 * available <= 3 * self.threshold:
            goes_off, self.near = self.near, False
            return "approaching" if goes_off else None
        return None


steps = st.lists(
    st.tuples(
        st.sampled_from(["charge", "give", "hold", "limit", "transfer"]),
        st.decimals("0.01", 600, places=2),
    ),
    min_size=1,
    max_size=12,
)
thresholds = st.lists(st.decimals("0.5", 500, places=2), min_size=1, max_size=3, unique=True)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(thresholds=thresholds, steps=steps)
def test_whatever_happens_it_tells_what_the_model_tells(cast, thresholds, steps):
    account = make_subaccount(cast.nile, f"a-{next(numbers)}")
    give(account, "500")
    models = {}
    for threshold in thresholds:
        alert = alerts.add(account=account, threshold=threshold, recipients=[cast.admin])
        models[alert.pk] = Model(threshold, Decimal(500))
    expected, jobs_before = [], len(jobs())
    for what, amount in steps:
        before = Notice.objects.filter(account=account).count()
        reference = f"r-{next(numbers)}"
        if what == "charge":
            charges.charge(
                account=account, amount=amount, reference=reference, enforce_limit=False
            )
        elif what == "give":
            give(account, amount)
        elif what == "hold":
            holds.hold(account=account, amount=amount, reference=reference)
        elif what == "transfer":
            give(cast.retail, amount)
            transfers.make(
                source=cast.retail, destination=account, amount=amount, key=uuid4(), by=cast.admin
            )
        else:
            limits.change(account=account, limit=amount, reason="agreed")
        row = balance_of(account)
        new = list(Notice.objects.filter(account=account).order_by("id")[before:])
        assert sorted((each.alert_id, each.what) for each in new) == sorted(
            (pk, said) for pk, model in models.items() if (said := model.see(row.available))
        )
        assert {each.available for each in new} <= {row.available}
        expected += new
        # Whoever comes next with the same balance must not be asked to look again.
        low, high = row.tell_at_or_below, row.tell_at_or_above
        assert low is None or row.available > low
        assert high is None or row.available < high
    assert len(jobs()) - jobs_before == len(expected)


@pytest.mark.parametrize(
    ("level", "available", "after"),
    [
        ("ok", "300.000001", "ok"),
        ("ok", "300", "approaching"),
        ("ok", "200", "approaching"),
        ("ok", "199.999999", "below"),
        ("ok", "-5", "below"),
        ("approaching", "200", "approaching"),
        ("approaching", "199.999999", "below"),
        ("approaching", "399.999999", "approaching"),
        ("approaching", "400", "ok"),
        ("below", "399.999999", "below"),
        ("below", "400", "ok"),
    ],
)
def test_the_lines_are_exact(level, available, after):
    assert telling.next_level(level, Decimal(200), Decimal(available)) == after


# --- told, and told once ------------------------------------------------------------------------


def test_it_tells_approaching_then_below_with_the_figures_as_they_were(cast, alert):
    set_limit(cast.marketing, "50")
    charge(cast.marketing, "240", "m-1")
    assert told(cast.marketing) == []
    hold(cast.marketing, "30")
    charge(cast.marketing, "100.5", "m-2")
    first, second = Notice.objects.order_by("id")
    assert (first.what, first.credit, first.credit_limit, first.on_hold) == (
        "approaching",
        260,
        50,
        30,
    )
    assert (second.what, second.available, second.threshold) == (
        "below",
        Decimal("179.5"),
        200,
    )
    assert (second.master, second.account, second.alert) == (cast.nile, cast.marketing, alert)
    assert sorted(jobs()) == [first.pk, second.pk]
    readers = NoticeReader.objects.filter(notice=first)
    assert {row.user for row in readers} == {cast.admin, cast.member}
    assert {(row.sent_at, row.seen_at) for row in readers} == {(None, None)}


def test_straight_down_it_tells_of_below_only(cast, alert):
    charge(cast.marketing, "450")
    assert told(cast.marketing) == ["below"]


def test_it_tells_again_only_after_recovery(cast, alert):
    charge(cast.marketing, "350", "m-1")
    give(cast.marketing, "200")  # 350: above, but not recovered
    charge(cast.marketing, "300", "m-2")
    assert told(cast.marketing) == ["below"]
    give(cast.marketing, "350")  # 400
    assert level(alert) == Level.OK
    charge(cast.marketing, "150", "m-3")
    charge(cast.marketing, "150", "m-4")
    assert told(cast.marketing) == ["below", "approaching", "below"]


def test_in_a_batch_only_where_it_ends_counts(cast, alert):
    batch = [Charge(cast.marketing.pk, Decimal(20), f"m-{n}") for n in range(20)]
    outcomes = charges.charge_many(master=cast.nile.pk, charges=batch)
    assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED}
    assert told(cast.marketing) == ["below"]


def test_a_shared_accounts_usage_tells_of_the_pool(cast):
    set_alert(cast.nile, "6000", cast.admin)
    charge(cast.otp, "2000")
    assert told(cast.otp) == []
    assert told(cast.nile) == ["approaching"]


def test_several_thresholds_are_crossed_at_once(cast, alert):
    set_alert(cast.marketing, "100", cast.finance)
    charge(cast.marketing, "480")
    assert told(cast.marketing) == ["below", "below"]
    assert {row.user for row in NoticeReader.objects.all()} == {
        cast.admin,
        cast.member,
        cast.finance,
    }


def test_a_transfer_out_and_a_lower_limit_cross_too(cast, alert):
    transfers.make(
        source=cast.marketing,
        destination=cast.retail,
        amount=Decimal(250),
        key=uuid4(),
        by=cast.admin,
    )
    assert told(cast.marketing) == ["approaching"]
    set_limit(cast.marketing, "1000")
    assert level(alert) == Level.OK
    set_limit(cast.marketing, "0")
    assert told(cast.marketing) == ["approaching", "approaching"]


def test_a_hold_that_is_given_back_or_expires_recovers(cast, alert):
    first = hold(cast.marketing, "350", "h-1")
    assert level(alert) == Level.BELOW
    holds.release(master=cast.nile.pk, hold=first.id)
    assert level(alert) == Level.OK
    hold(cast.marketing, "350", "h-2", expires_in=timedelta(microseconds=1))
    assert level(alert) == Level.BELOW
    assert holds.sweep() == 1
    assert level(alert) == Level.OK
    assert told(cast.marketing) == ["below", "below"]


def test_a_refused_charge_tells_nothing(cast, alert):
    assert charge(cast.marketing, "501").status == Status.REFUSED
    assert told(cast.marketing) == []


# --- in the same transaction --------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_was_never_told(cast, alert):
    posting = Posting(Kind.USAGE, "m-1", (Leg(cast.marketing.pk, Decimal(-450)),))

    with transaction.atomic(durable=True):
        ledger.post(master=cast.nile.pk, postings=[posting], origin=Origin.API)
        assert told(cast.marketing) == ["below"]
        assert len(jobs()) == 1
        transaction.set_rollback(True)
    assert (told(cast.marketing), jobs(), level(alert)) == ([], [], Level.OK)
    assert not NoticeReader.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_tell_once(cast, alert):
    outcomes = at_once(*(lambda n=n: charge(cast.marketing, "16", f"m-{n}") for n in range(20)))
    assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED}
    assert balance_of(cast.marketing).available == 180
    assert told(cast.marketing) == ["approaching", "below"]
    assert len(jobs()) == 2


@pytest.mark.django_db(transaction=True)
def test_between_the_lines_a_charge_costs_no_statement_more(cast, alert):
    charge(cast.marketing, "1", "warm")
    charge(cast.marketing, "350", "m-1")
    with CaptureQueriesContext(connection) as queries:
        charge(cast.marketing, "1", "m-2")
    assert len(queries) == 5
    assert level(alert) == Level.BELOW


# --- set, changed, removed ----------------------------------------------------------------------


def test_a_new_alert_begins_at_the_level_that_is(cast):
    for threshold, where in [("100", "ok"), ("400", "approaching"), ("501", "below")]:
        assert set_alert(cast.marketing, threshold).level == where
    assert told(cast.marketing) == []
    assert bounds(cast.marketing) == (Decimal("399.999999"), 800)
    charge(cast.marketing, "200")
    assert told(cast.marketing) == ["below"]


def test_the_same_threshold_is_set_once(cast, alert):
    with pytest.raises(alerts.ThresholdTaken) as caught:
        set_alert(cast.marketing, "200.00", cast.finance)
    assert caught.value.alert == alert
    assert "Marketing has an alert at EGP 200.00 already." in caught.value.message


@pytest.mark.parametrize("threshold", ["0", "-1", "1.001", "1e14"])
def test_what_is_no_threshold_is_refused(cast, alert, threshold):
    with pytest.raises(ValueError, match=r"threshold|decimals"):
        set_alert(cast.marketing, threshold)
    with pytest.raises(ValueError, match=r"threshold|decimals"):
        alerts.change(alert=alert, threshold=Decimal(threshold), recipients=[])


def test_shared_and_closed_accounts_get_none(cast):
    with pytest.raises(SharedBalance):
        set_alert(cast.otp, "10")
    tree.close(account=cast.retail, by=cast.admin)
    with pytest.raises(AccountClosed):
        set_alert(cast.retail, "10")


def test_changed_it_begins_anew_but_for_its_recipients_alone_it_does_not(cast, alert):
    charge(cast.marketing, "350")
    alerts.change(alert=alert, threshold=Decimal(200), recipients=[cast.finance])
    assert level(alert) == Level.BELOW
    assert list(alert.recipients.all()) == [cast.finance]
    alerts.change(alert=alert, threshold=Decimal(50), recipients=[cast.finance])
    assert level(alert) == Level.OK
    assert bounds(cast.marketing) == (75, None)
    other = set_alert(cast.marketing, "20")
    with pytest.raises(alerts.ThresholdTaken):
        alerts.change(alert=other, threshold=Decimal(50), recipients=[])


def test_removed_it_tells_nothing_and_costs_nothing(cast, alert):
    charge(cast.marketing, "210", "m-1")
    assert alerts.remove(alert=alert)
    assert not alerts.remove(alert=alert)
    assert bounds(cast.marketing) == (None, None)
    charge(cast.marketing, "200", "m-2")
    assert told(cast.marketing) == ["approaching"]
    with pytest.raises(alerts.AlertGone):
        alerts.change(alert=alert, threshold=Decimal(1), recipients=[])


def test_the_alert_of_a_shared_account_rests_and_goes_on(cast, alert):
    tree.share(account=cast.marketing, by=cast.admin)
    assert told(cast.marketing) == []
    assert bounds(cast.marketing) == (None, None)
    alerts.change(alert=alert, threshold=Decimal(100), recipients=[cast.admin])
    assert bounds(cast.marketing) == (None, None)
    tree.allocate(account=cast.marketing)  # with nothing on it
    assert told(cast.marketing) == ["below"]
    assert bounds(cast.marketing) == (None, 200)
    give(cast.marketing, "200")
    assert level(alert) == Level.OK


def test_the_pool_hears_of_a_debt_that_it_takes_over(cast):
    set_alert(cast.nile, "5000", cast.admin)
    set_limit(cast.retail, "4000")
    charge(cast.retail, "3000")
    tree.share(account=cast.retail, by=cast.admin)
    assert told(cast.nile) == ["approaching"]


def test_the_alert_of_a_closed_account_is_silent(cast, alert):
    tree.close(account=cast.marketing, by=cast.admin)
    assert told(cast.marketing) == []
    assert bounds(cast.marketing) == (None, None)
    assert alerts.remove(alert=alert)


@pytest.mark.django_db(transaction=True)
def test_set_while_charges_run_it_misses_nothing(cast):
    """Whatever came last: the level is that of the balance, and the bounds fit it."""
    jobs_of_all = [lambda n=n: charge(cast.marketing, "20", f"m-{n}") for n in range(16)]
    jobs_of_all.append(lambda: set_alert(cast.marketing, "200", cast.admin))
    at_once(*jobs_of_all)
    row = balance_of(cast.marketing)
    assert row.available == 180
    assert Alert.objects.get().level == Level.BELOW
    assert (row.tell_at_or_below, row.tell_at_or_above) == (None, 400)


# --- spending caps ------------------------------------------------------------------------------


def cap(account, amount: str, *, is_hard: bool) -> None:
    caps.change(account=account, cap=Decimal(amount), is_hard=is_hard)


def test_of_a_cap_it_tells_at_four_fifths_and_past_a_soft_one_each_once_a_month(cast):
    cap(cast.otp, "100", is_hard=False)
    charge(cast.otp, "79", "m-1")
    assert told(cast.otp) == []
    hold(cast.otp, "1")
    charge(cast.otp, "10", "m-2")
    assert told(cast.otp) == ["cap_near"]
    charge(cast.otp, "10", "m-3")
    assert told(cast.otp) == ["cap_near"]
    charge(cast.otp, "5", "m-4")
    charge(cast.otp, "5", "m-5")
    assert told(cast.otp) == ["cap_near", "cap_over"]
    over = Notice.objects.get(what="cap_over")
    assert (over.cap, over.used, over.cap_is_hard, over.month.day) == (100, 105, False, 1)
    # Down and up again in the same month.
    charges.reverse(master=cast.nile.pk, reference="m-1", reason="typo", by=cast.operator)
    charge(cast.otp, "79", "m-6")
    assert told(cast.otp) == ["cap_near", "cap_over"]
    assert len(jobs()) == 2
    # Another cap is another matter.
    cap(cast.otp, "130", is_hard=False)
    charge(cast.otp, "30", "m-7")
    assert told(cast.otp) == ["cap_near", "cap_over", "cap_over"]


def test_of_a_cap_the_admins_are_told(cast):
    admin = make_member(cast.otp, Role.SUBACCOUNT_ADMIN, "otp-admin@nile.example")
    Membership.objects.create(user=admin, account=cast.nile, role=Role.MASTER_ADMIN)
    cap(cast.otp, "100", is_hard=True)
    charge(cast.otp, "90")
    assert sorted(row.user.email for row in NoticeReader.objects.all()) == [
        "admin@nile.example",
        "otp-admin@nile.example",
    ]


def test_a_hold_uses_up_a_cap_and_a_refused_one_does_not(cast):
    cap(cast.marketing, "100", is_hard=True)
    assert holds.hold(account=cast.marketing, amount=Decimal(101), reference="a").hold is None
    assert told(cast.marketing) == []
    hold(cast.marketing, "85", "b")
    assert told(cast.marketing) == ["cap_near"]


def test_straight_past_a_cap_it_tells_of_that_only(cast):
    cap(cast.marketing, "100", is_hard=False)
    charge(cast.marketing, "150")
    assert told(cast.marketing) == ["cap_over"]


@pytest.mark.django_db(transaction=True)
def test_past_its_cap_a_charge_costs_no_statement_more_than_before_it(cast):
    cap(cast.marketing, "100", is_hard=False)
    charge(cast.marketing, "1", "warm")
    counts = []
    for number, amount in enumerate(["1", "120", "1"]):
        with CaptureQueriesContext(connection) as queries:
            charge(cast.marketing, amount, f"m-{number}")
        counts.append(len(queries))
    assert counts[0] == counts[2] < counts[1]


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_tell_of_a_cap_once(cast):
    cap(cast.marketing, "200", is_hard=False)
    at_once(*(lambda n=n: charge(cast.marketing, "16", f"m-{n}") for n in range(20)))
    assert told(cast.marketing) == ["cap_near", "cap_over"]
    assert len(jobs()) == 2

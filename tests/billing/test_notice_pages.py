"""Notices in the console: who sees them, what is new to whom, and the number beside the link."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from accounts.models import Membership, User
from billing import alerts, caps
from billing.models import Notice, NoticeReader
from tests.billing.accounts_pages import charge, plain, signed_in
from tests.factories import give

pytestmark = pytest.mark.django_db

LIST = reverse("alert-list", args=["nile"])
SEEN_ALL = reverse("notice-seen-all", args=["nile"])


def seen(notice: Notice | int) -> str:
    return reverse("notice-seen", args=["nile", notice if isinstance(notice, int) else notice.pk])


@pytest.fixture
def notice(cast) -> Notice:
    """Marketing is below 200; its admin and a member are told."""
    alerts.add(
        account=cast.marketing, threshold=Decimal(200), recipients=[cast.admin, cast.member]
    )
    charge(cast.marketing, "350")
    return Notice.objects.get()


def many(cast, number: int) -> None:
    """So many notices of Marketing for the admin."""
    people = [cast.admin]
    for each in range(1, number + 1):
        alerts.add(account=cast.marketing, threshold=Decimal(each), recipients=people)
    charge(cast.marketing, "500")


def badge(user: User) -> str:
    """The number in the navigation."""
    page = signed_in(user).get(reverse("overview", args=["nile"])).content.decode()
    found = re.findall(r'<span class="count">([^<]*)<', page)
    return found[0] if found else ""


def unseen(user: User) -> int:
    return NoticeReader.objects.filter(user=user, seen_at__isnull=True).count()


def test_it_stands_on_the_page_with_its_figures_and_is_new_to_who_is_told(admin, cast, notice):
    text = plain(admin.get(LIST))
    assert "Marketing: EGP 150.00 left, below EGP 200.00 New" in text
    assert "Mark all as seen" in text
    # Finance sees it, but it was not told.
    text = plain(signed_in(cast.finance).get(LIST))
    assert "Marketing: EGP 150.00 left, below EGP 200.00" in text
    assert "Mark all as seen" not in text


def test_of_a_cap_the_figures_are_those_of_the_cap(cast):
    caps.change(account=cast.otp, cap=Decimal(100))
    charge(cast.otp, "90")
    text = plain(signed_in(cast.otp_member).get(LIST))
    assert "OTP and security: 90 % of its EGP 100.00 spending cap used" in text
    assert "90.00 of 100.00 used in" in text
    assert "10,000" not in text


def test_the_number_beside_the_link_is_what_one_has_not_seen(cast, notice):
    assert badge(cast.admin) == "1"
    assert badge(cast.finance) == badge(cast.marketing_admin) == ""
    signed_in(cast.admin).post(seen(notice))
    assert badge(cast.admin) == ""
    assert badge(cast.member) == "1"


def test_the_number_is_bounded(cast):
    many(cast, 9)
    assert badge(cast.admin) == "9"
    give(cast.marketing, "500")
    charge(cast.marketing, "500", "again")
    assert unseen(cast.admin) == 18
    assert badge(cast.admin) == "9+"


def test_it_is_one_query_of_each_page(admin, cast, django_assert_max_num_queries):
    many(cast, 9)
    with django_assert_max_num_queries(40) as queries:
        admin.get(reverse("overview", args=["nile"]))
    asked = [each for each in queries.captured_queries if "billing_noticereader" in each["sql"]]
    assert len(asked) == 1
    assert "LIMIT 10" in asked[0]["sql"]


def test_all_are_seen_up_to_the_newest_that_was_shown(admin, cast):
    many(cast, 3)
    first, *_rest, last = Notice.objects.order_by("id")
    response = admin.post(SEEN_ALL, {"upto": first.pk}, follow=True)
    assert response.redirect_chain == [(LIST, 302)]
    assert unseen(cast.admin) == 2
    for _ in range(2):
        admin.post(SEEN_ALL, {"upto": last.pk})
        assert unseen(cast.admin) == 0
    assert "Mark all as seen" not in plain(admin.get(LIST))


def test_what_was_seen_first_stays_so(admin, cast, notice):
    admin.post(seen(notice))
    moment = NoticeReader.objects.get(user=cast.admin).seen_at
    admin.post(seen(notice))
    assert NoticeReader.objects.get(user=cast.admin).seen_at == moment


def test_older_ones_are_a_page_further(admin, cast):
    many(cast, 12)
    first = admin.get(LIST)
    assert len(first.context["notices"]) == 10
    second = admin.get(LIST, {"before": first.context["older"]})
    assert len(second.context["notices"]) == 2
    assert second.context["older"] is None
    assert "There are no older notices." in plain(admin.get(LIST, {"before": "1"}))


@pytest.mark.parametrize("upto", ["", "0", "-1", "x", "1e3", "\x00", "9" * 19, "\u0661"])
def test_what_is_no_notice_is_404(admin, notice, cast, upto):
    assert admin.post(SEEN_ALL, {"upto": upto}).status_code == 404
    assert admin.post(SEEN_ALL).status_code == 404
    assert unseen(cast.admin) == 1


def test_a_notice_that_is_not_there_is_404(admin, notice):
    assert admin.post(seen(notice.pk + 1)).status_code == 404
    assert admin.post(seen(10**18)).status_code == 404
    assert admin.post(seen(10**30)).status_code == 404


def test_who_has_lost_access_sees_and_counts_nothing(cast, notice):
    Membership.objects.filter(user=cast.member).delete()
    Membership.objects.create(user=cast.member, account=cast.otp, role="member")
    client = signed_in(cast.member)
    assert "Nothing to tell" in plain(client.get(LIST))
    assert badge(cast.member) == ""
    assert client.post(seen(notice)).status_code == 404
    client.post(SEEN_ALL, {"upto": notice.pk})
    assert unseen(cast.member) == 1


def test_who_was_not_told_changes_nothing(cast, notice):
    client = signed_in(cast.finance)
    assert client.post(seen(notice)).status_code == 302
    assert client.post(SEEN_ALL, {"upto": notice.pk}).status_code == 302
    assert NoticeReader.objects.filter(seen_at__isnull=True).count() == 2


@pytest.mark.parametrize("who", ["stranger", "gulf_admin", "otp_member"])
def test_who_may_not_see_the_account_gets_404(cast, notice, who):
    client = signed_in(getattr(cast, who))
    assert client.post(seen(notice)).status_code == 404
    if who != "otp_member":
        assert client.post(SEEN_ALL, {"upto": notice.pk}).status_code == 404


def test_a_notice_of_another_company_under_ones_own_is_404(admin, cast):
    alerts.add(account=cast.gulf, threshold=Decimal(200), recipients=[cast.gulf_admin])
    charge(cast.gulf, "290")
    foreign = Notice.objects.get()
    assert admin.post(seen(foreign)).status_code == 404
    assert signed_in(cast.operator).post(seen(foreign)).status_code == 404


def test_who_is_not_signed_in_is_asked_to(client, notice):
    for response in (client.post(seen(notice)), client.post(SEEN_ALL, {"upto": notice.pk})):
        assert response["Location"].startswith(reverse("account_login"))


def test_other_methods_are_refused(admin, notice):
    assert admin.get(seen(notice)).status_code == 405
    assert admin.get(SEEN_ALL).status_code == 405


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE billing_notice SET credit = 0",
        "DELETE FROM billing_notice",
        "TRUNCATE billing_notice CASCADE",
    ],
)
def test_what_was_told_cannot_be_changed(notice, sql):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert Notice.objects.get().credit == 150


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO billing_alertrecipient (master_id, alert_id, user_id)"
        " SELECT {gulf}, id, {user} FROM billing_alert",
        "UPDATE billing_alert SET account_id = {gulf}",
        "UPDATE billing_noticereader SET master_id = {gulf}",
        "UPDATE billing_alert SET threshold = 0",
        "UPDATE billing_alert SET level = 'low'",
    ],
)
def test_the_database_refuses_what_crosses_companies_or_makes_no_sense(cast, notice, sql):
    sql = sql.format(gulf=cast.gulf.pk, user=cast.gulf_admin.pk)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{sql}; SET CONSTRAINTS ALL IMMEDIATE")

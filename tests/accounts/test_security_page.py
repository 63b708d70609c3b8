"""The person's own sign-ins: listed, ended one by one or all, and ended by age."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import SignIn
from tests.factories import PASSWORD, code_of

pytestmark = pytest.mark.django_db

SECURITY = "/auth/security/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)


def browser(user, agent: str, ip: str) -> Client:
    """Signed in by the page."""
    client = Client(headers={"user-agent": agent}, REMOTE_ADDR=ip)
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    if user.is_staff:
        client.post(reverse("mfa_authenticate"), {"code": code_of()})
    return client


def is_in(client: Client) -> bool:
    return client.get(SECURITY).status_code == 200


@pytest.fixture
def two(cast) -> tuple[Client, Client]:
    """The member at a desk and on the phone."""
    return (
        browser(cast.member, FIREFOX, "192.0.2.7"),
        browser(cast.member, IPHONE, "198.51.100.9"),
    )


def test_strangers_to_the_site_are_sent_to_sign_in(client):
    assert client.get(SECURITY).url == f"/auth/login/?next={SECURITY}"
    assert client.post(reverse("sign-ins-end-others")).status_code == 302
    assert client.get(reverse("sign-ins-end-others")).status_code in {302, 405}


def test_each_sign_in_is_told_in_words_and_which_is_this(two, django_assert_num_queries):
    desk, _phone = two
    with django_assert_num_queries(6):
        page = desk.get(SECURITY).content.decode()
    assert "Firefox on Linux" in page
    assert "Safari on iPhone" in page
    assert "198.51.100.9" in page
    assert page.count("This browser") == 1
    assert page.index("This browser") < page.index("Safari on iPhone")


def test_signing_out_elsewhere_ends_the_others_and_twice_says_so(two):
    desk, phone = two
    assert (
        "1 other browser is signed out."
        in desk.post(reverse("sign-ins-end-others"), follow=True).content.decode()
    )
    assert is_in(desk)
    assert not is_in(phone)
    again = desk.post(reverse("sign-ins-end-others"), follow=True).content.decode()
    assert "You are signed in nowhere else." in again


def test_one_sign_in_is_ended_once_and_a_foreign_one_is_not_found(cast, two):
    desk, phone = two
    [row] = SignIn.objects.filter(ip="198.51.100.9")
    end = reverse("sign-in-end", kwargs={"pk": row.pk})
    stranger = browser(cast.admin, FIREFOX, "192.0.2.8")
    assert stranger.post(end).status_code == 404
    assert is_in(phone)
    assert "That browser is signed out." in desk.post(end, follow=True).content.decode()
    assert not is_in(phone)
    assert "signed out already" in desk.post(end, follow=True).content.decode()
    [mine] = SignIn.objects.filter(ip="192.0.2.7")
    assert desk.post(reverse("sign-in-end", kwargs={"pk": mine.pk})).url == "/auth/logout/"


def test_a_changed_password_ends_the_others_and_this_one_is_still_listed(two):
    desk, phone = two
    new = {"password1": "a very new horse", "password2": "a very new horse"}
    desk.post(reverse("account_change_password"), {"oldpassword": PASSWORD, **new})
    assert not is_in(phone)
    page = desk.get(SECURITY).content.decode()
    assert "This browser" in page
    assert "Safari on iPhone" not in page


def test_signing_out_takes_it_from_the_list(cast, two):
    desk, phone = two
    phone.post(reverse("account_logout"))
    assert "Safari on iPhone" not in desk.get(SECURITY).content.decode()
    assert SignIn.objects.filter(user=cast.member).count() == 1


@pytest.mark.parametrize(("who", "minutes"), [("operator", 30), ("member", 12 * 60)])
def test_a_sign_in_ends_when_idle_and_only_then(cast, who, minutes):
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        client = browser(getattr(cast, who), FIREFOX, "192.0.2.7")
        for _request in range(3):
            clock.shift(timedelta(minutes=minutes - 1))
            assert is_in(client)
        clock.shift(timedelta(minutes=minutes + 1))
        page = client.get(SECURITY, follow=True).content.decode()
    assert "You were signed out after" in page
    assert "Sign in" in page
    assert not SignIn.objects.filter(user=getattr(cast, who)).exists()


def test_what_a_page_asks_for_by_itself_keeps_nobody_signed_in(cast):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = browser(cast.operator, FIREFOX, "192.0.2.7")
        for _minute in range(30):
            clock.shift(timedelta(minutes=1))
            assert client.get(SECURITY, headers={"X-By-Itself": "1"}).status_code == 200
        clock.shift(timedelta(minutes=1))
        assert client.get(SECURITY, headers={"X-By-Itself": "1"}).status_code == 302
        assert not is_in(client)


def test_a_sign_in_ends_after_seven_days_however_busy(cast):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = browser(cast.member, FIREFOX, "192.0.2.7")
        for _half_day in range(14):
            clock.shift(timedelta(hours=11, minutes=59))
            assert is_in(client)
        clock.shift(timedelta(minutes=15))
        page = client.get(SECURITY, follow=True).content.decode()
    assert "A sign-in lasts 7 days. Sign in again." in page


def test_being_there_is_noted_once_a_minute(cast, django_assert_num_queries):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = browser(cast.member, FIREFOX, "192.0.2.7")
        clock.shift(timedelta(minutes=5))
        client.get(SECURITY)
        assert SignIn.objects.get().seen_at == timezone.now()
        clock.shift(timedelta(seconds=30))
        with django_assert_num_queries(6):
            client.get(SECURITY)

"""Mails of notices: what they say, to whom they go, and that each goes once."""

from __future__ import annotations

import smtplib
from decimal import Decimal

import pytest
from django.core import mail
from django.core.mail.backends import locmem
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Membership
from billing import alerts, caps, notice_mails, telling, tree
from billing.models import Notice, NoticeReader
from tests.billing.accounts_pages import charge, hold
from tests.billing.test_tasks import (  # noqa: F401 - a fixture
    execute,
    no_job_by_itself,
    status_of,
    work,
)
from tests.factories import give, make_subaccount, set_limit

pytestmark = pytest.mark.django_db


class Failing(locmem.EmailBackend):
    """A mail server that does not take the mails of some, for a while."""

    refused: frozenset[str] = frozenset()

    def send_messages(self, messages):
        for message in messages:
            if set(message.to) & self.refused:
                raise smtplib.SMTPRecipientsRefused({message.to[0]: (451, b"later")})
        return super().send_messages(messages)


@pytest.fixture
def refuse(settings, monkeypatch):
    settings.EMAIL_BACKEND = f"{__name__}.Failing"

    def refuse(*addresses: str) -> None:
        monkeypatch.setattr(Failing, "refused", frozenset(addresses))

    return refuse


@pytest.fixture
def notice(cast) -> Notice:
    """Marketing comes down from 500 to 420, below its 450; the admin and a member are told."""
    alerts.add(
        account=cast.marketing,
        threshold=Decimal(450),
        recipients=[cast.admin, cast.member],
    )
    give(cast.marketing, "400")
    charge(cast.marketing, "480")
    return Notice.objects.get()


def addressees() -> list[str]:
    return sorted(address for message in mail.outbox for address in message.to)


def html_of(message) -> str:
    [(html, kind)] = message.alternatives
    assert kind == "text/html"
    return html


def test_the_mail_says_account_fact_and_what_to_do(cast, notice, settings):
    settings.BASE_URL = "https://console.example"
    assert notice_mails.send(notice.pk) == 2
    [to_admin] = [each for each in mail.outbox if each.to == [cast.admin.email]]
    [to_member] = [each for each in mail.outbox if each.to == [cast.member.email]]
    assert to_admin.subject == "Marketing: EGP 420.00 left, below your EGP 450.00"
    for text in (to_admin.body, html_of(to_admin)):
        assert "Its messages stop when this is spent" in text
        assert "Africa" not in text
        assert "Cairo time" in text
        assert (
            f"https://console.example/accounts/nile/transfers/new/?to={cast.marketing.pk}" in text
        )
        assert "https://console.example/accounts/nile/alerts/" in text
    for text in (to_member.body, html_of(to_member)):
        assert "transfers/new" not in text
        assert "https://console.example/accounts/nile/subaccounts/marketing/" in text


def test_the_formula_has_its_figures(cast):
    set_limit(cast.marketing, "100")
    alerts.add(account=cast.marketing, threshold=Decimal(250), recipients=[cast.admin])
    charge(cast.marketing, "130.0025", "m-1")
    hold(cast.marketing, "120")
    notice_mails.send(Notice.objects.get().pk)
    [message] = mail.outbox
    assert "approaching your EGP 250.00" in message.subject
    for line in (
        "Credit: EGP 369.99",
        "Credit limit: + EGP 100.00",
        "On hold: \N{MINUS SIGN} EGP 120.00",
        "Available: = EGP 349.99",
        "Your threshold: EGP 250.00",
    ):
        assert line in message.body
    assert "&nbsp" not in message.body
    assert "&#x27;" not in message.body


def test_with_nothing_left_it_does_not_say_that_something_is(cast):
    alerts.add(account=cast.marketing, threshold=Decimal(100), recipients=[cast.admin])
    charge(cast.marketing, "500")
    notice_mails.send(Notice.objects.get().pk)
    assert mail.outbox[0].subject == "Marketing: nothing left, below your EGP 100.00"
    assert "Its messages are refused until credit comes in." in mail.outbox[0].body


@pytest.mark.parametrize(
    ("is_hard", "amount", "subject", "sentence"),
    [
        (
            True,
            "85",
            "OTP and security: 85 % of its EGP 100.00 spending cap used",
            "It can spend EGP 15.00 more in",
        ),
        (
            False,
            "80",
            "OTP and security: 80 % of its EGP 100.00 spending cap used",
            "The cap only warns",
        ),
        (
            False,
            "120",
            "OTP and security: over its EGP 100.00 spending cap",
            "it has used EGP 20.00 more than that. The cap only warns",
        ),
    ],
)
def test_mail_of_a_cap(cast, is_hard, amount, subject, sentence):
    caps.change(account=cast.otp, cap=Decimal(100), is_hard=is_hard)
    charge(cast.otp, amount)
    assert notice_mails.send(Notice.objects.get().pk) == 1
    [message] = mail.outbox
    assert (message.subject, message.to) == (subject, [cast.admin.email])
    assert sentence in message.body
    assert sentence in html_of(message)
    assert "10,000" not in message.body + html_of(message)


def test_past_a_hard_cap_on_purpose(cast):
    caps.change(account=cast.otp, cap=Decimal(100))
    charge(cast.otp, "120", enforce_limit=False)
    notice_mails.send(Notice.objects.get().pk)
    assert "recorded past the cap on purpose" in mail.outbox[0].body


def test_a_name_is_written_as_it_is_and_never_as_markup(cast):
    account = make_subaccount(cast.nile, "odd", name="<b>R&D</b> 'one'")
    give(account, "500")
    alerts.add(account=account, threshold=Decimal(200), recipients=[cast.admin])
    charge(account, "400")
    notice_mails.send(Notice.objects.get().pk)
    [message] = mail.outbox
    assert message.subject.startswith("<b>R&D</b> 'one': ")
    assert "<b>R&D</b> 'one'" in message.body
    assert "&lt;b&gt;R&amp;D" in html_of(message)
    assert "<b>" not in html_of(message)


def test_each_gets_a_mail_of_their_own_and_only_once(cast, notice):
    assert notice_mails.send(notice.pk) == 2
    assert [message.to for message in mail.outbox] == [[cast.admin.email], [cast.member.email]]
    assert {len(message.recipients()) for message in mail.outbox} == {1}
    assert notice_mails.send(notice.pk) == 0
    assert len(mail.outbox) == 2


def test_who_has_lost_access_gets_nothing(cast, notice):
    Membership.objects.filter(user=cast.member).delete()
    cast.admin.is_active = False
    cast.admin.save()
    assert notice_mails.send(notice.pk) == 0
    assert mail.outbox == []


def test_who_was_never_of_the_company_gets_nothing_either(cast):
    alerts.add(
        account=cast.marketing,
        threshold=Decimal(200),
        recipients=[cast.gulf_admin, cast.stranger, cast.otp_member],
    )
    charge(cast.marketing, "400")
    assert notice_mails.send(Notice.objects.get().pk) == 0


def test_who_sees_a_shared_account_only_gets_nothing_about_the_pool(cast):
    alerts.add(account=cast.nile, threshold=Decimal(9000), recipients=[cast.otp_member])
    charge(cast.nile, "9500")
    assert notice_mails.send(Notice.objects.get().pk) == 0


def test_a_notice_without_readers_orders_no_job(cast):
    alerts.add(account=cast.marketing, threshold=Decimal(200), recipients=[])
    charge(cast.marketing, "400")
    assert Notice.objects.count() == 1
    assert not ProcrastinateJob.objects.exists()


def test_a_closed_account_still_has_its_notice(cast, notice):
    tree.close(account=cast.marketing, by=cast.admin)
    assert notice_mails.send(notice.pk) == 2


def test_one_refused_address_does_not_keep_the_others_from_theirs(cast, notice, refuse):
    refuse(cast.admin.email)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        notice_mails.send(notice.pk)
    assert addressees() == [cast.member.email]
    refuse()
    assert notice_mails.send(notice.pk) == 1
    assert addressees() == [cast.admin.email, cast.member.email]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_job_by_itself")
class TestWorker:
    def test_it_mails_what_the_posting_ordered(self, cast, notice):
        [job] = ProcrastinateJob.objects.filter(task_name=telling.SEND_NOTICE)
        work()
        assert status_of(job.pk) == ("succeeded", 1)
        assert addressees() == [cast.admin.email, cast.member.email]
        assert NoticeReader.objects.filter(sent_at__isnull=True).count() == 0

    def test_it_tries_again_after_a_while_and_mails_only_those_who_wait(
        self, cast, notice, refuse
    ):
        [job] = ProcrastinateJob.objects.filter(task_name=telling.SEND_NOTICE)
        refuse(cast.admin.email)
        work()
        job.refresh_from_db()
        assert (job.status, job.attempts) == ("todo", 1)
        assert job.scheduled_at is not None
        refuse()
        work()  # not its time yet
        assert addressees() == [cast.member.email]
        execute("UPDATE procrastinate_jobs SET scheduled_at = now()")
        work()
        assert status_of(job.pk) == ("succeeded", 2)
        assert addressees() == [cast.admin.email, cast.member.email]

"""How a voucher or a bank transfer is paid is mailed to whoever asked, once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Membership
from billing import payment_mails
from billing.gateways.protocol import What
from tests.billing.payments.cast import about, make_payment, paid, tell

pytestmark = pytest.mark.django_db(transaction=True)

VOUCHER = {"kind": "voucher", "code": "778123456790"}
TASK = "billing.tasks.send_payment_instructions"


@pytest.fixture
def voucher(cast):
    """A payment whose gateway has just told its code."""
    payment = make_payment(cast.marketing, "250", by=cast.member)
    tell(payment, about(payment, What.PENDING, instructions=VOUCHER))
    return payment


def test_it_is_ordered_with_the_instructions_and_sent_once(cast, voucher):
    tell(voucher, about(voucher, What.PENDING, instructions=VOUCHER))
    [job] = ProcrastinateJob.objects.filter(task_name=TASK)
    assert payment_mails.send(job.args["payment_id"])
    assert not payment_mails.send(job.args["payment_id"])
    [letter] = mail.outbox
    assert letter.to == [cast.member.email]
    assert letter.subject == "Credit or debit card: how to pay EGP 250.00"
    html = letter.alternatives[0][0]
    for text in (letter.body, html):
        assert "7781 2345 6790" in text
        assert "EGP 250.00" in text
        assert "credited to Marketing" in text
        assert f"http://localhost:8000{voucher.get_absolute_url()}" in text
    assert [event.what for event in voucher.events.order_by("id")] == ["mailed"]


def test_a_bank_transfer_says_where_to(cast):
    bank = {"kind": "bank_transfer", "iban": "EG38", "reference": "RF18539007547034"}
    payment = make_payment(cast.nile, "1000", by=cast.admin, instructions=bank)
    assert payment_mails.send(str(payment.pk))
    assert "IBAN: EG38" in mail.outbox[0].body
    assert "RF18 5390 0754 7034" in mail.outbox[0].body


def test_nobody_gets_it_who_may_not_see_the_account_any_more(cast, voucher):
    Membership.objects.filter(user=cast.member).delete()
    assert not payment_mails.send(str(voucher.pk))
    assert mail.outbox == []


def test_nothing_is_sent_about_what_is_over_or_was_started_by_nobody(cast, voucher):
    tell(voucher, paid(voucher))
    nobody = make_payment(cast.marketing)
    tell(nobody, about(nobody, What.PENDING, instructions=VOUCHER))
    card = make_payment(cast.marketing, by=cast.member)
    for payment in (voucher, nobody, card):
        assert not payment_mails.send(str(payment.pk))
    assert ProcrastinateJob.objects.filter(task_name=TASK).count() == 1


def test_what_expired_before_is_not_mailed_how_to_pay(cast):
    late = make_payment(
        cast.marketing, by=cast.member, expires_at=timezone.now() - timedelta(days=1)
    )
    tell(late, about(late, What.EXPIRED), about(late, What.PENDING, instructions=VOUCHER))
    assert not ProcrastinateJob.objects.filter(task_name=TASK).exists()

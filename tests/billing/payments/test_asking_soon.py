"""Who looks at a payment's page is not left waiting for a message that does not come."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from billing import reconciliation
from billing.models import Payment, PaymentState
from billing.verification import verify
from tests.billing.payments.cast import make_payment
from tests.billing.payments.counter import checkout, click, turn
from tests.billing.test_tasks import no_job_by_itself, work  # noqa: F401
from tests.factories import balance_of

pytestmark = pytest.mark.django_db(transaction=True)


def look(browser: Client, payment: Payment, n: int) -> int:
    """The page asks for the n-th time; how many jobs wait then."""
    answer = browser.get(f"{payment.get_absolute_url()}state/", {"tag": "x", "n": n})
    assert answer.status_code in {200, 286}
    return ProcrastinateJob.objects.filter(
        status="todo", task_name=reconciliation.ASK, args__payment_id=str(payment.pk)
    ).count()


def heard(payment: Payment, seconds: int) -> None:
    ago = timezone.now() - timedelta(seconds=seconds)
    Payment.objects.filter(pk=payment.pk).update(heard_at=ago)


def test_a_page_that_waits_has_a_worker_ask_the_gateway(cast, sandbox, client):
    client.force_login(cast.admin)
    turn(sandbox, "faults", quiet=1)
    payment = checkout(cast.retail)
    click(sandbox, payment, "pay")
    heard(payment, 11)
    assert look(client, payment, 1) == 0  # The message may be on its way.
    assert look(client, payment, 2) == 1
    heard(payment, 11)
    assert look(client, payment, 3) == 1  # One that waits is enough.
    payment.refresh_from_db()
    assert payment.state == PaymentState.PENDING  # The page itself has asked nobody.
    work()
    payment.refresh_from_db()
    assert payment.state == PaymentState.PAID
    assert balance_of(cast.retail).credit == 20.5 + 100
    heard(payment, 11)
    assert look(client, payment, 4) == 0
    assert verify().is_clean


def test_a_gateway_is_not_asked_again_within_ten_seconds_nor_when_it_has_nothing_to_tell(
    cast, sandbox, client
):
    client.force_login(cast.admin)
    assert look(client, checkout(cast.retail), 2) == 0
    ago = timezone.now() - timedelta(seconds=6)
    payment = make_payment(cast.retail, created_at=ago, heard_at=ago)
    assert look(client, payment, 2) == 1  # The first question comes sooner.
    work()
    heard(payment, 9)
    assert look(client, payment, 3) == 0
    heard(payment, 10)
    assert look(client, payment, 3) == 1
    transfer = checkout(cast.retail, "1000", code="bank_transfer")
    heard(transfer, 11)
    assert look(client, transfer, 9) == 0


def test_who_cancels_what_was_paid_in_silence_is_told_so(cast, sandbox, client):
    client.force_login(cast.admin)
    turn(sandbox, "faults", quiet=1)
    payment = checkout(cast.retail)
    click(sandbox, payment, "pay")
    page = client.post(f"{payment.get_absolute_url()}cancel/", follow=True).content.decode()
    assert "paid meanwhile, so it is not cancelled" in page
    assert "EGP 100.00 are credited to Retail" in page

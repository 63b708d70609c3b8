"""Proving again who one is, and that what was sent meanwhile is sent once more, and once only."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts import sign_in_rules
from accounts.models import BalanceMode
from billing.models import Transfer
from tests.billing.test_transfer_many import SEND, hidden
from tests.factories import PASSWORD, code_of, give_app

pytestmark = pytest.mark.django_db

MODE = "/accounts/nile/subaccounts/otp/mode/"
NEW = "/accounts/nile/transfers/new/"
AGAIN = "/auth/reauthenticate/"
CODE_AGAIN = "/auth/2fa/reauthenticate/"


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        yield clock


@pytest.fixture
def late(cast, client, clock):
    """The admin, signed in eleven minutes ago."""
    client.force_login(cast.admin)
    clock.shift(timedelta(minutes=11))
    return client


def typed(cast, **fields):
    return {
        "amount": "100.00",
        "from": cast.nile.pk,
        "to": cast.marketing.pk,
        "note": "",
        "key": str(uuid.uuid4()),
    } | fields


def mode_of(account) -> str:
    account.refresh_from_db()
    return account.balance_mode


def test_a_mode_switch_asks_for_the_password_and_then_happens_once(cast, late):
    assert late.get(MODE).status_code == 200
    answer = late.post(MODE, {"to": "allocated"})
    assert answer.url == AGAIN
    assert "What you have typed is kept" in late.get(AGAIN).content.decode()
    assert "The password is wrong" in late.post(AGAIN, {"password": "x"}).content.decode()
    assert mode_of(cast.otp) == BalanceMode.SHARED
    answer = late.post(AGAIN, {"password": PASSWORD})
    assert answer.url == MODE
    page = late.get(MODE, follow=True)
    assert "now has a balance of its own" in page.content.decode()
    assert mode_of(cast.otp) == BalanceMode.ALLOCATED
    # Opened again, it is a page: nothing waits any more.
    assert late.get(MODE).status_code == 200
    assert late.post(MODE, {"to": "allocated"}).status_code == 302


def test_a_sign_in_of_the_last_ten_minutes_is_a_proof(cast, client, clock):
    client.force_login(cast.admin)
    clock.shift(timedelta(minutes=9))
    client.post(MODE, {"to": "allocated"})
    assert mode_of(cast.otp) == BalanceMode.ALLOCATED


def test_with_a_second_factor_the_password_is_no_proof(cast, late):
    give_app(cast.admin)
    late.post(MODE, {"to": "allocated"})
    assert late.get(AGAIN).url.startswith(CODE_AGAIN)
    late.post(AGAIN, {"password": PASSWORD})
    late.get(MODE)
    assert mode_of(cast.otp) == BalanceMode.SHARED
    assert late.post(CODE_AGAIN, {"code": code_of()}).url == MODE
    late.get(MODE)
    assert mode_of(cast.otp) == BalanceMode.ALLOCATED


def test_what_waits_is_sent_only_at_its_own_page_and_only_at_once(cast, late, clock):
    late.post(MODE, {"to": "allocated"})
    late.post(AGAIN, {"password": PASSWORD})
    # A fragment of another page that is open says nothing about where the person is.
    late.get("/accounts/nile/", headers={"hx-request": "true"})
    assert "form_to_send_again" in late.session
    late.get("/accounts/nile/")
    late.get(MODE)
    assert mode_of(cast.otp) == BalanceMode.SHARED
    clock.shift(timedelta(minutes=11))
    late.post(MODE, {"to": "allocated"})
    late.post(AGAIN, {"password": PASSWORD})
    clock.shift(timedelta(minutes=2))
    late.get(MODE)
    assert mode_of(cast.otp) == BalanceMode.SHARED


def test_a_proof_given_for_another_page_does_not_send_what_waits(cast, late):
    """A thief leaves a form waiting in the open browser; its owner sets up an app there."""
    late.post(MODE, {"to": "allocated"})
    page = late.get("/auth/2fa/totp/activate/")
    assert page.url.startswith(f"{AGAIN}?next=")
    own = late.post(AGAIN, {"password": PASSWORD, "next": "/auth/2fa/totp/activate/"})
    assert own.url == "/auth/2fa/totp/activate/"
    late.get(MODE)
    assert mode_of(cast.otp) == BalanceMode.SHARED


def test_a_proof_that_took_long_sends_nothing(cast, late, clock):
    late.post(MODE, {"to": "allocated"})
    clock.shift(timedelta(minutes=11))
    late.post(AGAIN, {"password": PASSWORD})
    assert "nothing was sent" in late.get(MODE).content.decode()
    assert mode_of(cast.otp) == BalanceMode.SHARED


def test_who_may_not_is_refused_before_being_asked(cast, client, clock):
    for who, status in ((cast.finance, 403), (cast.gulf_admin, 404)):
        client.force_login(who)
        clock.shift(timedelta(minutes=11))
        assert client.post(MODE, {"to": "allocated"}).status_code == status
        assert client.post("/operator/methods/1/", {}).status_code == 404


def test_transfers_above_the_limit_ask_and_come_back_as_typed(cast, late):
    sign_in_rules.change(
        company=cast.nile, needs_second_factor=False, confirm_above=Decimal("100")
    )
    assert late.post(NEW, typed(cast)).url.startswith("/accounts/nile/transfers/")
    form = typed(cast, amount="100.01", note="rent")
    assert late.post(NEW, form).url == AGAIN
    assert Transfer.objects.count() == 1
    assert late.post(AGAIN, {"password": PASSWORD}).url == NEW
    made = late.get(NEW)
    transfer = Transfer.objects.get(note="rent")
    assert made.url == f"/accounts/nile/transfers/{transfer.pk}/"
    assert transfer.amount == Decimal("100.01")
    # The browser's Back, and sent again: known by its key.
    assert late.post(NEW, form).url == made.url
    assert Transfer.objects.count() == 2


def test_a_wrong_form_that_waited_shows_its_errors_at_its_own_address(cast, late):
    sign_in_rules.change(company=cast.nile, needs_second_factor=False, confirm_above=Decimal(0))
    late.post(NEW, typed(cast, amount="20000", note="too much"))
    late.post(AGAIN, {"password": PASSWORD})
    page = late.get(NEW)
    assert page.status_code == 422
    assert "too much" in page.content.decode()
    assert not Transfer.objects.exists()


def test_transfers_back_and_to_many_ask_by_what_they_move_together(cast, late):
    made = late.post(NEW, typed(cast)).url
    sign_in_rules.change(company=cast.nile, needs_second_factor=False, confirm_above=Decimal(50))
    back = {"amount": "60", "note": "", "key": str(uuid.uuid4())}
    assert late.post(f"{made}reverse/", back).url == AGAIN
    sums = {"from": cast.nile.pk, "way": "even", "amount": "60", "key": str(uuid.uuid4())}
    many = hidden(late.post("/accounts/nile/transfers/many/", sums))
    assert late.post(SEND, many).url == AGAIN
    assert Transfer.objects.count() == 1


def test_an_uploaded_file_is_chosen_again_after_the_proof(cast, client, clock):
    client.force_login(cast.operator)
    clock.shift(timedelta(minutes=11))
    page = "/operator/statements/"
    file = SimpleUploadedFile("statement.xml", b"<Document/>")
    assert client.post(page, {"file": file}).url == CODE_AGAIN
    assert client.post(CODE_AGAIN, {"code": code_of()}).url == page
    assert "Choose the file again" in client.get(page).content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "/operator/methods/{method}/",
        "/operator/payments/00000000-0000-0000-0000-000000000000/refund/",
        "/operator/bank-transfers/00000000-0000-0000-0000-000000000000/confirm/",
        "/operator/refunds/00000000-0000-0000-0000-000000000000/",
        "/operator/review/1/",
        "/operator/statements/1/go-on/",
        "/operator/statements/lines/1/assign/",
    ],
)
def test_operators_prove_themselves_before_money_or_limits_change(cast, client, clock, path):
    client.force_login(cast.operator)
    clock.shift(timedelta(minutes=11))
    assert client.post(path.format(method=1), {}).url == CODE_AGAIN

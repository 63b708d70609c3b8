"""Every page of the operators: nobody else gets in, not even to learn that it is there."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from billing import adjustments, approvals, refunds, settlement
from billing.gateways.protocol import Fact, What
from billing.models import Arrival, Entry, Refund
from tests.billing.payments.bank import ask
from tests.billing.payments.camt import camt, entry
from tests.billing.payments.operators import address, take

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = [
    "home",
    "review-list",
    "review",
    "bank-transfer-list",
    "bank-transfer-confirm",
    "payment",
    "refund-new",
    "refund-list",
    "refund-end",
    "statement-list",
    "statement",
    "statement-progress",
    "line-assign",
    "method-list",
    "method-edit",
    "adjust",
    "adjust-preview",
    "adjustment-list",
    "adjustment-undo",
    "approval-list",
    "approval",
]
POSTED = [
    "review",
    "bank-transfer-confirm",
    "refund-new",
    "refund-end",
    "statement-list",
    "statement-go-on",
    "line-assign",
    "method-edit",
    "adjust",
    "adjustment-undo",
    "approval",
]
# Workers collect the same names.
NOBODY = "a8d3cb26-3d5e-4163-bc7a-ea1108f9c1ed"
OTHERS = ["admin", "finance", "marketing_admin", "member", "gulf_admin", "stranger"]


@pytest.fixture
def places(cast):
    """The address of each page, with something to show there."""
    payment, other = ask(cast.marketing), ask(cast.retail)
    done = take(
        cast, camt(entry("1500.00", payment.reference, bank="1"), entry("2.00", "?", bank="2"))
    )
    fact = Fact(What.PAID, reference="x", amount=Decimal(7), currency="EGP")
    settlement.learn_about(other, [fact])
    refund = refunds.request(
        payment=payment, amount=Decimal(3), reason="asked", key=uuid4(), by=cast.operator
    )
    adjusted = adjustments.make(
        account=cast.retail, amount=Decimal(5), reason="late", reference="a-1", by=cast.operator
    ).entries[0]
    asked = approvals.adjust(
        account=cast.retail, amount=Decimal(6000), reason="x", key=uuid4(), by=cast.operator
    )
    arguments = {
        "adjust": "nile",
        "adjust-preview": "nile",
        "adjustment-undo": f"{adjusted.master_id}-{adjusted.holder_id}-{adjusted.seq}",
        "approval": asked.pk,
        "review": other.arrivals.get().pk,
        "bank-transfer-confirm": other.pk,
        "payment": payment.pk,
        "refund-new": payment.pk,
        "refund-end": refund.pk,
        "statement": done.pk,
        "statement-go-on": done.pk,
        "statement-progress": done.pk,
        "line-assign": done.lines.get(bank_reference="2").pk,
        "method-edit": payment.method_id,
    }
    return {
        page: address(page, *([arguments[page]] if page in arguments else []))
        for page in {*PAGES, *POSTED}
    }


def test_an_operator_sees_every_page_in_a_fixed_number_of_queries(
    operator, cast, places, django_assert_max_num_queries
):
    for page in PAGES:
        with django_assert_max_num_queries(16):
            response = operator.get(places[page])
        assert response.status_code == 200, page
        assert "no-store" in response["Cache-Control"] or "no-cache" in response["Cache-Control"]


@pytest.mark.parametrize("who", OTHERS)
def test_customers_get_404_everywhere_and_nothing_happens(client, cast, places, who):
    client.force_login(getattr(cast, who))
    for page in PAGES:
        assert client.get(places[page]).status_code == 404, page
    before = Arrival.objects.count(), Refund.objects.count(), Entry.objects.count()
    for page in POSTED:
        assert client.post(places[page], {"do": "credit"}).status_code == 404, page
    after = Arrival.objects.count(), Refund.objects.count(), Entry.objects.count()
    assert before == after


def test_who_is_not_signed_in_is_asked_to(client, cast, places):
    for page in PAGES:
        answer = client.get(places[page])
        assert answer.status_code == 302, page
        assert answer["Location"].startswith("/auth/login/")
    for page in POSTED:
        assert client.post(places[page]).status_code == 302


def test_without_the_token_nothing_is_taken(cast, places, client_without_token):
    for page in POSTED:
        assert client_without_token.post(places[page]).status_code == 403, page


@pytest.fixture
def client_without_token(cast):
    from django.test import Client  # noqa: PLC0415 - the one that checks

    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.operator)
    return client


@pytest.mark.parametrize(
    "path",
    [
        "/operator/review/999999/",
        "/operator/review/99999999999999999999999/",
        "/operator/review/x/",
        f"/operator/payments/{NOBODY}/",
        "/operator/payments/x/",
        f"/operator/payments/{NOBODY}/refund/",
        f"/operator/bank-transfers/{NOBODY}/confirm/",
        f"/operator/refunds/{NOBODY}/",
        "/operator/statements/999999/",
        "/operator/statements/999999/progress/",
        "/operator/statements/99999999999999999999999/",
        "/operator/statements/lines/999999/assign/",
        "/operator/methods/999999/",
        "/operator/accounts/nowhere/adjust/",
        "/operator/accounts/marketing/adjust/",
        "/operator/accounts/nile/adjust/?account=sales",
        "/operator/accounts/nile/adjust/?account=%00",
        "/operator/adjustments/1-1-999999/undo/",
        "/operator/adjustments/1-1/undo/",
        "/operator/adjustments/?before=x",
        "/operator/approvals/999999/",
        "/operator/approvals/99999999999999999999999/",
        "/operator/approvals/?after=x",
        "/operator/approvals/?before=-1",
        "/operator/review/?after=x",
        "/operator/review/?after=-1",
        "/operator/bank-transfers/?before=x",
        f"/operator/bank-transfers/?before={NOBODY}",
        "/operator/refunds/?after=x",
        f"/operator/refunds/?after={NOBODY}",
        "/operator/statements/?before=%00",
        "/operator/statements/?before=99999999999999999999999",
    ],
)
def test_what_is_not_there_is_404(operator, path):
    assert operator.get(path).status_code == 404


def test_customers_have_no_link_to_it_and_operators_do(client, cast):
    client.force_login(cast.admin)
    assert b"/operator/" not in client.get("/accounts/nile/").content
    client.force_login(cast.operator)
    assert b"/operator/" in client.get("/accounts/nile/").content


def test_the_front_page_counts_what_waits(operator, cast, places):
    text = operator.get(places["home"]).content.decode()
    assert text.count("<b>1</b>") == 5  # approval, review, line, transfer, refund

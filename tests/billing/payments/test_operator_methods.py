"""Ways to pay: limits and fees that operators set, which the table then leaves alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing import payment_methods
from billing.models import PaymentMethod
from tests.billing.payments.cast import method_of
from tests.billing.payments.operators import address, hidden, plain

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def method(cast):
    return method_of(cast.marketing, "bank_transfer")


def typed(operator, method, **more) -> dict[str, str]:
    page = operator.get(address("method-edit", method.pk))
    return {
        "min_amount": "1000.00",
        "max_amount": "9000.00",
        "step": "0.01",
        "fee_percent": "1.50",
        "fee_fixed": "2",
        "is_enabled": "on",
        "shown": hidden(page, "shown"),
    } | more


def send(operator, method, fields, **options):
    return operator.post(address("method-edit", method.pk), fields, **options)


def test_what_is_saved_holds_and_the_table_leaves_it_alone(operator, method):
    fields = typed(operator, method)
    assert "Saved Bank transfer." in plain(send(operator, method, fields, follow=True))
    assert send(operator, method, fields).status_code == 302
    payment_methods.load()
    method.refresh_from_db()
    assert (method.max_amount, method.fee_percent, method.fee_fixed) == (9000, Decimal("1.5"), 2)
    assert method.is_edited
    quoted = payment_methods.quote(method, Decimal(1000))
    assert quoted.fee == 17
    assert "Edited" in plain(operator.get(address("method-list")))


def test_switched_off_it_is_not_offered(operator, cast, method):
    PaymentMethod.objects.exclude(pk=method.pk).update(is_enabled=False)
    assert payment_methods.offered(cast.nile) == [method]
    fields = typed(operator, method)
    del fields["is_enabled"]
    send(operator, method, fields)
    assert payment_methods.offered(cast.nile) == []


def test_what_another_has_changed_meanwhile_is_shown_and_asked_again(operator, method):
    fields = typed(operator, method)
    send(operator, method, typed(operator, method, max_amount="8000"))
    response = send(operator, method, fields)
    assert response.status_code == 422
    assert "Somebody else has changed it" in plain(response)
    assert response.context["form"]["max_amount"].value() == "8000.00"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"min_amount": ""}, "This field is required."),
        ({"min_amount": "0"}, "The amount is zero."),
        ({"max_amount": "999"}, "less than the smallest, 1,000.00"),
        ({"step": "9001"}, "at most the largest amount, 9,000.00"),
        ({"step": "0.001"}, "too many decimals"),
        ({"fee_percent": "100.01"}, "at most 100 percent"),
        ({"fee_percent": "-1"}, "below zero"),
        ({"fee_fixed": "NaN"}, "Write the amount in digits"),
        ({"max_amount": "1" * 13}, "too large"),
        ({"shown": ""}, "Somebody else has changed it"),
    ],
)
def test_what_is_malformed_says_why_and_saves_nothing(operator, method, fields, sentence):
    response = send(operator, method, typed(operator, method, **fields))
    assert response.status_code == 422
    assert sentence in plain(response)
    method.refresh_from_db()
    assert not method.is_edited


def test_without_methods_the_list_says_what_to_do(operator, cast):
    PaymentMethod.objects.all().delete()
    assert "No methods yet" in plain(operator.get(address("method-list")))

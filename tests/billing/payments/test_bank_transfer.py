"""The gateway of bank transfers: instructions from a table, and nobody to ask."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from stdnum import bic, iban, iso11649

from billing import payment_methods, payments, refunds, settlement
from billing.bank_accounts import accounts
from billing.gateways import gateway
from billing.gateways.protocol import BadSignature, Fact, Gateway, GatewayRefused, What
from billing.models import PaymentMethod, PaymentState, RefundState
from billing.verification import verify
from tests.billing.payments.bank import NOWHERE, ask
from tests.billing.payments.cast import method_of
from tests.factories import balance_of

pytestmark = pytest.mark.django_db(transaction=True)


def bank() -> Gateway:
    return gateway("bank_transfer")


def test_every_method_by_bank_has_an_account_whose_numbers_are_right(db):
    payment_methods.load()
    methods = PaymentMethod.objects.filter(gateway="bank_transfer")
    assert {(each.country, each.currency) for each in methods} == accounts().keys()
    for account in accounts().values():
        assert bool(account.iban) != bool(account.account_number)
        assert not account.iban or iban.is_valid(account.iban)
        assert bic.is_valid(account.bic)
        assert all([account.bank, account.holder, account.branch])
        country = account.country if account.country != "*" else "AE"
        assert account.bic[4:6] == country
        assert account.iban[:2] in {"", country}
    numbers = [each.number for each in accounts().values()]
    assert len(set(numbers)) == len(numbers)


def test_the_payer_is_told_where_to_and_what_to_write(cast):
    payment = ask(cast.marketing)
    assert (payment.state, payment.gateway_reference) == (PaymentState.PENDING, payment.reference)
    assert iso11649.is_valid(payment.reference)
    told = payment.instructions
    assert told["kind"] == "bank_transfer"
    assert told["iban"] == "EG380019000500000000263180002"
    assert (told["currency"], told["amount"]) == ("EGP", "1500.00")
    assert told["reference"] == payment.reference
    assert told["expires_at"] == payment.expires_at.isoformat()
    assert (told["country"], told["bic"]) == ("EG", "NBEGEGCX")
    assert payment.checkout_url == ""
    again = payments.open_checkout(payment, addresses=NOWHERE)
    assert again.instructions == told


def test_the_fee_is_part_of_what_is_to_be_sent(cast):
    method = method_of(cast.marketing, "bank_transfer")
    method.fee_fixed = Decimal(5)
    method.save()
    payment = ask(cast.marketing, "1000")
    assert payment.instructions["amount"] == "1005.00"


def test_without_an_account_for_the_country_it_is_refused_and_nothing_changes(cast):
    method = method_of(cast.marketing, "bank_transfer")
    PaymentMethod.objects.exclude(pk=method.pk).update(is_enabled=False)
    payment = payments.start(
        account=cast.marketing, method=method, amount=Decimal(1000), key=uuid4(), by=None
    )
    PaymentMethod.objects.filter(pk=method.pk).update(country="MA")
    payment.refresh_from_db()
    with pytest.raises(GatewayRefused):
        payments.open_checkout(payment, addresses=NOWHERE)
    payment.refresh_from_db()
    assert payment.state == PaymentState.CREATED


def test_nobody_is_asked_and_no_webhook_is_believed(cast):
    payment = ask(cast.marketing)
    assert bank().is_available
    assert list(bank().fetch(payment)) == []
    with pytest.raises(BadSignature):
        bank().parse_webhook(b"{}", {})


def test_a_cancelled_one_that_is_paid_all_the_same_is_credited(cast):
    payment = payments.cancel(ask(cast.marketing), by=cast.admin)
    assert payment.state == PaymentState.CANCELLED
    fact = Fact(What.PAID, reference="hand", amount=Decimal(1500), currency="EGP")
    settlement.learn_about(payment, [fact])
    assert balance_of(cast.marketing).credit == 2000


def test_a_refund_waits_for_an_operator_who_says_that_it_was_paid_back_or_failed(cast):
    payment = ask(cast.marketing)
    fact = Fact(What.PAID, reference="hand", amount=Decimal(1500), currency="EGP")
    settlement.learn_about(payment, [fact], by=cast.operator)
    assert payment.events.get(what="credited").by == cast.operator
    payment.refresh_from_db()
    first, second = (
        refunds.send(
            refunds.request(
                payment=payment,
                amount=Decimal(amount),
                reason="asked for",
                key=uuid4(),
                by=cast.operator,
            )
        )
        for amount in (100, 200)
    )
    assert (first.state, second.state) == (RefundState.REQUESTED, RefundState.REQUESTED)
    assert balance_of(cast.marketing).on_hold == 300
    settlement.learn_about(payment, [Fact(What.REFUNDED, refund=str(first.pk))], by=cast.operator)
    settlement.learn_about(
        payment, [Fact(What.REFUND_FAILED, refund=str(second.pk), about="account closed")]
    )
    row = balance_of(cast.marketing)
    assert (row.credit, row.on_hold) == (1900, 0)
    assert payment.events.get(what="refunded").by == cast.operator
    assert verify().is_clean

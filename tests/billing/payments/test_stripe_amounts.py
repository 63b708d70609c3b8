"""Stripe's exponents are not the ledger's."""

from decimal import Decimal

import pytest

from billing.gateways.protocol import GatewayRefused
from billing.gateways.stripe_amounts import from_wire, to_wire


@pytest.mark.parametrize(
    ("amount", "currency", "wire"),
    [
        ("10.00", "USD", 1000),
        ("0.01", "EGP", 1),
        ("500", "JPY", 500),
        ("500.000000", "XOF", 500),
        ("1.250", "KWD", 1250),
        ("5.12", "BHD", 5120),
        ("5", "ISK", 500),
        ("5", "UGX", 500),
        ("10.45", "HUF", 1045),
        ("800.45", "TWD", 80045),
    ],
)
def test_amounts_are_written_and_read(amount, currency, wire):
    assert to_wire(Decimal(amount), currency) == wire
    assert from_wire(wire, currency) == Decimal(amount)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("1.255", "KWD"), ("0.001", "OMR"), ("0.5", "JPY"), ("1.005", "USD"), ("0.5", "UGX")],
)
def test_what_stripe_cannot_take_is_refused_and_never_rounded(amount, currency):
    with pytest.raises(GatewayRefused, match=f"{currency} {amount} cannot be paid this way"):
        to_wire(Decimal(amount), currency)


@pytest.mark.parametrize("number", [0, -1, "1", 1.0, True, None, 10**15])
def test_what_is_no_amount_is_not_read(number):
    with pytest.raises(ValueError, match="no amount"):
        from_wire(number, "USD")

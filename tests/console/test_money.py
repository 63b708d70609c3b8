"""Reading and writing amounts."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import money
from console.money import AmountError, format_amount, format_down, read_amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0.0075", "0.0075"),
        ("1500", "1500"),
        ("1500.00", "1500"),
        ("-12.5", "-12.5"),
        ("000012", "12"),
        ("999999999999.999999", "999999999999.999999"),
        ("0", "0"),
    ],
)
def test_what_is_written_plainly_is_read_exactly(text, amount):
    assert read_amount(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " 5",
        "5 ",
        "5\n",
        "+5",
        "--5",
        "5.",
        ".5",
        "1,5",
        "1,500.00",
        "1 500",
        "1_000",
        "1e5",
        "1E-2",
        "NaN",
        "Infinity",
        "-inf",
        "0x10",
        "\u0665",  # Arabic-Indic five
        "\uff15",  # full-width five
        "\u0967\u0968",  # Devanagari twelve
        "\N{MINUS SIGN}5",
        "5\x00",
        "EGP 5",
        "5/2",
    ],
)
def test_what_is_not_plainly_an_amount_is_refused(text):
    with pytest.raises(AmountError, match="digits with a point"):
        read_amount(text)


@pytest.mark.parametrize(
    ("currency", "fits", "too_fine"),
    [("KWD", "1.234", "1.2345"), ("EGP", "1.23", "1.234"), ("JPY", "1", "1.0")],
)
def test_no_more_decimals_than_the_currency_has(currency, fits, too_fine):
    decimals = money.currency_decimals(currency)
    assert read_amount(fits, decimals=decimals) == Decimal(fits)
    with pytest.raises(AmountError, match=r"decimals"):
        read_amount(too_fine, decimals=decimals)


def test_six_decimals_are_the_most_the_ledger_keeps():
    with pytest.raises(AmountError, match="at most 6"):
        read_amount("0.0000001")


@pytest.mark.parametrize("text", ["1000000000000", "9" * 5000])
def test_thirteen_digits_are_too_many(text):
    with pytest.raises(AmountError, match="at most 12 digits"):
        read_amount(text)


@given(st.text())
def test_any_text_is_read_as_an_amount_or_refused(text):
    with contextlib.suppress(AmountError):
        assert read_amount(text).is_finite()
        assert set(text) <= set("-.0123456789")


@given(st.decimals(-(10**12), 10**12, places=6))
def test_what_is_formatted_is_exact(amount):
    text = format_amount(amount, 2)
    assert Decimal(text.replace(",", "").replace(money.MINUS, "-")) == amount


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [
        ("1240.5", 2, "1,240.50"),
        ("-1240.5", 2, "\N{MINUS SIGN}1,240.50"),
        ("0.0075", 2, "0.0075"),
        ("0.007500", 2, "0.0075"),
        ("12.3", 3, "12.300"),
        ("1500", 0, "1,500"),
        ("0", 2, "0.00"),
        ("100000000000000.000001", 2, "100,000,000,000,000.000001"),
    ],
)
def test_amounts_on_pages(amount, decimals, text):
    assert format_amount(Decimal(amount), decimals) == text


def test_movements_carry_their_sign():
    assert format_amount(Decimal(5), 2, sign=True) == "+5.00"
    assert format_amount(Decimal(-5), 2, sign=True) == "\N{MINUS SIGN}5.00"
    assert format_amount(Decimal(0), 2, sign=True) == "0.00"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0.009999", "0.00"),
        ("10.999999", "10.99"),
        ("-0.000001", "\N{MINUS SIGN}0.01"),
        ("5", "5.00"),
    ],
)
def test_what_may_be_spent_is_rounded_down(amount, text):
    assert format_down(Decimal(amount), 2) == text

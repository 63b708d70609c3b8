"""Amounts by currency as the environment writes them: strictly, or with a sentence."""

from __future__ import annotations

from decimal import Decimal

import pytest

from console.amounts import read_amounts


def test_amounts_are_read_by_currency():
    assert read_amounts("EUR=500, KWD=150.500,JPY=0") == {
        "EUR": Decimal(500),
        "KWD": Decimal("150.500"),
        "JPY": Decimal(0),
    }
    assert read_amounts("") == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("EUR", "must be like EUR=500"),
        ("EUR=-5", "must be like EUR=500"),
        ("EUR=1e5", "must be like EUR=500"),
        ("EUR=5;EGP=5", "must be like EUR=500"),
        ("eur=5", "must be like EUR=500"),
        ("XQZ=5", "XQZ is no currency"),
        ("EUR=5,EUR=6", "EUR is named twice"),
        ("JPY=5.5", "more decimals than the currency"),
    ],
)
def test_what_is_malformed_is_named(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_amounts(text)

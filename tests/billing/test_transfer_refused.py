"""What the transfer form refuses: beside the field, with the figures, and nothing written."""

from __future__ import annotations

import pytest
from django.forms import ValidationError
from django.urls import reverse

from accounts.models import Account, State
from billing import transfers, tree
from billing.fields import AmountField
from tests.billing.transfer_form import NILE, plain, refused, rows
from tests.factories import make_subaccount, set_limit

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("", "Write how much to move."),
        ("0", "The amount is zero"),
        ("0.00", "The amount is zero"),
        ("-0", "The amount is zero"),
        ("-10", "The amount is below zero"),
        ("10.001", "The amount has too many decimals: at most 2."),
        ("10.000", "The amount has too many decimals: at most 2."),
        ("1,000", "Write the amount in digits with a point for decimals"),
        ("1 000", "Write the amount in digits"),
        ("1_000", "Write the amount in digits"),
        ("1e3", "Write the amount in digits"),
        ("+5", "Write the amount in digits"),
        (".5", "Write the amount in digits"),
        ("5.", "Write the amount in digits"),
        ("NaN", "Write the amount in digits"),
        ("Infinity", "Write the amount in digits"),
        ("\u0665\u0660", "Write the amount in digits"),
        ("EGP 10", "Write the amount in digits"),
        ("1\x00", "Write the amount in digits"),
        ("1" * 13, "The amount is too large: at most 12 digits before the point."),
        ("9" * 100_000, "The amount is too large"),
    ],
)
def test_an_amount_that_is_none_is_explained_beside_it(admin, ten, amount, sentence):
    refused(admin, ten | {"amount": amount}, "amount", sentence)


def test_a_currency_without_decimals_says_so():
    field = AmountField()
    field.decimals = 0
    with pytest.raises(ValidationError, match="no decimals"):
        field.clean("10.5")


def test_more_than_available_is_refused_with_what_is_available_and_what_is_missing(
    admin, cast, ten
):
    set_limit(cast.marketing, "50")
    refused(
        admin,
        ten | {"amount": "550.01"},
        "amount",
        "Marketing can spend at most EGP 550.00: 0.01 less than asked for.",
    )


def test_the_same_account_twice_is_refused(admin, cast, ten):
    refused(admin, ten | {"to": cast.marketing.pk}, "destination", "from an account to itself")


@pytest.mark.parametrize(("name", "field"), [("from", "source"), ("to", "destination")])
def test_a_shared_subaccount_is_refused(admin, cast, ten, name, field):
    sentence = "OTP and security draws on the master account's balance and has none of its own."
    refused(admin, ten | {name: cast.otp.pk}, field, sentence)


@pytest.mark.parametrize(("name", "field"), [("from", "source"), ("to", "destination")])
def test_a_closed_subaccount_is_refused(admin, cast, ten, name, field):
    north = make_subaccount(cast.nile, "north")
    Account.objects.filter(pk=north.pk).update(state=State.CLOSED)
    refused(admin, ten | {name: north.pk}, field, "North is closed.")


def test_a_suspended_source_is_refused(admin, cast, ten):
    tree.suspend(account=cast.marketing)
    refused(admin, ten, "source", "Marketing is suspended")


def test_a_suspended_company_is_named_beside_the_source_even_as_destination(admin, cast, ten):
    tree.suspend(account=cast.nile)
    refused(admin, ten | {"to": cast.nile.pk}, "source", "Nile Retail Group is suspended")


@pytest.mark.parametrize(("name", "field"), [("from", "source"), ("to", "destination")])
def test_another_companys_account_is_no_choice_and_nothing_is_said_about_it(
    admin, cast, ten, name, field
):
    response = refused(
        admin,
        ten | {name: cast.gulf_sales.pk},
        field,
        "Choose one of this company's accounts.",
    )
    assert "Gulf" not in plain(response)
    assert "KWD" not in plain(response)


@pytest.mark.parametrize(("name", "field"), [("from", "source"), ("to", "destination")])
@pytest.mark.parametrize("value", ["", "0", "-1", "abc", "1\x00", "9" * 50, "1.5"])
def test_a_malformed_account_is_an_error_beside_the_field(admin, ten, name, field, value):
    refused(admin, ten | {name: value}, field)


@pytest.mark.parametrize("key", ["", "abc", "123", "\x00", "0" * 1000, "{0}", "\u0660" * 32])
def test_a_malformed_key_is_a_form_error_with_a_fresh_key(admin, ten, key):
    response = refused(admin, ten | {"key": key}, None, "The form came without its number")
    fresh = response.context["form"]["key"].value()
    assert admin.post(NILE, ten | {"key": fresh}).status_code == 302


def test_a_missing_key_is_a_form_error(admin, ten):
    del ten["key"]
    refused(admin, ten, None, "The form came without its number")


def test_an_empty_post_is_a_form_error(admin, cast):
    before = rows()
    assert admin.post(NILE, {}).status_code == 422
    assert rows() == before


def test_a_note_that_is_too_long_is_refused(admin, ten):
    sentence = "A note has at most 200 characters; this one has 600."
    refused(admin, ten | {"note": "n" * 600}, "note", sentence)


def test_a_note_with_nul_is_refused(admin, ten):
    refused(admin, ten | {"note": "a\x00b"}, "note")


def test_a_note_is_shown_as_written_and_not_as_markup(admin, ten):
    response = admin.post(NILE, ten | {"note": "<b>bold</b>"}, follow=True)
    assert "&lt;b&gt;bold&lt;/b&gt;" in response.content.decode()


def test_what_was_typed_stays_and_so_does_the_key(admin, cast, ten):
    form = refused(admin, ten | {"amount": "10.001"}, "amount").context["form"]
    assert form["amount"].value() == "10.001"
    assert form["note"].value() == "for Ramadan"
    assert form["source"].value() == str(cast.marketing.pk)
    assert form["destination"].value() == str(cast.retail.pk)
    assert form["key"].value() == ten["key"]


def test_a_refusal_is_said_above_and_beside_the_field_and_not_in_the_preview_again(admin, ten):
    sentence = "Marketing can spend at most EGP 500.00: 1.00 less than asked for."
    response = refused(admin, ten | {"amount": "501"}, "amount", sentence)
    assert plain(response).count(sentence) == 2
    assert "Nothing was moved." in plain(response)
    assert response.context["outlook"].trouble == sentence


def test_a_refusal_that_the_form_does_not_tell_stands_in_the_preview(admin, ten):
    response = refused(admin, ten | {"amount": "501", "note": "n" * 201}, "note")
    assert plain(response).count("Marketing can spend at most EGP 500.00") == 1


def test_before_any_error_the_hint_says_how_to_write_an_amount(admin, client, cast):
    assert "Without commas or spaces, for example 1500.00" in plain(admin.get(NILE))
    client.force_login(cast.gulf_admin)
    gulf = client.get(reverse("transfer-new", args=["gulf"]))
    assert "Without commas or spaces, for example 1500.000" in plain(gulf)


def test_balances_that_keep_changing_are_said_and_nothing_was_moved(admin, ten, monkeypatch):
    def make(**arguments):
        raise transfers.StartAgain

    monkeypatch.setattr(transfers, "make", make)
    response = refused(
        admin, ten, None, "The balances were changing meanwhile, so nothing was moved. Try again."
    )
    assert response.context["form"]["key"].value() == ten["key"]

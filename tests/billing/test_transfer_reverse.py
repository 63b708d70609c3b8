"""The page that moves a transfer back: works, in part, refused, foreign, malformed, twice."""

from __future__ import annotations

import re
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing import charges, transfers, tree
from billing.models import Entry, Transfer
from tests.billing.transfer_form import plain
from tests.factories import balance_of, give, make_subaccount

pytestmark = pytest.mark.django_db


@pytest.fixture
def moved(cast) -> Transfer:
    """100 from Nile (10,000) to Marketing (500)."""
    return transfers.make(
        source=cast.nile, destination=cast.marketing, amount=Decimal(100), key=uuid4(), by=None
    )


def address(transfer, page="transfer-reverse", company="nile") -> str:
    return reverse(page, args=[company, transfer.pk])


def typed(**more) -> dict[str, str]:
    return {"amount": "40", "note": "a mistake", "key": str(uuid4())} | more


def refused(admin, moved, fields, field, sentence):
    before = Transfer.objects.count(), Entry.objects.count()
    response = admin.post(address(moved), fields)
    assert response.status_code == 422
    assert (Transfer.objects.count(), Entry.objects.count()) == before
    form = response.context["form"]
    found = form.non_field_errors() if field is None else form.errors[field]
    assert sentence in found[0]
    return response


def test_the_form_is_filled_in_with_all_that_is_left(admin, moved):
    response = admin.get(address(moved))
    assert response.status_code == 200
    assert response.context["form"]["amount"].value() == "100.00"
    text = plain(response)
    for figure in ("600.00", "500.00", "9,900.00", "10,000.00"):
        assert figure in text
    transfers.reverse(transfer=moved, amount=Decimal(30), key=uuid4(), by=None)
    response = admin.get(address(moved))
    assert response.context["form"]["amount"].value() == "70.00"
    assert "Of EGP 100.00, 30.00 was moved back before: 70.00 is left." in plain(response)


def test_it_offers_the_part_that_was_not_spent(admin, cast, moved):
    charges.charge(account=cast.marketing, amount=Decimal("559.999"), reference="m")
    response = admin.get(address(moved))
    assert response.context["form"]["amount"].value() == "40.00"
    text = plain(response)
    assert "Only a part of it can be moved back now." in text
    assert "EGP 40.00: 60.00 less than asked for." in text
    admin.post(address(moved), typed())
    assert balance_of(cast.marketing).credit == Decimal("0.001")


def test_sending_moves_it_back_and_shows_the_new_transfer(admin, cast, moved):
    response = admin.post(address(moved), typed(), follow=True)
    made = Transfer.objects.get(reverses=moved)
    assert response.redirect_chain == [(made.get_absolute_url(), 302)]
    assert "Moved EGP 40.00 back from Marketing to Nile Retail Group." in plain(response)
    assert (made.amount, made.note, made.by) == (Decimal(40), "a mistake", cast.admin)


def test_sent_twice_it_happens_once(admin, moved):
    fields = typed(amount="100")
    first = admin.post(address(moved), fields)
    again = admin.post(address(moved), fields, follow=True)
    assert again.redirect_chain == [(first["Location"], 302)]
    assert "and not again" in plain(again)
    assert Transfer.objects.count() == 2


def test_a_key_used_before_with_other_content_is_refused_with_a_fresh_key(admin, moved):
    fields = typed()
    admin.post(address(moved), fields)
    response = refused(admin, moved, fields | {"amount": "41"}, None, "This form was sent before")
    assert response.context["form"]["key"].value() != fields["key"]
    assert Transfer.objects.get(reverses=moved).get_absolute_url() in response.content.decode()


def test_figures_that_have_changed_since_the_preview_are_shown_and_asked_again(admin, cast, moved):
    text = admin.get(address(moved, "transfer-reverse-preview"), {"amount": "40"}).content.decode()
    shown = re.search(r'name="shown" value="([^"]*)"', text)[1]
    give(cast.marketing, "1")
    response = refused(
        admin, moved, typed(shown=shown), None, "Marketing had 600.00 available and has 601.00 now"
    )
    assert "561.00" in plain(response)
    shown = re.search(r'name="shown" value="([^"]*)"', response.content.decode())[1]
    assert admin.post(address(moved), typed(shown=shown)).status_code == 302


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"amount": ""}, "amount", "Write how much to move back."),
        ({"amount": "0"}, "amount", "The amount is zero"),
        ({"amount": "-1"}, "amount", "below zero"),
        ({"amount": "1.005"}, "amount", "too many decimals"),
        ({"amount": "100.01"}, "amount", "This transfer moved EGP 100.00: no more"),
        ({"note": "n" * 201}, "note", "at most 200 characters"),
        ({"key": "x"}, None, "came without its number"),
        ({"shown": "x"}, None, "did not arrive whole"),
        ({"shown": "1=2;3"}, None, "did not arrive whole"),
    ],
)
def test_what_is_wrong_is_said_and_kept_as_typed(admin, moved, fields, field, sentence):
    response = refused(admin, moved, typed(**fields), field, sentence)
    for name in fields.keys() & {"amount", "note"}:
        assert response.context["form"][name].value() == fields[name]


def test_more_than_was_left_unspent_is_refused_and_the_rest_is_offered(admin, cast, moved):
    charges.charge(account=cast.marketing, amount=Decimal(570), reference="m")
    response = refused(
        admin, moved, typed(), "amount", "Marketing can spend at most EGP 30.00: 10.00 less"
    )
    assert f'href="{address(moved)}?amount=30.00"' in response.content.decode()
    assert response.context["form"]["amount"].value() == "40"


def test_nothing_left_says_so_and_has_no_form(admin, cast, moved):
    transfers.reverse(transfer=moved, key=uuid4(), by=None)
    text = admin.get(address(moved)).content.decode()
    assert "All of this transfer was moved back already." in text
    assert 'id="reversal-form"' not in text
    back = Transfer.objects.get(reverses=moved)
    assert "moves another one back" in plain(admin.get(address(back)))
    refused(admin, back, typed(), None, "moves another one back")


def test_an_account_that_is_shared_today_is_said_with_where_its_credit_went(admin, cast, moved):
    tree.share(account=cast.marketing, by=None)
    text = plain(admin.get(address(moved)))
    assert "what it had of its own went to Nile Retail Group" in text
    refused(admin, moved, typed(), None, "went to Nile Retail Group")
    preview = admin.get(address(moved, "transfer-reverse-preview"), {"amount": "1"})
    assert "went to Nile Retail Group" in plain(preview)


@pytest.mark.parametrize("amount", ["", "1.", "x", "1\x00", "9" * 5000, "100.01"])
def test_the_preview_stays_calm_whatever_is_typed(admin, moved, amount):
    response = admin.get(address(moved, "transfer-reverse-preview"), {"amount": amount})
    assert response.status_code == 200
    assert 'name="shown"' not in response.content.decode()


@pytest.mark.parametrize("page", ["transfer-reverse", "transfer-reverse-preview"])
def test_access(client, cast, moved, page):
    assert client.get(address(moved, page)).status_code == 302
    for who, status in (
        ("stranger", 404),
        ("gulf_admin", 404),
        ("otp_member", 404),
        ("finance", 403),
        ("operator", 403),
        ("member", 403),
        ("admin", 200),
    ):
        client.force_login(getattr(cast, who))
        assert client.get(address(moved, page)).status_code == status, who
        if status != 200:
            expected = 405 if page.endswith("preview") else status
            assert client.post(address(moved, page), typed()).status_code == expected
    assert Transfer.objects.count() == 1


def test_a_foreign_transfer_under_ones_own_company_is_404(client, cast, moved):
    client.force_login(cast.gulf_admin)
    assert client.get(address(moved, company="gulf")).status_code == 404
    assert client.post(address(moved, company="gulf"), typed()).status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_company(admin, cast, moved):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            admin.get(address(moved))
            admin.post(address(moved), typed(amount="1000"))
        return len(captured)

    few = queries()
    for number in range(10):
        make_subaccount(cast.nile, f"b-{number}")
        transfers.reverse(transfer=moved, amount=Decimal(1), key=uuid4(), by=None)
    assert queries() == few

"""The transfer form: works, twice, access, and how many queries it takes."""

from __future__ import annotations

import re
from decimal import Decimal
from urllib.parse import parse_qsl
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, State
from billing import tree
from billing.models import Transfer
from tests.billing.transfer_form import NILE, plain, refused, rows
from tests.factories import balance_of, give, make_subaccount

pytestmark = pytest.mark.django_db


def options(response, name: str) -> dict[str, bool]:
    """The labels of a select, and whether each can be chosen."""
    select = re.search(rf'<select name="{name}".*?</select>', response.content.decode(), re.S)
    return {
        label.strip().replace("&#x27;", "'"): "disabled" not in attributes
        for attributes, label in re.findall(r"<option([^>]*)>([^<]*)</option>", select[0])
    }


# --- works ------------------------------------------------------------------------------------


def test_the_form_lists_every_account_with_what_it_can_spend(admin, cast):
    give(cast.marketing, "0.009")
    response = admin.get(NILE)
    labels = {
        "Choose an account": True,
        "Nile Retail Group · 10,000.00": True,
        "Marketing · 500.00": True,
        "Retail branches · 20.50": True,
        "OTP and security · shared balance": False,
    }
    assert response.status_code == 200
    assert options(response, "from") == options(response, "to") == labels
    assert list(options(response, "from")) == list(labels)
    groups = re.findall(r'<optgroup label="([^"]*)"', response.content.decode())
    assert groups == ["Master account, available EGP", "Allocated, available EGP", "Shared"] * 2


def test_the_form_says_the_code_of_each_account_and_why_one_cannot_be_chosen(admin, cast):
    text = admin.get(NILE).content.decode().replace("&#x27;", "'")
    assert 'data-code="retail">Retail branches · ' in text
    why = "OTP and security draws on the master account's balance and has none of its own."
    assert text.count(f'data-code="otp" data-why="{why}">OTP and security · ') == 2
    assert text.count("data-why") == 2


def test_closed_and_suspended_accounts_are_listed_with_the_reason(admin, cast):
    tree.suspend(account=cast.marketing)
    Account.objects.filter(pk=cast.retail.pk).update(state=State.CLOSED)
    response = admin.get(NILE)
    assert options(response, "from")["Retail branches · closed"] is False
    assert options(response, "to")["Retail branches · closed"] is False
    assert options(response, "from")["Marketing · 500.00 · suspended"] is False
    assert options(response, "to")["Marketing · 500.00 · suspended"] is True


def test_no_account_of_a_suspended_company_can_give(admin, cast):
    tree.suspend(account=cast.nile)
    response = admin.get(NILE)
    label = "Marketing · 500.00 · company suspended"
    assert options(response, "from")[label] is False
    assert not [label for label, can in options(response, "from").items() if can][1:]


def test_a_fresh_form_complains_about_nothing(admin):
    response = admin.get(NILE)
    assert not response.context["form"].errors
    assert "Write how much" not in plain(response)


def test_each_form_has_a_key_of_its_own(admin):
    keys = {admin.get(NILE).context["form"]["key"].value() for _ in range(2)}
    assert len(keys) == 2


def test_a_key_in_the_address_is_not_taken(admin):
    key = str(uuid4())
    response = admin.get(NILE, {"key": key}, follow=True)
    assert response.context["form"]["key"].value() != key


def test_sending_moves_the_credit_and_shows_the_transfer(admin, cast, ten):
    response = admin.post(NILE, ten, follow=True)
    transfer = Transfer.objects.get()
    assert response.redirect_chain == [(transfer.get_absolute_url(), 302)]
    assert "Moved EGP 10.00 from Marketing to Retail branches." in plain(response)
    assert (transfer.note, transfer.by) == ("for Ramadan", cast.admin)
    assert balance_of(cast.marketing).credit == Decimal(490)
    assert balance_of(cast.retail).credit == Decimal("30.50")


def test_a_suspended_account_may_receive(admin, cast, ten):
    tree.suspend(account=cast.retail)
    assert admin.post(NILE, ten).status_code == 302
    assert balance_of(cast.retail).credit == Decimal("30.50")


def test_the_currencys_own_decimals_are_taken(client, cast):
    client.force_login(cast.gulf_admin)
    typed = {"amount": "1.125", "from": cast.gulf.pk, "to": cast.gulf_sales.pk, "key": uuid4()}
    response = client.post(reverse("transfer-new", args=["gulf"]), typed, follow=True)
    assert "Moved KWD 1.125 from" in plain(response)


def test_the_address_fills_in_the_accounts(admin, cast):
    response = admin.get(NILE, {"from": cast.marketing.pk, "to": cast.retail.pk})
    text = response.content.decode()
    for pk in (cast.marketing.pk, cast.retail.pk):
        assert f'<option value="{pk}" selected' in text
    assert not response.context["form"].errors


def test_an_account_of_the_address_that_cannot_give_is_sent_so_that_the_answer_says_why(
    admin, cast
):
    tree.suspend(account=cast.marketing)
    response = admin.get(NILE, {"from": cast.marketing.pk})
    assert f'<option value="{cast.marketing.pk}" selected' in response.content.decode()


def test_preview_without_javascript_shows_both_balances_and_keeps_what_was_typed(admin, cast, ten):
    before = rows()
    response = admin.get(NILE, ten | {"preview": ""}, follow=True)
    text = plain(response)
    for figure in ("500.00", "490.00", "20.50", "30.50"):
        assert figure in text
    assert 'value="for Ramadan"' in response.content.decode()
    assert rows() == before


def test_preview_without_javascript_names_what_is_wrong(admin, cast, ten):
    response = admin.get(NILE, ten | {"preview": "", "amount": "ten"}, follow=True)
    assert response.status_code == 200
    assert "Write the amount in digits" in plain(response)


def test_swap_without_javascript_exchanges_the_accounts_and_keeps_the_rest(admin, cast, ten):
    response = admin.get(NILE, ten | {"swap": ""}, follow=True)
    form = response.context["form"]
    assert form["source"].value() == str(cast.retail.pk)
    assert form["destination"].value() == str(cast.marketing.pk)
    assert (form["amount"].value(), form["note"].value()) == ("10", "for Ramadan")


@pytest.mark.parametrize("button", ["preview", "swap"])
def test_without_javascript_neither_key_nor_empty_note_stay_in_the_address(admin, ten, button):
    response = admin.get(NILE, ten | {"note": "", button: "1"}, follow=True)
    [(address, status)] = response.redirect_chain
    assert status == 302
    ends = {"from": ten["from"], "to": ten["to"]}
    if button == "swap":
        ends = {"to": ten["from"], "from": ten["to"]}
    filled = {"amount": "10", **{name: str(pk) for name, pk in ends.items()}}
    if button == "preview":
        filled["preview"] = "1"
    assert dict(parse_qsl(address.partition("?")[2], keep_blank_values=True)) == filled


def test_an_empty_form_without_javascript_comes_back_to_the_plain_address(admin):
    typed = {"amount": "", "from": "", "to": "", "note": "", "key": "x", "swap": "1"}
    assert admin.get(NILE, typed)["Location"] == NILE


def test_the_token_is_not_put_in_the_address_by_preview_and_swap(admin):
    hidden = re.findall(r'<input type="hidden"[^>]*>', admin.get(NILE).content.decode())
    form = [field for field in hidden if 'name="key"' in field]
    assert len(form) == 1
    body = admin.get(NILE).content.decode()
    form_body = re.search(r'<form[^>]*id="transfer-form".*?</form>', body, re.S)[0]
    assert '<input type="hidden" name="csrfmiddlewaretoken"' not in form_body
    assert '<button type="submit" name="csrfmiddlewaretoken"' in form_body


def test_a_post_without_its_token_is_refused(cast, ten):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.admin)
    before = rows()
    assert strict.post(NILE, ten).status_code == 403
    token = strict.get(NILE).context["csrf_token"]
    assert strict.post(NILE, ten | {"csrfmiddlewaretoken": str(token)}).status_code == 302
    assert rows()[0] == before[0] + 1


# --- twice ------------------------------------------------------------------------------------


def test_sent_twice_it_is_one_transfer_and_the_same_page(admin, cast, ten):
    first = admin.post(NILE, ten)
    again = admin.post(NILE, ten, follow=True)
    assert again.redirect_chain == [(first["Location"], 302)]
    assert "made when the form was first sent, and not again" in plain(again)
    assert Transfer.objects.count() == 1
    assert balance_of(cast.marketing).credit == Decimal(490)


@pytest.mark.parametrize("change", ["amount", "from", "to"])
def test_a_key_used_before_with_other_content_is_refused_with_a_fresh_key(
    admin, cast, ten, change
):
    admin.post(NILE, ten)
    typed = ten | {change: "11" if change == "amount" else cast.nile.pk}
    response = refused(
        admin,
        typed,
        None,
        "This form was sent before, as another transfer. Nothing was moved now."
        " If you want this one too, press Transfer again.",
    )
    assert f'<a href="{Transfer.objects.get().get_absolute_url()}">' in response.content.decode()
    form = response.context["form"]
    assert form["key"].value() != ten["key"]
    assert form["amount"].value() == typed["amount"]
    assert admin.post(NILE, typed | {"key": form["key"].value()}).status_code == 302


# --- access -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "post"])
def test_who_is_not_signed_in_is_asked_to(client, cast, ten, method):
    response = getattr(client, method)(NILE, ten)
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))
    assert not Transfer.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("who", ["stranger", "gulf_admin"])
def test_a_stranger_and_another_companys_admin_get_404(client, cast, ten, who, method):
    client.force_login(getattr(cast, who))
    assert getattr(client, method)(NILE, ten).status_code == 404
    assert not Transfer.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("who", ["finance", "operator", "marketing_admin", "member", "otp_member"])
def test_who_may_see_the_company_but_not_move_credit_gets_403_with_a_sentence(
    client, cast, ten, who, method
):
    client.force_login(getattr(cast, who))
    response = getattr(client, method)(NILE, ten)
    assert response.status_code == 403
    assert "Only an admin of the master account can move credit" in plain(response)
    assert not Transfer.objects.exists()


def test_other_methods_are_refused(admin):
    assert admin.put(NILE).status_code == 405
    assert admin.head(NILE).status_code == 200


# --- speed ------------------------------------------------------------------------------------


def test_the_number_of_queries_does_not_grow_with_the_subaccounts(admin, cast, ten):
    def queries(call) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            call()
        return len(captured)

    typed = {name: ten[name] for name in ("amount", "from", "to")} | {"preview": "1"}

    def measure():
        return (
            queries(lambda: admin.get(NILE, typed)),
            queries(lambda: admin.post(NILE, ten | {"amount": "0"})),
            queries(lambda: admin.get(reverse("transfer-preview", args=["nile"]), ten)),
        )

    few = measure()
    for number in range(37):
        make_subaccount(cast.nile, f"branch-{number}")
    assert measure() == few
    assert max(few) <= 10

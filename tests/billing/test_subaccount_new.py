"""Opening a subaccount: works, twice, malformed, access, and the code that is proposed."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account, BalanceMode
from billing import tree
from billing.account_forms import propose_code
from billing.models import Balance
from tests.billing.accounts_pages import address, plain, signed_in
from tests.factories import balance_of, make_subaccount
from tests.threads import at_once

pytestmark = pytest.mark.django_db

NEW = address("new")
SPRING = {"name": "Spring campaign", "code": "spring", "mode": "allocated"}


def count() -> int:
    return Account.objects.count()


def refused(admin, typed, field: str | None, *sentences: str):
    """Send what was typed: the reason stands beside ``field``, nothing is opened or lost."""
    before = count()
    response = admin.post(NEW, typed)
    assert response.status_code == 422
    assert count() == before == Balance.objects.count()
    form = response.context["form"]
    found = form.non_field_errors() if field is None else form.errors[field]
    for sentence in sentences:
        assert sentence in found[0]
        assert sentence in plain(response)
    for name in ("name", "code"):
        assert form[name].value() == typed.get(name)
    return response


# --- works ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", BalanceMode.values)
def test_it_opens_with_an_empty_balance_and_shows_the_account(admin, cast, mode):
    response = admin.post(NEW, SPRING | {"mode": mode}, follow=True)
    account = Account.objects.get(code="spring")
    assert response.redirect_chain == [(address("detail", account), 302)]
    assert "Opened Spring campaign." in plain(response)
    assert (account.name, account.balance_mode, account.master) == (
        "Spring campaign",
        mode,
        cast.nile,
    )
    assert (balance_of(account).credit, balance_of(account).mode) == (0, mode)


def test_a_fresh_form_complains_about_nothing_and_says_what_the_modes_are(admin):
    response = admin.get(NEW)
    assert not response.context["form"].errors
    assert "it spends the balance of Nile Retail Group" in plain(response)
    [checked] = re.findall(r"<input[^>]* checked[^>]*>", response.content.decode())
    assert 'value="allocated"' in checked


def test_a_code_left_empty_is_made_of_the_name(admin, cast):
    admin.post(NEW, SPRING | {"code": "", "name": "  Café & Crème (Cairo)  "})
    account = Account.objects.get(code="cafe-creme-cairo")
    assert account.name == "Café & Crème (Cairo)"


def test_a_code_that_is_taken_gets_a_number(admin, cast):
    admin.post(NEW, SPRING | {"code": "", "name": "Retail!"})
    assert Account.objects.get(name="Retail!").code == "retail-2"


def test_another_company_may_have_the_same_code_and_name(admin, cast):
    assert admin.post(NEW, {"name": "Sales", "code": "sales", "mode": "shared"}).status_code == 302


@pytest.mark.parametrize(
    ("name", "taken", "code"),
    [
        ("Marketing", [], "marketing"),
        ("Marketing", ["marketing"], "marketing-2"),
        ("Marketing", ["marketing", "marketing-2"], "marketing-3"),
        ("  --A_b  c!! ", [], "a-b-c"),
        ("القاهرة", [], ""),
        ("", [], ""),
        ("🎉", [], ""),
        ("x" * 100, [], "x" * 40),
        ("x" * 100, ["x" * 40], "x" * 38 + "-2"),
        ("a" * 39 + " b", [], "a" * 39),
        ("new", [], "new"),
    ],
)
def test_a_proposed_code_is_well_formed_and_free(name, taken, code):
    assert propose_code(name, taken) == code


def test_the_code_follows_the_name_until_another_is_typed(admin):
    def code(**typed: str) -> str:
        response = admin.get(address("code"), typed)
        assert response.status_code == 200
        assert "<html" not in response.content.decode()
        return response.context["form"]["code"].value()

    assert code(name="Spring", code="", proposed="") == "spring"
    assert code(name="Spring campaign", code="spring", proposed="spring") == "spring-campaign"
    assert code(name="Spring campaign", code="mine", proposed="spring") == "mine"
    assert code(name="", code="spring", proposed="spring") == ""
    assert code(name="Retail") == "retail-2"
    assert code(name="a\x00b", code="", proposed="") == "ab"
    assert code() == ""


# --- twice ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["spring", ""])
def test_sent_twice_it_is_one_account_and_the_same_page(admin, cast, code):
    first = admin.post(NEW, SPRING | {"code": code})
    again = admin.post(NEW, SPRING | {"code": code}, follow=True)
    assert again.redirect_chain == [(first["Location"], 302)]
    assert "is there already, just so. No second one was opened." in plain(again)
    assert Account.objects.filter(name="Spring campaign").count() == 1


@pytest.mark.django_db(transaction=True)
def test_sent_twice_at_the_same_moment_it_is_one_account(cast):
    clients = [signed_in(cast.admin) for _ in range(4)]
    answers = at_once(*(lambda each=each: each.post(NEW, SPRING) for each in clients))
    assert {answer.status_code for answer in answers} == {302}
    assert Account.objects.filter(code="spring").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_that_want_the_same_name_at_the_same_moment_one_is_refused(cast):
    clients = [signed_in(cast.admin) for _ in range(4)]
    answers = at_once(
        *(
            lambda each=each, number=number: each.post(NEW, SPRING | {"code": f"s-{number}"})
            for number, each in enumerate(clients)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [302, 422, 422, 422]


# --- refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"name": ""}, "name", "Write a name."),
        ({"name": "   "}, "name", "Write a name."),
        ({"name": "n" * 101}, "name", "at most 100 characters; this one has 101."),
        ({"name": "a\nb"}, "name", "a line break"),
        ({"name": "a\u2028b"}, "name", "a line break"),
        ({"name": "a\x00b"}, "name", "Null characters"),
        ({"name": "MARKETING"}, "name", "has an account with this name already."),
        ({"name": "nile retail group"}, "name", "has an account with this name already."),
        ({"code": "retail"}, "code", "has an account with this code."),
        ({"code": "nile"}, "code", "has an account with this code."),
        ({"code": "Spring"}, "code", "lower-case letters, digits and hyphens"),
        ({"code": "-spring"}, "code", "lower-case letters, digits and hyphens"),
        ({"code": "spring\u0661"}, "code", "lower-case letters, digits and hyphens"),
        ({"code": "s" * 41}, "code", "at most 40"),
        ({"code": "a\x00"}, "code", "lower-case letters, digits and hyphens"),
        ({"name": "القاهرة", "code": ""}, "code", "No code can be made of this name"),
        ({"mode": ""}, "mode", "Choose where its usage is drawn from."),
        ({"mode": "both"}, "mode", "Choose one of the two."),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_stays_as_typed(admin, change, field, sentence):
    refused(admin, SPRING | change, field, sentence)


def test_the_name_of_a_closed_account_is_taken_still(admin, cast):
    tree.close(account=cast.otp, by=None)
    typed = {"name": cast.otp.name, "code": "otp-2", "mode": "shared"}
    refused(admin, typed, "name", "has an account with this name already.")
    refused(admin, typed | {"code": "otp"}, "code", "has an account with this code.")


def test_an_account_that_differs_is_no_repetition(admin, cast):
    make_subaccount(cast.nile, "spring", name="Spring campaign")
    refused(admin, SPRING | {"mode": "shared"}, "code", "has an account with this code.")


def test_an_empty_post_is_a_form_with_errors(admin):
    response = admin.post(NEW, {})
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"name", "mode"}


def test_a_name_is_shown_as_written_and_not_as_markup(admin):
    response = admin.post(NEW, SPRING | {"name": "<b>bold</b>"}, follow=True)
    assert "&lt;b&gt;bold&lt;/b&gt;" in response.content.decode()
    assert "<b>bold</b>" not in response.content.decode()


# --- access -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [NEW, address("code")])
@pytest.mark.parametrize("who", ["finance", "operator", "marketing_admin", "member"])
def test_who_may_see_the_company_but_not_manage_it_gets_403_with_a_sentence(cast, who, page):
    client = signed_in(getattr(cast, who))
    before = count()
    answers = [client.get(page)] + ([client.post(page, SPRING)] if page == NEW else [])
    for response in answers:
        assert response.status_code == 403
        assert "Only an admin of the master account can open" in plain(response)
    assert count() == before


@pytest.mark.parametrize("page", [NEW, address("code")])
@pytest.mark.parametrize("who", ["stranger", "gulf_admin"])
def test_a_stranger_and_another_companys_admin_get_404(cast, who, page):
    client = signed_in(getattr(cast, who))
    before = count()
    assert client.get(page).status_code == 404
    assert client.post(NEW, SPRING).status_code == 404
    assert count() == before


def test_who_is_not_signed_in_is_asked_to(client, cast):
    for response in (client.get(NEW), client.post(NEW, SPRING), client.get(address("code"))):
        assert response["Location"].startswith(reverse("account_login"))
    assert not Account.objects.filter(code="spring").exists()


def test_a_post_without_its_token_is_refused(cast):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.admin)
    assert strict.post(NEW, SPRING).status_code == 403
    assert not Account.objects.filter(code="spring").exists()


def test_other_methods_are_refused(admin):
    assert admin.put(NEW).status_code == 405
    assert admin.post(address("code")).status_code == 405

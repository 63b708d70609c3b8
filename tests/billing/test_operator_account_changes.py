"""What operators change of an account: name, country, limit, suspension; twice and stale."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest
from django.test import Client
from django.urls import reverse

from accounts.audit_events import AuditEvent
from accounts.models import Account, State
from billing import companies, history, limits, tree
from billing.models import AccountChange, CreditLimitChange
from billing.refusals import AccountChanged, LimitChanged
from billing.verification import verify
from tests.billing.accounts_pages import charge
from tests.billing.payments.operators import address, hidden, plain
from tests.factories import balance_of, make_master, set_limit
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator(client: Client, cast) -> Client:
    client.force_login(cast.operator)
    return client


def send(operator: Client, page: str, *arguments: str, follow: bool = False, **fields: str):
    """Look at the page, fill in the form and send it."""
    here = address(page, *arguments)
    shown = {} if "shown" in fields else {"shown": hidden(operator.get(here), "shown")}
    return operator.post(here, shown | fields, follow=follow)


def last_event(action: str) -> AuditEvent:
    return AuditEvent.objects.filter(action=action).order_by("-id")[0]


# --- credit limit -----------------------------------------------------------------------------


@pytest.mark.parametrize(("company", "code"), [("nile", "nile"), ("nile", "marketing")])
def test_a_limit_is_set_once_with_its_reason_and_written_down(operator, cast, company, code):
    here = address("account-limit", company, code)
    fields = {
        "shown": hidden(operator.get(here), "shown"),
        "limit": "70.5",
        "reason": "Pays on time",
    }
    text = plain(operator.post(here, fields, follow=True))
    assert "is EGP 70.50 now; it was EGP 0.00." in text
    assert "was the credit limit of" in plain(operator.post(here, fields, follow=True))
    change = CreditLimitChange.objects.get(account__code=code)
    assert (change.old, change.new, change.by) == (0, Decimal("70.5"), cast.operator)
    assert change.reason == "Pays on time"
    event = last_event("limit_changed")
    assert (event.actor, event.before, event.after) == (
        cast.operator,
        {"credit_limit": "0.00"},
        {"credit_limit": "70.50"},
    )
    assert verify().is_clean


def test_a_limit_that_another_has_changed_is_said_and_what_was_typed_stays(operator, cast):
    shown = hidden(operator.get(address("account-limit", "nile", "nile")), "shown")
    set_limit(cast.nile, "300")
    typed = {"shown": shown, "limit": "500", "reason": "Agreed"}
    response = send(operator, "account-limit", "nile", "nile", **typed)
    assert response.status_code == 422
    assert "was EGP 0.00 when this page was shown and is 300.00 now" in plain(response)
    assert balance_of(cast.nile).credit_limit == 300
    assert response.context["form"]["limit"].value() == "500"
    # The page has the new figures now: sent once more, it is done.
    again = typed | {"shown": hidden(response, "shown")}
    assert send(operator, "account-limit", "nile", "nile", **again).status_code == 302
    assert balance_of(cast.nile).credit_limit == 500


def test_of_two_operators_who_set_the_limit_at_once_one_is_told(cast):
    change = partial(
        limits.change, account=cast.nile, reason="at once", by=cast.operator, shown=Decimal(0)
    )
    done = at_once(*[partial(change, limit=Decimal(limit)) for limit in (100, 200)])
    assert [isinstance(each, LimitChanged) for each in done].count(True) == 1
    [row] = CreditLimitChange.objects.filter(account=cast.nile)
    assert balance_of(cast.nile).credit_limit == row.new
    assert verify().is_clean


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"limit": ""}, "limit", "Write the limit; zero is none."),
        ({"limit": "-1"}, "limit", "below zero"),
        ({"limit": "1.0005"}, "limit", "too many decimals: at most 3"),
        ({"limit": "1e3"}, "limit", "Write the amount in digits"),
        ({"limit": "NaN"}, "limit", "Write the amount in digits"),
        ({"limit": "1" * 13}, "limit", "too large"),
        ({"reason": " "}, "reason", "Write why the credit limit changes."),
        ({"reason": "x" * 301}, "reason", "at most 300 characters; this one has 301"),
        ({"reason": "a\0b"}, "reason", "Null characters"),
        ({"shown": ""}, "shown", "send it again"),
        ({"shown": "x"}, "shown", "Write the amount in digits"),
    ],
)
def test_a_malformed_limit_is_said_beside_its_field(operator, cast, fields, field, sentence):
    typed = {"limit": "5.005", "reason": "Agreed"} | fields
    response = send(operator, "account-limit", "gulf", "gulf", **typed)
    assert response.status_code == 422
    assert any(sentence in error for error in response.context["form"].errors[field])
    assert balance_of(cast.gulf).credit_limit == 0
    # What the hidden field carries is right again, whatever was sent.
    assert Decimal(hidden(response, "shown")) == 0


def test_shared_and_closed_accounts_have_no_limit_to_change(operator, cast):
    tree.close(account=cast.retail, by=None)
    typed = {"limit": "5", "reason": "Agreed", "shown": "0"}
    for code, why in [("otp", "has none of its own"), ("retail", "is closed")]:
        page = operator.get(address("account-limit", "nile", code))
        assert why in plain(page)
        assert 'name="limit"' not in page.content.decode()
        response = send(operator, "account-limit", "nile", code, **typed)
        assert response.status_code == 422
        assert why in plain(response)
    assert not CreditLimitChange.objects.exists()


def test_the_preview_tells_what_could_be_spent_and_that_usage_would_stop(operator, cast):
    set_limit(cast.retail, "100")
    charge(cast.retail, "60")
    here = address("account-limit-preview", "nile", "retail")
    text = plain(operator.get(here, {"limit": "200"}))
    assert "Available 60.50 160.50" in text
    assert "usage stops" not in text
    assert "usage stops at once" in plain(operator.get(here, {"limit": "39.50"}))
    for nonsense in ("", "x", "-1", "1\0"):
        assert "Available 60.50 —" in plain(operator.get(here, {"limit": nonsense}))


# --- suspend and restore ----------------------------------------------------------------------


def test_suspending_a_company_and_restoring_it_with_reasons(operator, cast):
    send(operator, "account-suspend", "nile", "nile", reason="Cheque came back")
    assert charge(cast.marketing, "1").refusal.code == "suspended"
    text = plain(operator.get(address("account-restore", "nile", "nile")))
    assert "Suspended by operator@platform.example for the platform" in text
    assert "Cheque came back" in text
    event = last_event("account_suspended")
    assert (event.about, event.actor, event.before, event.after) == (
        "Cheque came back",
        cast.operator,
        {"state": "active"},
        {"state": "suspended"},
    )
    send(operator, "account-restore", "nile", "nile", reason="It was paid")
    assert charge(cast.marketing, "1").refusal is None
    assert last_event("account_restored").about == "It was paid"
    assert "It was paid" in plain(operator.get(address("account", "nile")))


@pytest.mark.parametrize("verb", ["suspend", "restore"])
def test_sent_twice_it_is_done_once(operator, cast, verb):
    if verb == "restore":
        tree.suspend(account=cast.retail, by=cast.operator)
    here = address(f"account-{verb}", "nile", "retail")
    fields = {"shown": hidden(operator.get(here), "shown"), "reason": "because"}
    before = AccountChange.objects.count()
    for _twice in range(2):
        assert operator.post(here, fields).status_code == 302
    assert AccountChange.objects.count() == before + 1


def test_a_form_from_before_another_operator_acted_does_nothing(operator, cast):
    here = address("account-restore", "nile", "retail")
    tree.suspend(account=cast.retail, by=cast.admin)
    shown = hidden(operator.get(here), "shown")
    tree.suspend(account=cast.retail, by=cast.operator, reason="Fraud")
    response = operator.post(here, {"shown": shown, "reason": "They asked"})
    assert response.status_code == 422
    text = plain(response)
    assert "Something was done to Retail branches since this page was shown" in text
    assert "Fraud" in text
    assert response.context["form"]["reason"].value() == "They asked"
    assert Account.objects.get(pk=cast.retail.pk).state == State.SUSPENDED
    now = {"shown": hidden(response, "shown"), "reason": "They asked"}
    assert operator.post(here, now).status_code == 302


def test_the_platform_makes_its_own_what_the_company_suspended(operator, cast):
    tree.suspend(account=cast.retail, by=cast.admin)
    text = plain(operator.get(address("account-suspend", "nile", "retail")))
    assert "Suspended by admin@nile.example of the company" in text
    assert "Its company could restore it. From then on only operators can." in text
    send(operator, "account-suspend", "nile", "retail", reason="Fraud")
    assert history.suspended_by_platform(cast.retail)
    assert "is suspended already" in plain(
        operator.get(address("account-suspend", "nile", "retail"))
    )
    send(operator, "account-restore", "nile", "retail", reason="Cleared")
    assert Account.objects.get(pk=cast.retail.pk).state == State.ACTIVE


def test_an_old_form_cannot_suspend_again_what_was_restored(cast):
    seen = history.mark(cast.retail)
    tree.suspend(account=cast.retail, by=cast.operator, shown=seen)
    tree.restore(account=cast.retail, by=cast.operator)
    with pytest.raises(AccountChanged):
        tree.suspend(account=cast.retail, by=cast.operator, shown=seen)


@pytest.mark.parametrize("verb", ["suspend", "restore"])
@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"reason": ""}, "reason", "Write why it is"),
        ({"reason": "x" * 301}, "reason", "at most 300 characters"),
        ({"shown": ""}, "shown", "send it again"),
        ({"shown": "-1"}, "shown", "send it again"),
        ({"shown": "9" * 30}, "shown", "send it again"),
    ],
)
def test_a_malformed_form_is_said_and_changes_nothing(
    operator, cast, verb, fields, field, sentence
):
    if verb == "restore":
        tree.suspend(account=cast.retail, by=cast.operator)
    before = Account.objects.get(pk=cast.retail.pk).state
    response = send(operator, f"account-{verb}", "nile", "retail", **{"reason": "so", **fields})
    assert response.status_code == 422
    assert any(sentence in error for error in response.context["form"].errors[field])
    assert Account.objects.get(pk=cast.retail.pk).state == before


def test_a_closed_account_is_neither_suspended_nor_restored(operator, cast):
    tree.close(account=cast.retail, by=None)
    for verb in ("suspend", "restore"):
        here = address(f"account-{verb}", "nile", "retail")
        assert 'name="reason"' not in operator.get(here).content.decode()
        response = operator.post(here, {"reason": "so", "shown": "1"})
        assert response.status_code == 422
        assert "Retail branches is closed." in plain(response)


# --- editing ----------------------------------------------------------------------------------


def test_the_name_is_edited_once_and_the_country_never_with_books(operator, cast):
    page = operator.get(address("account-edit", "nile"))
    assert 'name="country"' not in page.content.decode()
    shown = hidden(page, "shown")
    typed = {"shown": shown, "name": "Nile Group", "country": "SA", "time_zone": "UTC"}
    for _twice in range(2):
        assert send(operator, "account-edit", "nile", **typed).status_code == 302
    nile = Account.objects.get(pk=cast.nile.pk)
    assert (nile.name, nile.country, nile.time_zone) == ("Nile Group", "EG", "Africa/Cairo")
    event = last_event("account_renamed")
    assert (event.before, event.after) == (
        {"name": "Nile Retail Group"},
        {"name": "Nile Group"},
    )
    assert AuditEvent.objects.filter(action="account_renamed").count() == 1
    # A form from before that: nothing is done, and how it is now is said.
    late = send(operator, "account-edit", "nile", shown=shown, name="Third")
    assert late.status_code == 422
    assert "Something was done to Nile Group" in plain(late)
    assert late.context["form"]["name"].value() == "Third"


def test_the_country_of_a_new_company_is_edited_until_money_comes(operator, cast):
    acme = make_master("acme")
    send(operator, "account-edit", "acme", name="Acme", country="KW")
    acme.refresh_from_db()
    assert acme.country == "KW"
    event = last_event("account_edited")
    assert (event.actor, event.before, event.after) == (
        cast.operator,
        {"country": "EG"},
        {"country": "KW"},
    )
    with pytest.raises(companies.CountryIsFixed):
        companies.edit(
            company=cast.nile,
            name="Nile Retail Group",
            country="SA",
            by=cast.operator,
            shown=companies.figures(cast.nile),
        )


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"name": ""}, "name", "Write a name."),
        ({"name": "x" * 101}, "name", "at most 100 characters"),
        ({"name": "marketing"}, "name", "has an account with this name already"),
        ({"shown": ""}, "shown", "send it again"),
    ],
)
def test_a_malformed_edit_is_said_beside_its_field(operator, cast, fields, field, sentence):
    response = send(operator, "account-edit", "nile", **({"name": "Other"} | fields))
    assert response.status_code == 422
    assert any(sentence in error for error in response.context["form"].errors[field])
    assert Account.objects.get(pk=cast.nile.pk).name == "Nile Retail Group"


def test_what_is_sent_without_a_fresh_proof_waits_for_it(cast):
    client = Client()
    client.force_login(cast.operator)
    session = client.session
    session["account_authentication_methods"] = []
    session.save()
    for page, arguments in [
        ("account-new", []),
        ("account-edit", ["nile"]),
        ("account-admin", ["nile"]),
        ("account-limit", ["nile", "nile"]),
        ("account-suspend", ["nile", "nile"]),
        ("account-restore", ["nile", "nile"]),
    ]:
        answer = client.post(address(page, *arguments), {"reason": "so", "limit": "5"})
        assert answer.status_code == 302, page
        assert answer["Location"].startswith("/auth/"), page


def test_operators_are_led_from_the_console_to_pages_that_ask_for_a_reason(operator, cast):
    page = operator.get(reverse("subaccount-detail", args=["nile", "retail"])).content.decode()
    for link in ("account-limit", "account-suspend"):
        assert address(link, "nile", "retail") in page
    assert reverse("subaccount-suspend", args=["nile", "retail"]) not in page

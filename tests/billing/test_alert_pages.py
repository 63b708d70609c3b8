"""The pages of alerts: the list; setting, changing, removing one; refused, foreign, twice."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Membership, Role
from billing import alerts, tree
from billing.models import Alert
from tests.billing.accounts_pages import charge, plain, signed_in
from tests.factories import give, make_member, make_subaccount
from tests.threads import at_once

pytestmark = pytest.mark.django_db

LIST = reverse("alert-list", args=["nile"])
NEW = reverse("alert-new", args=["nile"])
CHOOSE = "Choose the account whose balance is watched."
SENTENCE = "Only an admin of the account, or of the master account, can set its alerts"


def new(account) -> str:
    return f"{NEW}?account={account if isinstance(account, str) else account.code}"


def edit(alert) -> str:
    return reverse("alert-edit", args=["nile", alert.pk])


def delete(alert) -> str:
    return reverse("alert-delete", args=["nile", alert.pk])


def add(account, threshold: str = "200", *people) -> Alert:
    return alerts.add(account=account, threshold=Decimal(threshold), recipients=people)


@pytest.fixture
def alert(cast) -> Alert:
    return add(cast.marketing, "200", cast.admin)


@pytest.fixture
def typed(cast) -> dict[str, object]:
    return {"threshold": "200.50", "recipients": [cast.admin.pk, cast.member.pk]}


def kept() -> list[tuple]:
    """All alerts, with whom they tell."""
    return [
        (each.account.code, each.threshold, sorted(user.email for user in each.recipients.all()))
        for each in Alert.objects.order_by("account__code", "threshold")
    ]


# --- the list -----------------------------------------------------------------------------------


def test_an_empty_page_teaches_and_offers_the_first_step(admin, cast):
    text = plain(admin.get(LIST))
    assert "No thresholds yet" in text
    assert "Set the first one" in text
    assert "Nothing to tell" in text
    assert "Set the first one" not in plain(signed_in(cast.finance).get(LIST))


def test_it_lists_thresholds_with_what_is_available_and_who_is_told(admin, cast, alert):
    add(cast.nile, "6000", cast.finance, cast.admin)
    charge(cast.marketing, "350")
    text = plain(admin.get(LIST))
    assert "Marketing Below 200.00 150.00 admin@nile.example" in text
    assert "Nile Retail Group 6,000.00 10,000.00 admin@nile.example, finance@nile.example" in text


def test_one_that_rests_says_so_and_shows_no_figure(admin, cast, alert):
    tree.share(account=cast.marketing, by=cast.admin)
    text = plain(admin.get(LIST))
    assert "Rests: shared balance" in text
    assert "not its own" in text
    tree.close(account=cast.marketing, by=cast.admin)
    assert "Marketing" not in plain(admin.get(LIST)).split("Thresholds")[1]


def test_a_member_sees_those_of_their_own_account_and_cannot_change_them(cast, alert):
    add(cast.nile, "6000", cast.admin)
    add(cast.retail, "7", cast.admin)
    response = signed_in(cast.member).get(LIST)
    text = plain(response)
    assert "Marketing" in text
    for hidden in ("6,000", "Retail branches", "10,000", "New alert", "Remove"):
        assert hidden not in text
    assert edit(alert) not in response.content.decode()


def test_who_sees_a_shared_account_only_sees_nothing_of_the_pool(cast):
    add(cast.nile, "9000", cast.admin)
    charge(cast.otp, "2000")
    text = plain(signed_in(cast.otp_member).get(LIST))
    assert "No thresholds yet" in text
    assert "Nothing to tell" in text
    for hidden in ("8,000", "9,000", "Nile Retail Group:"):
        assert hidden not in text


def test_who_has_lost_access_is_not_named_as_one_who_is_told(admin, cast):
    add(cast.marketing, "200", cast.admin, cast.member, cast.marketing_admin)
    Membership.objects.filter(user=cast.member).delete()
    cast.marketing_admin.is_active = False
    cast.marketing_admin.save()
    assert "500.00 admin@nile.example Change" in plain(admin.get(LIST))
    Membership.objects.filter(user=cast.admin).delete()
    assert "nobody any more" in plain(signed_in(cast.finance).get(LIST))


@pytest.mark.parametrize("who", ["admin", "finance", "operator", "marketing_admin"])
def test_who_may_change_what(cast, alert, who):
    text = signed_in(getattr(cast, who)).get(LIST).content.decode()
    assert (edit(alert) in text) is (who in {"admin", "marketing_admin"})
    assert (NEW in text) is (who in {"admin", "marketing_admin"})


def test_a_subaccount_admin_changes_those_of_their_own_only(cast, alert):
    Membership.objects.create(user=cast.marketing_admin, account=cast.retail, role=Role.MEMBER)
    other = add(cast.retail, "5")
    text = signed_in(cast.marketing_admin).get(LIST).content.decode()
    assert edit(alert) in text
    assert edit(other) not in text
    assert "Retail" in text


def test_pages_of_many(admin, cast):
    for account in (cast.marketing, cast.retail, cast.nile):
        for number in range(1, {cast.nile: 13}.get(account, alerts.MOST + 1)):
            add(account, str(number))
    assert "1 to 50 of 52" in plain(admin.get(LIST))
    assert "51 to 52 of 52" in plain(admin.get(LIST, {"page": "2"}))
    assert "51 to 52 of 52" in plain(admin.get(LIST, {"page": "9"}))


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=x",
        "page=",
        "before=-1",
        "before=1e9",
        "before=%00",
        "page=9999999999999999999",
    ],
)
def test_a_page_that_makes_no_sense_is_404(admin, query):
    assert admin.get(f"{LIST}?{query}").status_code == 404


def test_a_large_number_that_could_be_one_is_a_page(admin):
    assert admin.get(f"{LIST}?before=999999999999999999").status_code == 200


def test_the_number_of_queries_does_not_grow(admin, cast, alert):
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert admin.get(LIST).status_code == 200
        return len(found)

    charge(cast.marketing, "400")
    queries()  # the session
    before = queries()
    for number in range(8):
        account = make_subaccount(cast.nile, f"n-{number}")
        give(account, "500")
        add(account, "100", cast.admin, cast.finance)
        charge(account, "450", f"n-{number}")
    assert queries() == before <= 20


# --- set ----------------------------------------------------------------------------------------


def test_an_admin_chooses_the_account_first(admin, cast):
    page = admin.get(NEW)
    assert page.status_code == 200
    assert "OTP and security · shared balance" in plain(page)
    assert not page.context["form"].errors
    assert admin.get(NEW, {"of": cast.marketing.pk})["Location"] == new(cast.marketing)


@pytest.mark.parametrize(
    ("of", "sentence"),
    [("", CHOOSE), ("0", "Choose one of this company"), ("x\x00", "Choose one of this company")],
)
def test_an_account_that_is_none_is_refused(admin, of, sentence):
    response = admin.get(NEW, {"of": of})
    assert response.status_code == 422
    assert sentence in plain(response)


def test_a_foreign_account_is_no_choice(admin, cast):
    response = admin.get(NEW, {"of": cast.gulf_sales.pk})
    assert response.status_code == 422
    assert "Choose one of this company" in plain(response)
    assert admin.get(new(cast.gulf_sales)).status_code == 404


@pytest.mark.parametrize("code", ["", "%00", "UP", "a--", "gone", "x" * 50])
def test_a_code_of_no_account_is_404(admin, code):
    assert admin.get(f"{NEW}?account={code}").status_code == 404
    assert admin.post(f"{NEW}?account={code}", {"threshold": "1"}).status_code == 404


def test_who_can_set_them_for_one_account_is_not_asked_which(cast):
    client = signed_in(cast.marketing_admin)
    assert client.get(NEW)["Location"] == new(cast.marketing)


def test_the_form_offers_who_may_see_the_account_and_nobody_else(admin, cast):
    cast.finance.is_active = False
    cast.finance.save()
    page = admin.get(new(cast.marketing))
    text = plain(page)
    assert "EGP 500.00 is available now." in text
    for name in ("admin@nile.example · Master admin", "member@nile.example · Member"):
        assert name in text
    for name in ("otp@", "gulf", "operator@", "stranger@", "finance@"):
        assert name not in text
    assert page.context["form"]["recipients"].value() == [cast.admin.pk]


def test_it_is_set_and_said(admin, cast, typed):
    response = admin.post(new(cast.marketing), typed, follow=True)
    assert response.redirect_chain == [(LIST, 302)]
    assert "The alert of Marketing stands at EGP 200.50." in plain(response)
    assert kept() == [
        ("marketing", Decimal("200.50"), ["admin@nile.example", "member@nile.example"])
    ]
    assert Alert.objects.get().created_by == cast.admin


@pytest.mark.parametrize(
    ("threshold", "sentence"),
    [
        ("600", "is below it already, so nobody is mailed about it"),
        ("400", "is approaching it already"),
    ],
)
def test_where_it_stands_already_is_said_and_not_mailed(admin, cast, typed, threshold, sentence):
    response = admin.post(new(cast.marketing), typed | {"threshold": threshold}, follow=True)
    assert sentence in plain(response)
    assert "Nothing to tell" in plain(response)


def test_a_subaccount_admin_sets_one_for_their_own(cast, typed):
    client = signed_in(cast.marketing_admin)
    assert client.post(new(cast.marketing), typed).status_code == 302
    assert len(kept()) == 1


def test_sent_twice_it_is_set_once(admin, cast, typed):
    admin.post(new(cast.marketing), typed)
    again = admin.post(new(cast.marketing), typed, follow=True)
    assert again.redirect_chain == [(LIST, 302)]
    assert "has an alert at EGP 200.50 already. No second one was set." in plain(again)
    assert len(kept()) == 1


@pytest.mark.django_db(transaction=True)
def test_sent_twice_at_the_same_moment_it_is_set_once(cast, typed):
    clients = [signed_in(cast.admin) for _ in range(4)]
    answers = at_once(
        *(lambda each=each: each.post(new(cast.marketing), typed) for each in clients)
    )
    assert {answer.status_code for answer in answers} == {302}
    assert len(kept()) == 1


def test_the_same_threshold_with_other_people_is_refused_beside_the_field(admin, cast, typed):
    admin.post(new(cast.marketing), typed)
    response = admin.post(new(cast.marketing), typed | {"recipients": [cast.finance.pk]})
    assert response.status_code == 422
    assert "has an alert at EGP 200.50 already." in response.context["form"].errors["threshold"][0]


def test_more_than_an_account_can_have_are_refused_above_the_form(admin, cast, typed):
    for number in range(1, alerts.MOST + 1):
        add(cast.marketing, str(number))
    response = admin.post(new(cast.marketing), typed)
    assert response.status_code == 422
    assert "Marketing has 20 alerts, and more are not possible" in plain(response)
    assert response.context["form"]["threshold"].value() == "200.50"
    assert len(kept()) == alerts.MOST
    # The same once more is no other; another account has its own.
    again = {"threshold": "1", "recipients": [cast.admin.pk]}
    assert "has an alert at EGP 1.00 already" in plain(admin.post(new(cast.marketing), again))
    assert admin.post(new(cast.retail), again).status_code == 302


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"threshold": ""}, "threshold", "Write the balance from which on people are told."),
        ({"threshold": "0"}, "threshold", "The threshold is zero"),
        ({"threshold": "-5"}, "threshold", "The threshold is below zero"),
        ({"threshold": "1,000"}, "threshold", "without commas"),
        ({"threshold": "1_000"}, "threshold", "without commas"),
        ({"threshold": "1e3"}, "threshold", "without commas"),
        ({"threshold": "NaN"}, "threshold", "without commas"),
        ({"threshold": "\u0665\u0660\u0660"}, "threshold", "without commas"),
        ({"threshold": "5\x00"}, "threshold", "without commas"),
        ({"threshold": "0.001"}, "threshold", "too many decimals"),
        ({"threshold": "1" * 13}, "threshold", "too large"),
        ({"recipients": []}, "recipients", "Choose at least one person."),
        ({"recipients": ["x"]}, "recipients", "Choose people who can see this account."),
        ({"recipients": ["\x00"]}, "recipients", "Choose people who can see this account."),
        ({"recipients": ["9" * 30]}, "recipients", "Choose people who can see this account."),
        ({"recipients": ["stranger"]}, "recipients", "Choose people who can see this account."),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_stays_as_typed(
    admin, cast, typed, change, field, sentence
):
    sent = typed | change
    response = admin.post(new(cast.marketing), sent)
    assert response.status_code == 422
    form = response.context["form"]
    assert set(form.errors) == {field}
    assert sentence in form.errors[field][0]
    assert sentence in plain(response)
    assert form["threshold"].value() == sent["threshold"]
    assert kept() == []


@pytest.mark.parametrize("who", ["stranger", "gulf_admin", "otp_member", "operator"])
def test_people_who_do_not_belong_to_the_account_are_refused(admin, cast, typed, who):
    foreign = getattr(cast, who).pk
    response = admin.post(new(cast.marketing), typed | {"recipients": [cast.admin.pk, foreign]})
    assert response.status_code == 422
    assert "Choose people who can see this account." in plain(response)
    assert kept() == []


def test_a_member_of_the_subaccount_cannot_be_told_of_the_pool(admin, cast, typed):
    response = admin.post(new(cast.nile), typed | {"recipients": [cast.member.pk]})
    assert response.status_code == 422
    assert kept() == []


def test_a_shared_or_closed_account_gets_none_and_the_page_says_why(admin, cast, typed):
    tree.close(account=cast.retail, by=cast.admin)
    for account, sentence in [(cast.otp, "has none of its own"), (cast.retail, "closed")]:
        assert sentence in plain(admin.get(new(account)))
        response = admin.post(new(account), typed)
        assert response.status_code == 422
        assert sentence in plain(response)
    assert kept() == []


@pytest.mark.django_db(transaction=True)
def test_an_account_that_becomes_shared_meanwhile_is_said_not_a_500(cast, typed):
    client = signed_in(cast.admin)
    answers = at_once(
        lambda: client.post(new(cast.marketing), typed),
        lambda: tree.share(account=cast.marketing, by=cast.admin),
    )
    assert answers[0].status_code in {302, 422}


# --- changed, removed ---------------------------------------------------------------------------


def test_the_form_of_a_change_has_what_is(admin, cast, alert):
    form = admin.get(edit(alert)).context["form"]
    assert form["threshold"].value() == "200.00"
    assert form["recipients"].value() == [cast.admin.pk]


def test_it_is_changed_and_twice_is_once(admin, cast, alert):
    for _ in range(2):
        response = admin.post(
            edit(alert), {"threshold": "90", "recipients": [cast.finance.pk]}, follow=True
        )
        assert "The alert of Marketing stands at EGP 90.00." in plain(response)
    assert kept() == [("marketing", 90, ["finance@nile.example"])]


def test_a_change_to_a_threshold_that_is_taken_is_refused(admin, cast, alert, typed):
    add(cast.marketing, "90")
    response = admin.post(edit(alert), typed | {"threshold": "90"})
    assert response.status_code == 422
    assert "already" in response.context["form"].errors["threshold"][0]


def test_a_change_with_errors_keeps_what_was_typed(admin, alert):
    response = admin.post(edit(alert), {"threshold": "x"})
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"threshold", "recipients"}
    assert response.context["form"]["threshold"].value() == "x"


def test_one_that_rests_can_be_changed_and_says_that_it_rests(admin, cast, alert, typed):
    tree.share(account=cast.marketing, by=cast.admin)
    assert "its alerts rest until it has a balance of its own" in plain(admin.get(edit(alert)))
    assert admin.post(edit(alert), typed).status_code == 302


def test_one_of_a_closed_account_can_only_be_removed(admin, cast, alert, typed):
    tree.close(account=cast.marketing, by=cast.admin)
    assert admin.post(edit(alert), typed).status_code == 422
    assert admin.post(delete(alert)).status_code == 302
    assert kept() == []


def test_it_is_removed_and_twice_is_said(admin, alert):
    assert "Nobody will be told any more" in plain(admin.get(delete(alert)))
    assert len(kept()) == 1
    response = admin.post(delete(alert), follow=True)
    assert "Removed the alert of Marketing." in plain(response)
    again = admin.post(delete(alert), follow=True)
    assert "This alert was removed already." in plain(again)
    assert admin.get(delete(alert)).status_code == 404
    assert admin.get(edit(alert)).status_code == 404
    assert kept() == []


def test_saving_one_that_another_admin_has_removed_says_so(admin, cast, alert, typed):
    alerts.remove(alert=alert)
    response = admin.post(edit(alert), typed, follow=True)
    assert response.redirect_chain == [(LIST, 302)]
    assert "This alert was removed already." in plain(response)
    assert kept() == []
    assert signed_in(cast.member).post(edit(alert), typed).status_code == 404


# --- access -------------------------------------------------------------------------------------


def pages(alert) -> list[str]:
    return [new(alert.account), edit(alert), delete(alert)]


@pytest.mark.parametrize("who", ["finance", "operator", "member"])
def test_who_may_see_it_but_not_set_it_gets_403_with_a_sentence(cast, alert, typed, who):
    client = signed_in(getattr(cast, who))
    assert client.get(LIST).status_code == 200
    for page in [NEW, *pages(alert)]:
        for response in (client.get(page), client.post(page, typed)):
            assert response.status_code == 403
            assert SENTENCE in plain(response)
    assert kept() == [("marketing", 200, ["admin@nile.example"])]


@pytest.mark.parametrize("who", ["stranger", "gulf_admin"])
def test_who_is_not_of_the_company_gets_404(cast, alert, typed, who):
    client = signed_in(getattr(cast, who))
    for page in [LIST, NEW, *pages(alert)]:
        assert client.get(page).status_code == 404
        assert client.post(page, typed).status_code in {404, 405}
    assert len(kept()) == 1


def test_another_accounts_admin_gets_404(cast, alert, typed):
    admin = make_member(cast.retail, Role.SUBACCOUNT_ADMIN, "retail-admin@nile.example")
    client = signed_in(admin)
    for page in pages(alert):
        assert client.get(page).status_code == 404
        assert client.post(page, typed).status_code == 404
    assert client.get(new(cast.nile)).status_code == 404


def test_the_alert_of_another_company_under_ones_own_is_404(admin, cast, typed):
    foreign = add(cast.gulf, "100")
    operator = signed_in(cast.operator)
    for page in (edit(foreign), delete(foreign)):
        for client in (admin, operator):
            assert client.get(page).status_code == 404
            assert client.post(page, typed).status_code == 404
    assert Alert.objects.count() == 1


def test_who_is_not_signed_in_is_asked_to(cast, client, alert, typed):
    for page in [LIST, NEW, *pages(alert)]:
        assert client.get(page)["Location"].startswith(reverse("account_login"))
        assert client.post(page, typed)["Location"].startswith(reverse("account_login"))
    assert len(kept()) == 1


def test_a_post_without_its_token_is_refused(cast, alert, typed):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.admin)
    for page in pages(alert):
        assert strict.post(page, typed).status_code == 403
    assert len(kept()) == 1


def test_other_methods_are_refused(admin, alert):
    assert admin.post(LIST).status_code == 405
    for page in pages(alert):
        assert admin.put(page).status_code == 405

"""Who sees a company's people, changes their roles and removes them; and what never happens."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client

from accounts import invitations, people
from accounts.access import access_or_404
from accounts.models import Invitation, InvitationEnd, Membership, Role, User
from accounts.refusals import Refused
from tests.accounts.people import PEOPLE, as_, at, invite, words
from tests.factories import make_member
from tests.threads import at_once

pytestmark = pytest.mark.django_db

EVERYONE = {"admin", "finance", "marketing-admin", "member", "otp"}
SEES = {
    "admin": EVERYONE,
    "finance": EVERYONE,
    "operator": EVERYONE,
    "marketing_admin": {"marketing-admin", "member"},
}


@pytest.fixture
def second_admin(cast) -> User:
    return make_member(cast.nile, Role.MASTER_ADMIN, "second@nile.example")


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.mark.parametrize("who", SEES)
def test_each_role_sees_the_people_of_its_accounts_and_no_other(cast, who):
    answer = as_(getattr(cast, who)).get(PEOPLE)
    assert answer.status_code == 200
    shown = {row["membership"].user.email for row in answer.context["rows"]}
    assert shown == {f"{name}@nile.example" for name in SEES[who]}
    may = access_or_404(getattr(cast, who), "nile").can_invite_any
    assert ("Invite somebody" in words(answer)) is may


@pytest.mark.parametrize(
    ("who", "status"),
    [("member", 403), ("otp_member", 403), ("gulf_admin", 404), ("stranger", 404)],
)
def test_who_may_not_see_the_people_is_told_so_or_finds_nothing(cast, who, status):
    answer = as_(getattr(cast, who)).get(PEOPLE)
    assert answer.status_code == status
    assert ("is for its admins and finance staff to see" in words(answer)) is (status == 403)
    assert Client().get(PEOPLE).status_code == 302


# Who tries it, on whom: what becomes of it.
CHANGES = [
    ("admin", "member", 302),
    ("admin", "finance", 302),
    ("marketing_admin", "member", 302),
    ("marketing_admin", "otp_member", 404),
    ("marketing_admin", "finance", 404),
    ("finance", "member", 403),
    ("operator", "member", 403),
    ("member", "member", 403),
    ("otp_member", "member", 403),
    ("gulf_admin", "member", 404),
    ("stranger", "member", 404),
]


@pytest.mark.parametrize("action", ["role", "remove"])
@pytest.mark.parametrize(("who", "whom", "status"), CHANGES)
def test_who_changes_roles_and_removes(cast, who, whom, status, action):
    of = Membership.objects.get(user=getattr(cast, whom))
    role = Role.MASTER_ADMIN if whom == "finance" else Role.SUBACCOUNT_ADMIN
    answer = as_(getattr(cast, who)).post(f"{PEOPLE}{of.pk}/{action}/", {"role": role})
    assert answer.status_code == status
    left = Membership.objects.filter(pk=of.pk).first()
    if status != 302:
        assert left is not None
        assert left.role == of.role
    elif action == "remove":
        assert left is None
    else:
        assert left.role == role


def test_anonymous_people_change_nobody(cast):
    of = at(cast.member, cast.marketing)
    for action in ("role", "remove"):
        answer = Client().post(f"{PEOPLE}{of.pk}/{action}/", {"role": "subaccount_admin"})
        assert answer.status_code == 302
        assert "/auth/login/" in answer["Location"]
    assert at(cast.member, cast.marketing).role == Role.MEMBER


def test_somebody_of_another_company_is_not_there(cast):
    foreign = at(cast.gulf_admin, cast.gulf)
    admin = as_(cast.admin)
    for action in ("role", "remove"):
        for method in (admin.get, admin.post):
            answer = method(f"{PEOPLE}{foreign.pk}/{action}/", {"role": "finance"})
            assert answer.status_code == 404
    with pytest.raises(people.PersonGone):
        people.remove(company=cast.nile, membership=foreign.pk, by=cast.admin)
    assert at(cast.gulf_admin, cast.gulf).role == Role.MASTER_ADMIN


def test_a_removed_person_is_out_with_the_next_request_of_an_open_browser(cast):
    browser = as_(cast.member)
    assert browser.get("/accounts/nile/").status_code == 200
    page = f"{PEOPLE}{at(cast.member, cast.marketing).pk}/remove/"
    admin = as_(cast.admin)
    answer = admin.post(page)
    assert said(answer) == ["member@nile.example no longer belongs to Marketing."]
    assert browser.get("/accounts/nile/").status_code == 404
    again = admin.post(page)
    assert again.status_code == 302
    assert "was removed meanwhile" in said(again)[-1]
    assert admin.get(page).status_code == 404


def test_a_new_role_holds_with_the_next_request_and_sent_twice_changes_nothing_more(cast):
    browser = as_(cast.finance)
    assert browser.get("/accounts/nile/transfers/new/").status_code == 403
    page = f"{PEOPLE}{at(cast.finance, cast.nile).pk}/role/"
    for _ in range(2):
        assert as_(cast.admin).post(page, {"role": "master_admin"}).status_code == 302
    assert browser.get("/accounts/nile/transfers/new/").status_code == 200


@pytest.mark.parametrize("role", ["", "king", "finance\0", "master_admin"])
def test_a_role_that_is_none_of_the_account_is_refused_beside_the_field(cast, role):
    page = f"{PEOPLE}{at(cast.member, cast.marketing).pk}/role/"
    answer = as_(cast.admin).post(page, {"role": role})
    assert answer.status_code == 422
    assert "role" in answer.context["form"].errors
    with pytest.raises(people.RoleDoesNotFit):
        people.change_role(
            company=cast.nile,
            membership=at(cast.member, cast.marketing).pk,
            role=Role.MASTER_ADMIN,
            by=cast.admin,
        )


def test_the_last_master_admin_is_neither_removed_nor_demoted(cast, second_admin):
    own = at(cast.admin, cast.nile)
    # Whoever cannot sign in manages nothing.
    second_admin.is_active = False
    second_admin.save()
    admin = as_(cast.admin)
    for action in ("role", "remove"):
        answer = admin.post(f"{PEOPLE}{own.pk}/{action}/", {"role": "finance"})
        assert answer.status_code == 422
        assert "is the last master admin of Nile Retail Group" in words(answer)
    assert at(cast.admin, cast.nile).role == Role.MASTER_ADMIN


def test_who_gives_away_their_own_role_lands_where_they_still_may_be(cast, second_admin):
    answer = as_(cast.admin).post(
        f"{PEOPLE}{at(cast.admin, cast.nile).pk}/role/", {"role": "finance"}, follow=True
    )
    assert answer.redirect_chain[-1][0] == "/accounts/nile/"
    assert at(cast.admin, cast.nile).role == Role.FINANCE


def test_nobody_raises_their_own_role(cast):
    """A master admin who is also a member of Marketing stays one; another may raise them."""
    mine = Membership.objects.create(user=cast.admin, account=cast.marketing, role=Role.MEMBER)
    with pytest.raises(people.OwnRole, match="their own role"):
        people.change_role(
            company=cast.nile, membership=mine.pk, role=Role.SUBACCOUNT_ADMIN, by=cast.admin
        )


def test_a_subaccount_admin_does_not_touch_people_of_the_master_account(cast):
    theirs = Membership.objects.create(
        user=cast.finance, account=cast.marketing, role=Role.SUBACCOUNT_ADMIN
    )
    browser = as_(cast.marketing_admin)
    for action in ("role", "remove"):
        answer = browser.post(f"{PEOPLE}{theirs.pk}/{action}/", {"role": "member"})
        assert answer.status_code == 403
        assert "for its own admins to change" in words(answer)
    with pytest.raises(PermissionDenied):
        people.remove(company=cast.nile, membership=theirs.pk, by=cast.marketing_admin)


def test_who_loses_the_right_to_invite_leaves_no_open_invitation_behind(cast, second_admin):
    """Nobody comes back by an invitation that they have sent to themselves."""
    to_all = invite(cast, "a@x.example", account=cast.nile, role=Role.FINANCE, by=second_admin)
    of_others = invite(cast, "b@x.example")
    done = people.remove(
        company=cast.nile, membership=at(second_admin, cast.nile).pk, by=cast.admin
    )
    assert done.withdrawn == 1
    ends = dict(Invitation.objects.values_list("pk", "ended"))
    assert ends == {to_all.pk: InvitationEnd.WITHDRAWN, of_others.pk: ""}


@pytest.mark.django_db(transaction=True)
def test_of_two_admins_who_remove_each_other_at_once_one_stays(cast, second_admin):
    def job(whom: Membership, by: User):
        def run():
            try:
                return people.remove(company=cast.nile, membership=whom.pk, by=by)
            except (Refused, Http404) as refusal:
                return refusal

        return run

    first, second = at(cast.admin, cast.nile), at(second_admin, cast.nile)
    results = at_once(job(first, second_admin), job(second, cast.admin))
    assert sorted(isinstance(each, people.Change) for each in results) == [False, True]
    assert Membership.objects.filter(account=cast.nile, role=Role.MASTER_ADMIN).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_last_admins_who_step_down_at_once_one_stays(cast, second_admin):
    def job(who: User):
        mine = at(who, cast.nile).pk

        def run():
            try:
                return people.change_role(
                    company=cast.nile, membership=mine, role=Role.FINANCE, by=who
                )
            except Refused as refusal:
                return refusal

        return run

    results = at_once(job(cast.admin), job(second_admin))
    assert sorted(type(each).__name__ for each in results) == ["Change", "LastAdmin"]
    assert Membership.objects.filter(account=cast.nile, role=Role.MASTER_ADMIN).count() == 1


def test_the_search_finds_by_name_address_and_account_and_a_bad_one_shows_nobody(cast):
    User.objects.filter(pk=cast.member.pk).update(name="Mona Adel")
    admin = as_(cast.admin)

    def found(text: str) -> set[str]:
        rows = admin.get(PEOPLE, {"q": text}).context["rows"]
        return {row["membership"].user.email for row in rows}

    assert found("mona") == found("MEMBER@nile") == found("adel marketing") == {cast.member.email}
    assert found("security") == {cast.otp_member.email}
    assert found("sales") == set()
    for bad in ("x" * 101, "a\u202eb"):
        answer = admin.get(PEOPLE, {"q": bad})
        assert answer.status_code == 200
        assert answer.context["rows"] == []
        assert "The search cannot be used" in words(answer)
    assert admin.get(PEOPLE, {"page": "x"}).status_code == 404
    assert admin.get(PEOPLE, {"page": "99"}).status_code == 200


def test_the_number_of_queries_does_not_grow_with_the_people(cast, django_assert_num_queries):
    admin = as_(cast.admin)
    for at_ in range(20):
        make_member(cast.retail, Role.MEMBER, f"m{at_}@nile.example")
    for at_ in range(5):
        invite(cast, f"i{at_}@nile.example")
    with django_assert_num_queries(12):
        assert len(admin.get(PEOPLE).context["rows"]) == 25
    assert invitations.visible(access_or_404(cast.marketing_admin, "nile")) != []
    assert invitations.visible(access_or_404(cast.finance, "nile")) != []

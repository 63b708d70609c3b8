"""``Account.objects.visible_to`` and ``accounts.access``: the table of roles."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404

from accounts.access import access_or_404, account_or_404, people_who_see
from accounts.models import Account, Membership, Role, User
from billing.models import Entry
from tests.factories import make_subaccount

pytestmark = pytest.mark.django_db

VISIBLE = {
    "admin": {"nile", "marketing", "retail", "otp"},
    "finance": {"nile", "marketing", "retail", "otp"},
    "marketing_admin": {"marketing"},
    "member": {"marketing"},
    "otp_member": {"otp"},
    "gulf_admin": {"gulf", "sales"},
    "operator": {"nile", "marketing", "retail", "otp", "gulf", "sales"},
    "stranger": set(),
}


@pytest.mark.parametrize("who", VISIBLE)
def test_each_role_sees_its_accounts_and_no_other(cast, who):
    seen = Account.objects.visible_to(getattr(cast, who))
    assert {account.code for account in seen} == VISIBLE[who]


@pytest.mark.parametrize("who", VISIBLE)
def test_entries_are_seen_with_their_accounts(cast, who):
    seen = Entry.objects.visible_to(getattr(cast, who))
    assert {entry.account.code for entry in seen} <= VISIBLE[who]


def test_nobody_and_inactive_people_see_nothing(cast):
    cast.admin.is_active = False
    cast.operator.is_active = False
    for user in (AnonymousUser(), cast.admin, cast.operator):
        assert not Account.objects.visible_to(user).exists()


def test_a_closed_account_stays_visible(cast):
    Account.objects.filter(pk=cast.marketing.pk).update(state="closed")
    assert cast.marketing in Account.objects.visible_to(cast.member)


def test_a_removed_membership_takes_the_sight_with_it(cast):
    Membership.objects.filter(user=cast.member).delete()
    assert not Account.objects.visible_to(cast.member).exists()


@pytest.mark.parametrize(
    ("who", "sees_tree", "can_transfer", "label"),
    [
        ("admin", True, True, "Master admin"),
        ("finance", True, False, "Finance"),
        ("marketing_admin", False, False, "Subaccount admin"),
        ("member", False, False, "Member"),
        ("operator", True, False, "Operator"),
    ],
)
def test_what_each_role_may_do(cast, who, sees_tree, can_transfer, label):
    access = access_or_404(getattr(cast, who), "nile")
    assert (access.sees_tree, access.can_transfer) == (sees_tree, can_transfer)
    assert str(access.role_label) == label
    assert {a.code for a in access.accounts} == VISIBLE[who] - {"gulf", "sales"}
    for required, allowed in (
        (access.require_tree, sees_tree),
        (access.require_transfer, can_transfer),
    ):
        if allowed:
            required()
        else:
            with pytest.raises(PermissionDenied, match=r"\w+ \w+"):
                required()


@pytest.mark.parametrize("who", ["gulf_admin", "stranger"])
def test_a_foreign_company_is_not_there(cast, who):
    with pytest.raises(Http404):
        access_or_404(getattr(cast, who), "nile")


def test_a_subaccounts_code_is_not_a_company(cast):
    with pytest.raises(Http404):
        access_or_404(cast.admin, "marketing")


def test_a_person_of_two_companies_has_a_reach_in_each(cast):
    Membership.objects.create(user=cast.member, account=cast.gulf, role=Role.FINANCE)
    assert access_or_404(cast.member, "gulf").sees_tree
    assert not access_or_404(cast.member, "nile").sees_tree
    assert access_or_404(cast.member, "nile").can_switch
    assert not access_or_404(cast.finance, "nile").can_switch


def test_the_number_of_queries_does_not_grow_with_the_tree(cast, django_assert_num_queries):
    for n in range(20):
        make_subaccount(cast.nile, f"sub-{n}")
    with django_assert_num_queries(3):
        access = access_or_404(cast.admin, "nile")
        assert len(access.accounts) == 24


@pytest.mark.parametrize(
    ("who", "manages", "suspends", "suspends_master"),
    [
        ("admin", True, True, False),
        ("finance", False, False, False),
        ("marketing_admin", False, False, False),
        ("member", False, False, False),
        ("operator", False, True, True),
    ],
)
def test_who_manages_subaccounts_and_who_suspends(cast, who, manages, suspends, suspends_master):
    access = access_or_404(getattr(cast, who), "nile")
    assert access.can_manage is manages
    assert access.can_suspend(cast.marketing) is suspends
    assert access.can_suspend(cast.nile) is suspends_master
    for may, require in (
        (manages, access.require_manage),
        (suspends, lambda: access.require_suspend(cast.marketing)),
        (suspends_master, lambda: access.require_suspend(cast.nile)),
    ):
        if may:
            require()
        else:
            with pytest.raises(PermissionDenied, match="Only "):
                require()


@pytest.mark.parametrize(
    ("who", "own", "of_all", "any_of_them"),
    [
        ("admin", True, True, True),
        ("marketing_admin", True, False, True),
        ("finance", False, False, False),
        ("operator", False, False, False),
        ("member", False, False, False),
    ],
)
def test_who_sets_alerts(cast, who, own, of_all, any_of_them):
    access = access_or_404(getattr(cast, who), "nile")
    assert access.can_alert_any is any_of_them
    for may, account in ((own, cast.marketing), (of_all, cast.retail), (of_all, cast.nile)):
        assert access.can_alert(account) is may
        if may:
            access.require_alert(account)
        else:
            with pytest.raises(PermissionDenied, match="Only "):
                access.require_alert(account)


def test_the_people_who_see_an_account_are_those_to_whom_it_is_visible(cast):
    for account in (cast.nile, cast.marketing, cast.otp, cast.gulf):
        expected = {
            user
            for user in User.objects.exclude(is_staff=True)
            if account in Account.objects.visible_to(user)
        }
        assert set(people_who_see(account)) == expected
    cast.finance.is_active = False
    cast.finance.save()
    assert cast.finance not in people_who_see(cast.nile)


def test_an_account_that_one_may_not_see_is_404(cast):
    assert account_or_404(access_or_404(cast.member, "nile"), "marketing") == cast.marketing
    for code in ("retail", "nile", "sales", "nobody"):
        with pytest.raises(Http404):
            account_or_404(access_or_404(cast.member, "nile"), code)
    with pytest.raises(Http404):
        account_or_404(access_or_404(cast.operator, "nile"), "sales")


PAYS_FOR = {
    "admin": {"nile", "marketing", "retail"},
    "finance": set(),
    "marketing_admin": {"marketing"},
    "member": {"marketing"},
    "otp_member": set(),
    "operator": set(),
}


@pytest.mark.parametrize("who", PAYS_FOR)
def test_each_role_tops_up_its_own_allocated_accounts_and_no_other(cast, who):
    access = access_or_404(getattr(cast, who), "nile")
    accounts = [cast.nile, cast.marketing, cast.retail, cast.otp]
    assert {each.code for each in accounts if access.can_top_up(each)} == PAYS_FOR[who]
    for account in accounts:
        if access.can_top_up(account):
            access.require_top_up(account)
        else:
            with pytest.raises(PermissionDenied, match=r"\w+ \w+"):
                access.require_top_up(account)


def test_a_closed_account_is_not_topped_up_and_the_refusal_says_why(cast):
    Account.objects.filter(pk=cast.marketing.pk).update(state="closed")
    cast.marketing.refresh_from_db()
    access = access_or_404(cast.admin, "nile")
    assert not access.can_top_up(cast.marketing)
    with pytest.raises(PermissionDenied, match="is closed"):
        access.require_top_up(cast.marketing)


def test_operators_offer_nothing_but_the_first_master_admins_role(cast):
    access = access_or_404(cast.operator, "nile")
    for account, role in [
        (cast.nile, Role.MASTER_ADMIN),
        (cast.nile, Role.FINANCE),
        (cast.marketing, Role.SUBACCOUNT_ADMIN),
    ]:
        with pytest.raises(PermissionDenied, match="perators invite nobody but"):
            access.require_offer(account, role)
    # Whoever cannot sign in manages nothing.
    User.objects.filter(pk=cast.admin.pk).update(is_active=False)
    access.require_offer(cast.nile, Role.MASTER_ADMIN)
    with pytest.raises(PermissionDenied, match="Operators invite nobody but"):
        access.require_offer(cast.nile, Role.FINANCE)
    with pytest.raises(PermissionDenied, match="Only an admin of"):
        access_or_404(cast.finance, "nile").require_offer(cast.nile, Role.MASTER_ADMIN)

"""What the database refuses about accounts and memberships, whoever asks."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from accounts.models import Account, Membership, Role
from billing import tree
from tests.factories import make_master, make_subaccount, make_user

pytestmark = pytest.mark.django_db


def refused(match):
    return _Refused(match)


class _Refused:
    """An IntegrityError in a savepoint of its own, so that the test can go on."""

    def __init__(self, match):
        self.raises = pytest.raises(IntegrityError, match=match)
        self.savepoint = transaction.atomic()

    def __enter__(self):
        self.raises.__enter__()
        self.savepoint.__enter__()

    def __exit__(self, *error):
        connection.check_constraints() if error[0] is None else None
        self.savepoint.__exit__(*error)
        return self.raises.__exit__(*error)


def test_a_second_level_of_accounts_is_refused(cast):
    with refused("account_one_level"):
        Account.objects.create(master=cast.marketing, code="deeper", name="Deeper")


@pytest.mark.parametrize("field", ["code", "master", "currency", "id"])
def test_the_identity_of_an_account_never_changes(cast, field):
    value = {"code": "new", "master": cast.gulf.pk, "currency": "USD", "id": 10**6}[field]
    with refused("never change"):
        Account.objects.filter(pk=cast.nile.pk).update(**{field: value})


def test_an_account_is_never_deleted(cast):
    with refused("DELETE on accounts_account is refused"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_account WHERE id = %s", [cast.otp.pk])


def test_accounts_cannot_be_truncated_either(cast):
    connection.check_constraints()
    with refused("TRUNCATE on accounts_account is refused"), connection.cursor() as cursor:
        cursor.execute("TRUNCATE accounts_account CASCADE")


@pytest.mark.parametrize("code", ["", "Nile", "a b", "-a", "a-", "ä", "a" * 41, "a\n"])
def test_a_code_that_is_not_well_formed_is_refused(db, code):
    with pytest.raises(ValidationError) as refusal:
        make_master(code, name="A company")
    assert "code" in refusal.value.message_dict
    nile = make_master()
    with pytest.raises(IntegrityError if len(code) <= 40 else Exception), transaction.atomic():
        Account.objects.create(master=nile, code=code, name="Any name")


def test_codes_are_unique_within_a_company_and_among_master_accounts(cast):
    make_subaccount(cast.gulf, "marketing")  # another company's may be the same
    with pytest.raises(ValidationError, match="already exists"):
        make_subaccount(cast.nile, "marketing", name="Another")
    with pytest.raises(ValidationError, match="Another master account has this code"):
        make_master("nile", name="Another")
    with refused("account_code_unique_in_company"):
        Account.objects.create(master=cast.nile, code="marketing", name="Another")


def test_names_are_unique_within_a_company_whatever_their_case(cast):
    make_subaccount(cast.gulf, "promo", name="Marketing")
    with pytest.raises(ValidationError, match="has an account with this name already"):
        make_subaccount(cast.nile, "promo", name="MARKETING")
    with refused("account_name_unique_in_company"):
        Account.objects.create(master=cast.nile, code="promo", name="MARKETING")


def test_a_blank_name_is_refused(cast):
    with refused("account_name_is_not_blank"):
        Account.objects.create(master=cast.nile, code="blank", name="  ")


def test_country_currency_and_zone_stand_at_the_master_account_alone(cast):
    with refused("account_only_master_has_country_currency_zone"):
        Account.objects.create(master=cast.nile, code="x", name="X", time_zone="Asia/Riyadh")
    with pytest.raises(ValidationError, match="currency is not known"):
        make_master("acme", currency="ZZZ")
    with pytest.raises(ValidationError, match="time zone is not known"):
        make_master("acme", time_zone="Mars/Olympus")
    with pytest.raises(IntegrityError, match="currency_zone"), transaction.atomic():
        tree_without_validation("acme", currency="")


def tree_without_validation(code, **fields):
    """A master account past ``full_clean``, to see what the database itself says."""
    defaults = {"country": "EG", "currency": "EGP", "time_zone": "Africa/Cairo"}
    account = Account(pk=tree._next_account_id(), code=code, name=code, **(defaults | fields))
    account.master = account
    account.save(force_insert=True)


def test_a_master_account_cannot_share_a_balance_and_modes_and_states_are_known(cast):
    with refused("account_master_is_allocated"):
        Account.objects.filter(pk=cast.nile.pk).update(balance_mode="shared")
    with refused("account_mode_is_known"):
        Account.objects.filter(pk=cast.otp.pk).update(balance_mode="borrowed")
    with refused("account_state_is_known"):
        Account.objects.filter(pk=cast.otp.pk).update(state="asleep")


@pytest.mark.parametrize(
    ("account", "role"),
    [
        ("nile", "member"),
        ("nile", "subaccount_admin"),
        ("otp", "finance"),
        ("otp", "master_admin"),
    ],
)
def test_a_role_that_does_not_fit_its_account_is_refused(cast, account, role):
    with refused("membership_role_fits_account"):
        Membership.objects.create(user=cast.stranger, account=getattr(cast, account), role=role)


def test_a_membership_names_the_master_account_of_its_account(cast):
    membership = Membership.objects.get(user=cast.member)
    with refused("membership_in_company"):
        Membership.objects.filter(pk=membership.pk).update(master=cast.gulf)


def test_one_role_per_person_and_account(cast):
    with refused("membership_once_per_account"):
        Membership.objects.create(
            user=cast.member, account=cast.marketing, role=Role.SUBACCOUNT_ADMIN
        )


def test_one_person_per_address_whatever_its_case(db):
    make_user("Someone@Example.com")
    with refused("accounts_user_email"):
        make_user("someone@example.com")

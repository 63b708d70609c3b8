"""Who belongs to a company: changing roles, and removing people. Effective with the next request.

All that changes who belongs to a company happens one after the other, under the lock of its
account's row: so of two admins who remove each other one comes second and is an admin no more.
Order of locks: the company, then a person or an invitation. No balance is locked here.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, invitations
from accounts.access import access_or_404, roles_in
from accounts.audit_actions import AuditAction
from accounts.locking import lock_company
from accounts.models import MASTER_ROLES, Account, Membership, Role, User
from accounts.refusals import Refused

# From the least to the most.
RANK = [Role.MEMBER, Role.SUBACCOUNT_ADMIN, Role.FINANCE, Role.MASTER_ADMIN]


class LastAdmin(Refused):
    """The company would have nobody left who manages it."""

    def __init__(self, person: User, company: Account) -> None:
        super().__init__(
            _(
                "%(person)s is the last master admin of %(company)s, which needs one: make"
                " somebody else a master admin first."
            )
            % {"person": person, "company": company.name}
        )


class OwnRole(Refused):
    """Nobody raises their own role."""


class RoleDoesNotFit(Refused):
    """The role is not one of this account's."""

    field = "role"


class PersonGone(Refused):
    """The membership is no more."""

    def __init__(self) -> None:
        super().__init__(_("This person was removed meanwhile, so nothing was changed."))


@dataclass(frozen=True, slots=True)
class Change:
    """What was done. ``withdrawn``: the person's open invitations that ended with their role."""

    membership: Membership
    withdrawn: int = 0


def roles_of(account: Account) -> list[Role]:
    """The roles that there are at this account, the least first."""
    return [role for role in RANK if (role in MASTER_ROLES) == account.is_master]


def change_role(*, company: Account, membership: int, role: Role, by: User) -> Change:
    """Give the person of this membership another role at its account.

    A second call changes nothing. Raises PersonGone, LastAdmin, OwnRole, RoleDoesNotFit; Http404
    and PermissionDenied when ``by`` may not, as things stand under the lock.
    """
    with transaction.atomic():
        found = _find(company, membership, by)
        if role not in roles_of(found.account):
            raise RoleDoesNotFit(
                _("“%(role)s” is not a role at %(account)s.")
                % {"role": role.label, "account": found.account.name}
            )
        if found.role == role:
            return Change(found)
        if found.user_id == by.pk and RANK.index(role) > RANK.index(Role(found.role)):
            raise OwnRole(_("Nobody can raise their own role: ask another admin."), field="role")
        if found.role == Role.MASTER_ADMIN:
            _require_another_admin(found)
        audit.record(
            action=AuditAction.ROLE_CHANGED,
            by=by,
            account=found.account,
            whom=found.user,
            before={"role": found.role},
            after={"role": role.value},
        )
        found.role = role
        found.save(update_fields=["role"])
        return Change(found, _withdraw_what_they_may_not_offer(found, by))


def remove(*, company: Account, membership: int, by: User) -> Change:
    """End the membership: its person no longer sees the account, from the next request on.

    Raises PersonGone when it has ended, LastAdmin; Http404 and PermissionDenied when ``by`` may
    not, as things stand under the lock. The person can be invited again.
    """
    with transaction.atomic():
        found = _find(company, membership, by)
        if found.role == Role.MASTER_ADMIN:
            _require_another_admin(found)
        audit.record(
            action=AuditAction.ROLE_REMOVED,
            by=by,
            account=found.account,
            whom=found.user,
            before={"role": found.role},
        )
        found.delete()
        return Change(found, _withdraw_what_they_may_not_offer(found, by))


def _find(company: Account, membership: int, by: User) -> Membership:
    """The membership, with the company locked and the authority of ``by`` read after that."""
    lock_company(company)
    access = access_or_404(by, company.code)
    found = (
        Membership.objects.select_related("account__master", "user")
        .filter(pk=membership, master=company)
        .first()
    )
    if found is None:
        raise PersonGone
    of_master = company.pk in roles_in(found.user, company)
    access.require_change_person(found.account_id, of_master=of_master)
    return found


def _require_another_admin(leaving: Membership) -> None:
    admins = Membership.objects.filter(
        master=leaving.master_id, role=Role.MASTER_ADMIN, user__is_active=True
    )
    if not admins.exclude(pk=leaving.pk).exists():
        raise LastAdmin(leaving.user, leaving.account)


def _withdraw_what_they_may_not_offer(changed: Membership, by: User) -> int:
    """A person who has lost a role must not come back by an invitation of their own."""
    company = changed.account.company
    roles = roles_in(changed.user, company)
    return invitations.withdraw_of(company=company, inviter=changed.user, roles=roles, by=by)

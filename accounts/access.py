"""Who may see and do what: the table of roles, as code.

| role             | view            | move, manage | all | suspend        | alerts | top up |
|------------------|-----------------|--------------|-----|----------------|--------|--------|
| member           | own subaccounts | no           | no  | no             | sees   | own    |
| subaccount admin | own subaccounts | no           | no  | no             | of own | own    |
| finance          | whole tree      | no           | yes | no             | sees   | no     |
| master admin     | whole tree      | yes          | yes | any subaccount | of all | any    |
| operator         | everything      | no           | yes | master too     | sees   | no     |

To move is to transfer credit; to manage is to open, rename and close subaccounts, to switch their
balance mode and to set their spending caps; to see all is to see the whole tree. What the platform
has suspended, only an operator restores. Alerts are set for accounts with a balance of their own,
and only those are topped up: for a shared subaccount one tops up the master account.

| role             | sees people | invites, changes roles, removes     | API keys       | audit |
|------------------|-------------|-------------------------------------|----------------|-------|
| member           | no          | no                                  | no             | no    |
| subaccount admin | of own      | of own, but not the master's people | no             | no    |
| finance          | of all      | no                                  | no             | no    |
| master admin     | of all      | all                                 | makes, revokes | reads |
| operator         | of all      | a company's first master admin only | sees           | reads |

A company that has no master admin (yet, or any more) cannot invite one: an operator does, that one
and nobody else. Nobody raises their own role, and a company's last master admin stays one:
``accounts.people``.

What one may not see answers 404; what one may see but not do answers 403 with a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import second_factor
from accounts.models import MASTER_ROLES, Account, AccountQuerySet, Membership, Role, State, User


@dataclass(frozen=True, slots=True)
class Access:
    """One person's reach within one company."""

    user: User
    company: Account
    # Account id -> role, for the memberships in this company.
    roles: dict[int, Role]

    @property
    def read_only(self) -> bool:
        """Whether an operator only looks at what the person sees: ``accounts.viewing``."""
        return self.user.viewed_by is not None

    @property
    def accounts(self) -> AccountQuerySet:
        """The accounts of this company that the person may see."""
        in_company: AccountQuerySet = Account.objects.filter(master=self.company)
        return in_company.visible_to(self.user)

    @property
    def sees_tree(self) -> bool:
        """Whether the person sees the master account and all its subaccounts."""
        return self.user.is_staff or self.roles.get(self.company.pk) in MASTER_ROLES

    @property
    def can_transfer(self) -> bool:
        """Whether the person may move credit between the company's accounts."""
        return self.roles.get(self.company.pk) == Role.MASTER_ADMIN

    @property
    def can_manage(self) -> bool:
        """Whether the person may open, rename, close and switch subaccounts, and set caps."""
        return self.roles.get(self.company.pk) == Role.MASTER_ADMIN

    def can_suspend(self, account: Account) -> bool:
        """Whether the person may suspend this account of the company.

        The master account, and with it the whole tree, is the operator's to suspend: an admin
        could otherwise undo what the platform has decided about the company.
        """
        return self.user.is_staff or (self.can_manage and not account.is_master)

    def can_restore(self, account: Account, *, by_platform: bool) -> bool:
        """Whether the person may restore the account; ``by_platform``: who suspended it.

        As with the master account: what the platform has decided its customers cannot undo.
        """
        return self.user.is_staff or (self.can_suspend(account) and not by_platform)

    def can_alert(self, account: Account) -> bool:
        """Whether the person may say who is told when this account's own balance runs low."""
        return self.can_manage or self.roles.get(account.pk) == Role.SUBACCOUNT_ADMIN

    @property
    def can_alert_any(self) -> bool:
        """Whether there may be an account here whose alerts the person may set."""
        return self.can_manage or Role.SUBACCOUNT_ADMIN in self.roles.values()

    @property
    def pays_for_any(self) -> bool:
        """Whether there may be an account here that the person may top up, shared or not."""
        return any(role != Role.FINANCE for role in self.roles.values())

    def pays_for(self, account: Account) -> bool:
        """Whether topping up this account would be the person's, had it a balance of its own."""
        role = self.roles.get(account.pk)
        return self.can_manage or role in {Role.SUBACCOUNT_ADMIN, Role.MEMBER}

    def can_top_up(self, account: Account) -> bool:
        """Whether the person may pay money in to this account as it stands."""
        is_allocated = not account.is_shared and account.state != State.CLOSED
        return is_allocated and self.pays_for(account)

    @property
    def administered(self) -> set[int]:
        """The ids of the subaccounts of which the person is an admin."""
        return {pk for pk, role in self.roles.items() if role == Role.SUBACCOUNT_ADMIN}

    @property
    def sees_people(self) -> bool:
        """Whether the person may see who belongs to the company, or to part of it."""
        return self.sees_tree or bool(self.administered)

    @property
    def people(self) -> QuerySet[Membership]:
        """The memberships that the person may see: all of the company, or of own subaccounts."""
        found = Membership.objects.filter(master=self.company)
        return found if self.sees_tree else found.filter(account__in=self.administered)

    @property
    def invitable(self) -> AccountQuerySet:
        """The accounts to which the person may invite. A closed one takes nobody any more."""
        open_ones = self.accounts.exclude(state=State.CLOSED)
        return open_ones if self.can_manage else open_ones.filter(pk__in=self.administered)

    @property
    def can_invite_any(self) -> bool:
        """Whether there may be an account to which the person invites."""
        return self.can_manage or bool(self.administered)

    def can_invite(self, account: int) -> bool:
        """Whether the person may invite to this account of the company, in any of its roles."""
        return self.can_manage or account in self.administered

    @property
    def lacks_admin(self) -> bool:
        """Whether the company has nobody who manages it: then operators invite one. One query."""
        admins = Membership.objects.filter(
            account=self.company, role=Role.MASTER_ADMIN, user__is_active=True
        )
        return not admins.exists()

    def can_change_person(self, account: int, *, of_master: bool) -> bool:
        """Whether the person may change roles at this account, and end them.

        ``of_master``: whether it is about somebody who also belongs to the master account.
        """
        return self.can_manage or (account in self.administered and not of_master)

    @property
    def can_make_keys(self) -> bool:
        """Whether the person may make and revoke the company's keys of the API."""
        return self.roles.get(self.company.pk) == Role.MASTER_ADMIN

    @property
    def sees_audit(self) -> bool:
        """Whether the person may read who did what in the company, from where."""
        return self.user.is_staff or self.can_manage

    @property
    def sees_keys(self) -> bool:
        """Whether the person may see which keys of the API the company has."""
        return self.user.is_staff or self.can_make_keys

    @property
    def can_switch(self) -> bool:
        """Whether the person has another company to go to; one query.

        Not in a read-only view, which is of one company.
        """
        if self.read_only:
            return False
        companies: AccountQuerySet = Account.objects.companies_of(self.user)
        return companies.exclude(pk=self.company.pk).exists()

    def require_sign_in_rules(self) -> None:
        """Raise PermissionDenied, with a sentence, unless the person may set the rules."""
        if not self.can_manage:
            raise PermissionDenied(
                _("Only an admin of the master account can set how its people sign in.")
            )

    def require_tree(self) -> None:
        """Raise PermissionDenied, with a sentence, unless the person sees the whole tree."""
        if not self.sees_tree:
            raise PermissionDenied(
                _("This page shows the whole company: it is for its finance staff and admins.")
            )

    def require_audit(self) -> None:
        """Raise PermissionDenied, with a sentence, unless the person may read the audit log."""
        if not self.sees_audit:
            raise PermissionDenied(_("The audit log is for admins of the master account to read."))

    def require_transfer(self) -> None:
        """Raise PermissionDenied, with a sentence, unless the person may move credit."""
        if not self.can_transfer:
            raise PermissionDenied(
                _("Only an admin of the master account can move credit between its accounts.")
            )

    def require_manage(self) -> None:
        """Raise PermissionDenied, with a sentence, unless the person may manage subaccounts."""
        if not self.can_manage:
            raise PermissionDenied(
                _(
                    "Only an admin of the master account can open, rename or close its"
                    " subaccounts, switch their balance mode and set their spending caps."
                )
            )

    def require_suspend(self, account: Account) -> None:
        """Raise PermissionDenied, with a sentence, unless the person may suspend the account."""
        if self.can_suspend(account):
            return
        if account.is_master:
            raise PermissionDenied(
                _("Only the platform's operators can suspend or restore a master account.")
            )
        raise PermissionDenied(
            _("Only an admin of the master account can suspend or restore its subaccounts.")
        )

    def require_restore(self, account: Account, *, by_platform: bool) -> None:
        """Raise PermissionDenied, with a sentence, unless the person may restore the account."""
        self.require_suspend(account)
        if not self.can_restore(account, by_platform=by_platform):
            raise PermissionDenied(
                _("The platform suspended %(name)s: only its operators can restore it.")
                % {"name": account.name}
            )

    def require_alert(self, account: Account) -> None:
        """Raise PermissionDenied, with a sentence, unless the person may set its alerts."""
        if not self.can_alert(account):
            raise PermissionDenied(
                _(
                    "Only an admin of the account, or of the master account, can set its alerts"
                    " and choose who is told."
                )
            )

    def require_top_up(self, account: Account) -> None:
        """Raise PermissionDenied, with a sentence, unless the person may top up the account."""
        names = {"name": account.name, "company": self.company.name}
        if not self.pays_for(account):
            raise PermissionDenied(
                _(
                    "Only the people of %(name)s and the admins of %(company)s can top it up and"
                    " pay for it."
                )
                % names
                if not account.is_master
                else _("Only an admin of %(company)s can top up its master account.") % names
            )
        if account.state == State.CLOSED:
            raise PermissionDenied(_("%(name)s is closed and takes no payments.") % names)
        if account.is_shared:
            raise PermissionDenied(
                _(
                    "%(name)s draws on the balance of %(company)s, which its admins top up: ask"
                    " one of them."
                )
                % names
            )

    def require_people(self) -> None:
        """Raise PermissionDenied, with a sentence, unless the person may see who belongs here."""
        if not self.sees_people:
            raise PermissionDenied(
                _("Who belongs to the company is for its admins and finance staff to see.")
            )

    def require_invite_any(self) -> None:
        """Raise PermissionDenied, with a sentence, unless the person may invite at all."""
        if not self.can_invite_any:
            raise PermissionDenied(
                _("Only an admin of the company, or of a subaccount, can invite people.")
            )

    def require_invite(self, account: Account) -> None:
        """Raise PermissionDenied, with a sentence, unless the person may invite to the account."""
        if not self.can_invite(account.pk):
            raise PermissionDenied(
                _("Only an admin of %(name)s, or of the master account, can invite people to it.")
                % {"name": account.name}
            )

    def require_offer(self, account: Account, role: Role) -> None:
        """Raise PermissionDenied, with a sentence, unless the person may offer this role there.

        Who may invite to the account may offer any of its roles; an operator only a company's
        first master admin's.
        """
        if self.can_invite(account.pk) or not self.user.is_staff:
            self.require_invite(account)
        elif not account.is_master or role != Role.MASTER_ADMIN:
            raise PermissionDenied(
                _("Operators invite nobody but a company's first master admin.")
            )
        elif not self.lacks_admin:
            raise PermissionDenied(
                _(
                    "%(company)s has a master admin, who invites its people: operators invite"
                    " nobody but the first one."
                )
                % {"company": self.company.name}
            )

    def require_change_person(self, account: int, *, of_master: bool) -> None:
        """Raise PermissionDenied, with a sentence, unless the person may change that role."""
        if self.can_change_person(account, of_master=of_master):
            return
        raise PermissionDenied(
            _("People of the master account are for its own admins to change.")
            if of_master and self.administered
            else _("Only an admin can change people's roles and remove people.")
        )

    def require_make_keys(self) -> None:
        """Raise PermissionDenied, with a sentence, unless the person may make and revoke keys."""
        if not self.can_make_keys:
            raise PermissionDenied(
                _("Only an admin of the master account can make and revoke keys of the API.")
            )

    def require_keys(self) -> None:
        """Raise PermissionDenied, with a sentence, unless the person may see the keys."""
        if not self.sees_keys:
            raise PermissionDenied(
                _("The keys of the API are for admins of the master account to see.")
            )

    @property
    def role_label(self) -> str | Promise:
        """The person's highest role here, for display."""
        if self.user.is_staff:
            return gettext_lazy("Operator")
        order = [Role.MASTER_ADMIN, Role.FINANCE, Role.SUBACCOUNT_ADMIN, Role.MEMBER]
        return min(self.roles.values(), key=order.index).label


def people_who_see(account: Account) -> QuerySet[User]:
    """The people of the company who may see this account; operators, who see all, are not asked.

    As ``AccountQuerySet.visible_to``, seen from the account.
    """
    theirs = Membership.objects.filter(
        user=OuterRef("pk"), account__in={account.pk, account.master_id}
    )
    return User.objects.filter(Exists(theirs), is_active=True)


def account_or_404(access: Access, code: str) -> Account:
    """The company's account with this code; Http404 when the person may not see it."""
    # A query string may bear a NUL, which PostgreSQL has no way to compare with.
    account = None if "\0" in code else access.accounts.filter(code=code).first()
    if account is None:
        raise Http404
    # What it inherits is read from the company, without a query.
    account.master = access.company
    return account


def access_or_404(user: User | AnonymousUser, company: str) -> Access:
    """The person's access to the company with this code; Http404 when they have none there.

    Raises SecondFactorNeeded when the company wants one and the person has none: the middleware
    leads them to set it up.
    """
    access = reach_or_404(user, company)
    if access.company.needs_second_factor:
        second_factor.require(access.user, access.company)
    return access


def reach_or_404(user: User | AnonymousUser, company: str) -> Access:
    """As ``access_or_404``, whether or not they have a second factor: for mails and refusals."""
    master = Account.objects.companies_of(user).filter(code=company).first()
    if master is None or isinstance(user, AnonymousUser):
        raise Http404
    return Access(user=user, company=master, roles=roles_in(user, master))


def roles_in(user: User, company: Account) -> dict[int, Role]:
    """The person's roles in the company, by the account's id. One query."""
    found = Membership.objects.filter(user=user, master=company)
    return {account: Role(role) for account, role in found.values_list("account", "role")}


def operator_or_404(user: User | AnonymousUser) -> User:
    """The person, who is of the platform's staff; Http404 for everyone else."""
    if isinstance(user, AnonymousUser) or not user.is_staff:
        raise Http404
    return user

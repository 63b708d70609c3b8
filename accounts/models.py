"""Who there is: users, master accounts with their subaccounts, memberships, invitations, API keys.

What PostgreSQL itself refuses stands here as constraints and in ``migrations/`` as SQL:
a second level of accounts, a changed code or currency, a deleted account, a membership whose role
does not fit its account.
"""

from __future__ import annotations

import zoneinfo
from typing import Any, ClassVar, Self

from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from accounts.audit_events import AuditEvent  # noqa: F401 - Django looks for models here
from accounts.users import SignIn, User
from console import money

__all__ = [
    "Account",
    "ApiKey",
    "BalanceMode",
    "Invitation",
    "InvitationEnd",
    "Membership",
    "Role",
    "Scope",
    "SignIn",
    "State",
    "User",
]

# Python and PostgreSQL read it alike: "$" would let a line break pass in Python.
CODE_PATTERN = r"\A[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z"


class BalanceMode(models.TextChoices):
    """Where an account's usage is drawn from."""

    ALLOCATED = "allocated", _("Allocated")
    SHARED = "shared", _("Shared")


class State(models.TextChoices):
    """What the operator or an admin set by hand; ``restricted`` is derived from the balance."""

    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")
    CLOSED = "closed", _("Closed")


class Role(models.TextChoices):
    """What a membership allows: see the table in ``accounts.access``."""

    MEMBER = "member", _("Member")
    SUBACCOUNT_ADMIN = "subaccount_admin", _("Subaccount admin")
    FINANCE = "finance", _("Finance")
    MASTER_ADMIN = "master_admin", _("Master admin")


MASTER_ROLES = [Role.FINANCE, Role.MASTER_ADMIN]


class AccountQuerySet(models.QuerySet["Account"]):
    """Reads of accounts; each begins with who is asking."""

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The accounts that ``user`` may see: the one gate of the console.

        Operators see all; finance and master admins their whole tree; members and subaccount
        admins their own subaccounts. Inactive and anonymous people see none.
        """
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_staff:
            return self.all()
        mine = Membership.objects.filter(user=user).filter(
            Q(account=models.OuterRef("pk")) | Q(account=models.OuterRef("master"))
        )
        return self.filter(models.Exists(mine))

    def masters(self) -> Self:
        """Only the master accounts."""
        return self.filter(master=F("pk"))

    def subaccounts(self) -> Self:
        """Only the subaccounts."""
        return self.exclude(master=F("pk"))

    def companies_of(self, user: User | AnonymousUser) -> Self:
        """The master accounts in whose tree ``user`` may see at least one account.

        For naming the company and its currency; it does not mean that the master account's own
        figures may be seen.
        """
        visible = Account.objects.visible_to(user)
        return self.masters().filter(pk__in=visible.values("master"))


class AccountManager(models.Manager.from_queryset(AccountQuerySet)):  # type: ignore[misc]
    """Accounts are born by ``billing.tree``, together with their balance."""


class Account(models.Model):
    """A master account (its ``master`` is itself) or one of its subaccounts."""

    master = models.ForeignKey(
        "self", on_delete=models.PROTECT, related_name="tree", verbose_name=_("master account")
    )
    code = models.CharField(
        _("code"),
        max_length=40,
        validators=[
            RegexValidator(
                CODE_PATTERN,
                _("A code has lower-case letters, digits and hyphens, at most 40 of them."),
            )
        ],
        help_text=_("Names the account in files and in the API. It never changes."),
    )
    name = models.CharField(_("name"), max_length=100)
    # Only master accounts have these; subaccounts inherit them.
    country = models.CharField(_("country"), max_length=2, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    balance_mode = models.CharField(
        _("balance mode"),
        max_length=10,
        choices=BalanceMode.choices,
        default=BalanceMode.ALLOCATED,
    )
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.ACTIVE
    )
    # Rules for the people of a master account: see ``accounts.sign_in_rules``.
    needs_second_factor = models.BooleanField(
        _("second factor needed"), default=False, db_default=False
    )
    confirm_above = models.DecimalField(
        _("confirm transfers above"), max_digits=20, decimal_places=6, null=True, blank=True
    )
    created_at = models.DateTimeField(_("opened"), auto_now_add=True)

    objects: ClassVar[AccountManager] = AccountManager()

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.UniqueConstraint(
                fields=["master", "code"], name="account_code_unique_in_company"
            ),
            models.UniqueConstraint(
                fields=["code"],
                condition=Q(master=F("id")),
                name="account_code_unique_of_masters",
                violation_error_message=_("Another master account has this code."),
            ),
            models.UniqueConstraint(
                "master",
                Lower("name"),
                name="account_name_unique_in_company",
                violation_error_message=_("The company has an account with this name already."),
            ),
            # Targets of the foreign keys that tie others to the right tree and mode.
            models.UniqueConstraint(fields=["master", "id"], name="account_master_id_unique"),
            models.UniqueConstraint(
                fields=["master", "id", "balance_mode"], name="account_master_id_mode_unique"
            ),
            models.CheckConstraint(
                condition=Q(code__regex=CODE_PATTERN), name="account_code_is_well_formed"
            ),
            models.CheckConstraint(
                condition=Q(name__regex=r"\S"), name="account_name_is_not_blank"
            ),
            models.CheckConstraint(
                condition=Q(balance_mode__in=BalanceMode.values), name="account_mode_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="account_state_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(master=F("id")) | Q(balance_mode=BalanceMode.ALLOCATED),
                name="account_master_is_allocated",
            ),
            models.CheckConstraint(
                condition=Q(
                    master=F("id"),
                    country__regex=r"\A[A-Z]{2}\Z",
                    currency__regex=r"\A[A-Z]{3}\Z",
                    time_zone__regex=r".",
                )
                | (~Q(master=F("id")) & Q(country="", currency="", time_zone="")),
                name="account_only_master_has_country_currency_zone",
            ),
            models.CheckConstraint(
                condition=Q(master=F("id"))
                | Q(needs_second_factor=False, confirm_above__isnull=True),
                name="account_only_master_has_sign_in_rules",
            ),
            models.CheckConstraint(
                condition=Q(confirm_above__isnull=True) | Q(confirm_above__gte=0),
                name="account_confirm_above_is_not_negative",
            ),
        ]
        # For operators, who search all companies: how a code begins, and words of names.
        indexes = [
            models.Index(
                fields=["code"], name="account_by_code_start", opclasses=["varchar_pattern_ops"]
            ),
            GinIndex(SearchVector("name", config="simple"), name="account_by_words"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Say kindly what the constraints refuse, and check what only Python can."""
        super().clean()
        if self.is_master and self.currency not in money.currencies():
            raise ValidationError({"currency": _("This currency is not known.")})
        if self.is_master and self.time_zone not in zoneinfo.available_timezones():
            raise ValidationError({"time_zone": _("This time zone is not known.")})

    @property
    def is_master(self) -> bool:
        """Whether this is a master account: its master is itself."""
        return self.pk == self.master_id

    @property
    def is_shared(self) -> bool:
        """Whether it draws on the master account's balance."""
        return self.balance_mode == BalanceMode.SHARED

    @cached_property
    def company(self) -> Account:
        """The master account, without a query when this is one."""
        return self if self.is_master else self.master

    @property
    def holder_id(self) -> int:
        """The account whose balance an entry of this account moves today.

        The master account for a shared subaccount, and for a closed one.
        """
        if self.is_shared or self.state == State.CLOSED:
            return self.master_id
        return self.pk

    @property
    def decimals(self) -> int:
        """How many decimals the company's currency has."""
        return money.currency_decimals(self.company.currency)

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The company's billing time zone."""
        return zoneinfo.ZoneInfo(self.company.time_zone)


class Membership(models.Model):
    """A person's role at one account: at a subaccount, or at the master account for the tree."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    master = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", verbose_name=_("master account")
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "account"], name="membership_once_per_account"
            ),
            models.CheckConstraint(
                condition=Q(account=F("master_id"), role__in=MASTER_ROLES)
                | (~Q(account=F("master")) & Q(role__in=[Role.MEMBER, Role.SUBACCOUNT_ADMIN])),
                name="membership_role_fits_account",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} {self.account_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """The master account follows from the account."""
        self.master_id = self.account.master_id
        super().save(*args, **kwargs)


class Scope(models.TextChoices):
    """What a key of the API is good for."""

    BALANCE_READ = "balance:read", _("Read balances and the list of subaccounts")
    ENTRIES_READ = "entries:read", _("Read entries")
    CHARGES_WRITE = "charges:write", _("Charge usage")
    CHARGES_PAST_LIMIT = "charges:past-limit", _("Charge usage past the limit")
    HOLDS_WRITE = "holds:write", _("Hold, capture and release credit")


class ApiKey(models.Model):
    """A program's key to the API: for one company, or (``master`` empty) for the whole platform.

    Born and revoked in ``accounts.api_keys``. The key itself is not here, only its digest.
    """

    # Names the key on screens and in logs; it is how the key itself begins.
    prefix = models.CharField(_("prefix"), max_length=12, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    name = models.CharField(_("name"), max_length=100)
    master = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        null=True,
        related_name="api_keys",
        verbose_name=_("master account"),
    )
    scopes = ArrayField(models.CharField(max_length=30, choices=Scope.choices))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    # The form that asked for it: sent twice, it makes one key.
    form = models.UUIDField(null=True, editable=False)
    # To the minute, roughly: see ``accounts.api_keys.note_use``.
    last_used_at = models.DateTimeField(_("last used"), null=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [
            models.CheckConstraint(
                condition=Q(prefix__regex=r"\Acck_[a-z2-7]{8}\Z"),
                name="api_key_prefix_is_well_formed",
            ),
            models.CheckConstraint(
                condition=Q(digest__regex=r"\A[0-9a-f]{64}\Z"), name="api_key_digest_is_one"
            ),
            models.CheckConstraint(
                condition=Q(name__regex=r"\S"), name="api_key_name_is_not_blank"
            ),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=Scope.values), name="api_key_scopes_are_known"
            ),
            models.CheckConstraint(condition=Q(scopes__len__gt=0), name="api_key_has_a_scope"),
            models.UniqueConstraint(fields=["master", "form"], name="api_key_once_a_form"),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True) | Q(revoked_at__gte=F("created_at")),
                name="api_key_revoked_after_created",
            ),
            models.CheckConstraint(
                condition=Q(last_used_at__isnull=True) | Q(last_used_at__gte=F("created_at")),
                name="api_key_used_after_created",
            ),
        ]

    def __str__(self) -> str:
        return self.prefix


class InvitationEnd(models.TextChoices):
    """What became of an invitation that is no longer open."""

    ACCEPTED = "accepted", _("Accepted")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    REPLACED = "replaced", _("Sent again")


class Invitation(models.Model):
    """One mail that offers somebody a role at an account; sent again, it is another one.

    Born and ended in ``accounts.invitations``. The link's token is not here: it is made of
    ``nonce`` and the server's secret key, so that who reads this table alone can open none.
    """

    master = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField(_("e-mail address"), max_length=254)
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    nonce = models.CharField(max_length=43, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(_("invited"), auto_now_add=True)
    expires_at = models.DateTimeField(_("valid until"))
    mailed_at = models.DateTimeField(null=True)
    ended = models.CharField(max_length=10, choices=InvitationEnd.choices, blank=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        indexes = [
            models.Index(fields=["invited_by", "created_at"], name="invitation_by_person"),
            models.Index(
                fields=["email"],
                name="invitation_by_email_start",
                opclasses=["varchar_pattern_ops"],
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["master", "account", "email"],
                condition=Q(ended=""),
                name="invitation_open_once",
            ),
            models.CheckConstraint(
                condition=Q(account=F("master_id"), role__in=MASTER_ROLES)
                | (~Q(account=F("master")) & Q(role__in=[Role.MEMBER, Role.SUBACCOUNT_ADMIN])),
                name="invitation_role_fits_account",
            ),
            models.CheckConstraint(
                condition=Q(email=Lower("email")), name="invitation_email_is_lower_case"
            ),
            models.CheckConstraint(
                condition=Q(digest__regex=r"\A[0-9a-f]{64}\Z"), name="invitation_digest_is_one"
            ),
            models.CheckConstraint(
                condition=Q(ended="", ended_at__isnull=True, ended_by__isnull=True)
                | Q(
                    ended__in=InvitationEnd.values,
                    ended_at__isnull=False,
                    ended_by__isnull=False,
                ),
                name="invitation_end_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="invitation_is_valid_for_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} {self.role} {self.account_id}"

    @property
    def is_expired(self) -> bool:
        """Whether its link is too old, whatever became of it."""
        return self.expires_at <= timezone.now()

"""What was changed by hand: credit limits, spending caps, modes, states and names. Append-only."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Account, BalanceMode, State
from billing.models.entries import DECIMAL_PLACES, MAX_DIGITS


class CreditLimitChange(models.Model):
    """One change of an account's credit limit: append-only, and the latest is in force."""

    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    old = models.DecimalField(_("old limit"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    new = models.DecimalField(_("new limit"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    reason = models.CharField(_("reason"), max_length=500)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    changed_at = models.DateTimeField(_("changed"))

    class Meta:
        verbose_name = _("credit limit change")
        verbose_name_plural = _("credit limit changes")
        constraints = [
            models.CheckConstraint(condition=Q(new__gte=0), name="limit_not_negative"),
            models.CheckConstraint(condition=~Q(old=F("new")), name="limit_really_changed"),
            models.CheckConstraint(
                condition=Q(reason__regex=r"\S"), name="limit_change_has_a_reason"
            ),
        ]
        indexes = [models.Index(fields=["master", "account", "id"], name="limit_by_account")]

    def __str__(self) -> str:
        return f"limit of account {self.account_id}: {self.old} to {self.new}"


class CapChange(models.Model):
    """One change of an account's spending cap: append-only, and the latest is in force.

    ``old`` and ``new`` are amounts a month in the company's currency; None is no cap.
    """

    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    old = models.DecimalField(
        _("old cap"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, null=True
    )
    old_is_hard = models.BooleanField(default=True)
    new = models.DecimalField(
        _("new cap"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, null=True
    )
    new_is_hard = models.BooleanField(default=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    changed_at = models.DateTimeField(_("changed"))

    class Meta:
        verbose_name = _("spending cap change")
        verbose_name_plural = _("spending cap changes")
        constraints = [
            models.CheckConstraint(
                condition=Q(new__isnull=True) | Q(new__gte=0), name="cap_change_not_negative"
            ),
        ]
        indexes = [models.Index(fields=["master", "account", "id"], name="cap_by_account")]

    def __str__(self) -> str:
        return f"cap of account {self.account_id}: {self.old} to {self.new}"


class AccountAction(models.TextChoices):
    """What was done to an account."""

    OPENED = "opened", pgettext_lazy("account", "Opened")
    RENAMED = "renamed", pgettext_lazy("account", "Renamed")
    SHARED = "shared", pgettext_lazy("account", "Switched to the shared balance")
    ALLOCATED = "allocated", pgettext_lazy("account", "Given a balance of its own")
    SUSPENDED = "suspended", pgettext_lazy("account", "Suspended")
    RESTORED = "restored", pgettext_lazy("account", "Restored")
    CLOSED = "closed", pgettext_lazy("account", "Closed")


class AccountChange(models.Model):
    """What was done to an account, by whom, and what it has been since: append-only.

    The latest up to a moment says how the account stood then. ``by`` is None for programs.
    """

    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    action = models.CharField(_("what"), max_length=10, choices=AccountAction.choices)
    name = models.CharField(_("name"), max_length=100)
    mode = models.CharField(_("balance mode"), max_length=10, choices=BalanceMode.choices)
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    # Why the platform did it; its customers are not told.
    reason = models.CharField(_("reason"), max_length=500, blank=True, default="", db_default="")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    changed_at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("account change")
        verbose_name_plural = _("account changes")
        constraints = [
            models.CheckConstraint(
                condition=Q(action__in=AccountAction.values), name="account_action_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["master", "account", "id"], name="account_change_by_account")
        ]

    def __str__(self) -> str:
        return f"account {self.account_id} {self.action}"

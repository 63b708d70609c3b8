"""Alerts: from where on people are told that credit runs low, and what they were told.

The levels of alerts and the notices are written by ``billing.telling`` under the lock of the
account's balance.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Account
from billing.models.entries import DECIMAL_PLACES, MAX_DIGITS


@dataclass(slots=True)
class Figures:
    """What makes an available balance."""

    credit: Decimal
    credit_limit: Decimal
    on_hold: Decimal

    @property
    def available(self) -> Decimal:
        """credit + credit limit - on hold."""
        return self.credit + self.credit_limit - self.on_hold


class Level(models.TextChoices):
    """Where the available balance stood when it last crossed a line of the alert."""

    OK = "ok", pgettext_lazy("alert", "Above it")
    APPROACHING = "approaching", pgettext_lazy("alert", "Approaching")
    BELOW = "below", pgettext_lazy("alert", "Below")


class Alert(models.Model):
    """A threshold of one account's available balance, in the company's currency.

    Its recipients are told once when it is crossed downwards, and again after a recovery. The
    alert of an account without a balance of its own rests.
    """

    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, related_name="alerts")
    threshold = models.DecimalField(
        _("threshold"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES
    )
    level = models.CharField(
        _("level"), max_length=12, choices=Level.choices, default=Level.OK, editable=False
    )
    recipients = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="AlertRecipient", related_name="+"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("set"))

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [
            models.UniqueConstraint(
                fields=["master", "account", "threshold"], name="alert_threshold_once"
            ),
            # Target of the foreign key that keeps recipients in the company.
            models.UniqueConstraint(fields=["master", "id"], name="alert_master_id_unique"),
            models.CheckConstraint(condition=Q(threshold__gt=0), name="alert_threshold_positive"),
            models.CheckConstraint(
                condition=Q(level__in=Level.values), name="alert_level_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"alert of account {self.account_id} at {self.threshold}"


class AlertRecipient(models.Model):
    """One person whom an alert tells. Who may not see the account any more is told nothing."""

    master = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    alert = models.ForeignKey(Alert, models.CASCADE, related_name="recipient_rows", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        constraints = [
            models.UniqueConstraint(fields=["alert", "user"], name="alert_recipient_once"),
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} of alert {self.alert_id}"


class Happening(models.TextChoices):
    """What a notice tells."""

    APPROACHING = "approaching", pgettext_lazy("notice", "Approaching")
    BELOW = "below", pgettext_lazy("notice", "Below the threshold")
    CAP_NEAR = "cap_near", pgettext_lazy("notice", "Cap nearly used")
    CAP_OVER = "cap_over", pgettext_lazy("notice", "Over its cap")


OF_BALANCE = (Happening.APPROACHING, Happening.BELOW)
OF_CAP = (Happening.CAP_NEAR, Happening.CAP_OVER)


class Notice(models.Model):
    """Something that people were told, with the figures as they were: append-only.

    Of a balance: ``threshold`` and the three figures that make the available balance. Of a
    spending cap: ``cap`` and what was ``used`` of it in ``month`` (its first day). In the
    company's currency.
    """

    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, related_name="notices")
    # The alert may be gone: what was told stays.
    alert = models.ForeignKey(
        Alert, models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False
    )
    what = models.CharField(_("what"), max_length=12, choices=Happening.choices)
    threshold = models.DecimalField(
        _("threshold"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, null=True
    )
    credit = models.DecimalField(
        _("credit"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, null=True
    )
    credit_limit = models.DecimalField(
        _("credit limit"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, null=True
    )
    on_hold = models.DecimalField(
        _("on hold"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, null=True
    )
    cap = models.DecimalField(
        _("spending cap"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, null=True
    )
    cap_is_hard = models.BooleanField(null=True)
    # Spent and on hold: room for many of the largest amounts.
    used = models.DecimalField(
        _("used"), max_digits=MAX_DIGITS + 6, decimal_places=DECIMAL_PLACES, null=True
    )
    month = models.DateField(_("month"), null=True)
    raised_at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        constraints = [
            models.UniqueConstraint(fields=["master", "id"], name="notice_master_id_unique"),
            # Of a cap one is told once a month.
            models.UniqueConstraint(
                fields=["master", "account", "month", "what", "cap"],
                condition=Q(month__isnull=False),
                name="notice_of_cap_once_a_month",
            ),
            models.CheckConstraint(
                condition=Q(
                    what__in=OF_BALANCE,
                    threshold__isnull=False,
                    credit__isnull=False,
                    credit_limit__isnull=False,
                    on_hold__isnull=False,
                    cap__isnull=True,
                    cap_is_hard__isnull=True,
                    used__isnull=True,
                    month__isnull=True,
                )
                | Q(
                    what__in=OF_CAP,
                    threshold__isnull=True,
                    credit__isnull=True,
                    credit_limit__isnull=True,
                    on_hold__isnull=True,
                    cap__isnull=False,
                    cap_is_hard__isnull=False,
                    used__isnull=False,
                    month__isnull=False,
                ),
                name="notice_has_its_figures",
            ),
        ]
        indexes = [models.Index(fields=["master", "account", "id"], name="notice_by_account")]

    def __str__(self) -> str:
        return f"{self.what} of account {self.account_id}"

    @property
    def is_of_cap(self) -> bool:
        """Whether it is about a spending cap, and not about a balance."""
        return self.what in OF_CAP

    @property
    def figures(self) -> Figures:
        """What made the available balance then; zeros for a cap's, which has no such figures."""
        nothing = Decimal(0)
        return Figures(
            self.credit or nothing, self.credit_limit or nothing, self.on_hold or nothing
        )

    @property
    def available(self) -> Decimal:
        """What was available then."""
        return self.figures.available


class NoticeReader(models.Model):
    """One person who is to be told of a notice: when the mail went out, when they have seen it."""

    master = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    notice = models.ForeignKey(Notice, models.PROTECT, related_name="readers", db_index=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False
    )
    sent_at = models.DateTimeField(_("sent"), null=True)
    seen_at = models.DateTimeField(_("seen"), null=True)

    class Meta:
        verbose_name = _("reader of a notice")
        verbose_name_plural = _("readers of notices")
        constraints = [
            models.UniqueConstraint(fields=["notice", "user"], name="notice_reader_once"),
        ]
        indexes = [
            # What somebody has not seen yet is counted on every page.
            models.Index(
                fields=["user", "master", "notice"],
                condition=Q(seen_at__isnull=True),
                name="notice_unseen",
            ),
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} of notice {self.notice_id}"

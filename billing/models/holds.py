"""Holds: credit that is reserved for usage to come."""

from __future__ import annotations

import uuid
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Account
from billing import references
from billing.models.entries import DECIMAL_PLACES, MAX_DIGITS, Origin


class HoldState(models.TextChoices):
    """A hold is open, and then ends once."""

    OPEN = "open", pgettext_lazy("hold", "Open")
    CAPTURED = "captured", pgettext_lazy("hold", "Captured")
    RELEASED = "released", pgettext_lazy("hold", "Released")
    EXPIRED = "expired", pgettext_lazy("hold", "Expired")


class Hold(models.Model):
    """Credit of ``holder`` that is reserved for usage of ``account`` to come.

    What is not captured yet counts as on hold while it is open. The holder stays what it was when
    the hold was placed, also when the account's balance mode changes.
    """

    pk = models.CompositePrimaryKey("master", "id")
    master = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    id = models.UUIDField(default=uuid.uuid4, editable=False)
    holder = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    account = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
    )
    origin = models.CharField(_("origin"), max_length=12, choices=Origin.choices)
    reference = models.CharField(_("reference"), max_length=references.MAX_LENGTH)
    description = models.CharField(
        _("description"), max_length=references.MAX_DESCRIPTION, blank=True
    )
    amount = models.DecimalField(_("amount"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    captured = models.DecimalField(
        _("captured"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, default=Decimal(0)
    )
    state = models.CharField(
        _("state"), max_length=10, choices=HoldState.choices, default=HoldState.OPEN
    )
    placed_at = models.DateTimeField(_("placed"))
    expires_at = models.DateTimeField(_("expires"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.UniqueConstraint(
                fields=["master", "origin", "reference"], name="hold_reference_unique"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="hold_amount_positive"),
            models.CheckConstraint(condition=~Q(reference=""), name="hold_has_a_reference"),
            models.CheckConstraint(
                condition=Q(captured__gte=0, captured__lte=F("amount")),
                name="hold_captured_at_most_held",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("placed_at")), name="hold_expires_later"
            ),
            models.CheckConstraint(
                condition=Q(state=HoldState.OPEN, ended_at__isnull=True, captured__lt=F("amount"))
                | Q(state=HoldState.CAPTURED, ended_at__isnull=False, captured__gt=0)
                | Q(
                    state__in=[HoldState.RELEASED, HoldState.EXPIRED],
                    ended_at__isnull=False,
                    captured__lt=F("amount"),
                ),
                name="hold_state_is_whole",
            ),
        ]
        indexes = [
            # What has expired, of one holder or of all: only open holds are searched.
            models.Index(
                fields=["master", "holder", "expires_at"],
                name="hold_open_by_expiry",
                condition=Q(state=HoldState.OPEN),
            ),
            # What counts against an account's spending cap.
            models.Index(
                fields=["master", "account"],
                name="hold_open_by_account",
                condition=Q(state=HoldState.OPEN),
            ),
            # What was on hold at a past moment: no hold lasts longer than a month.
            models.Index(fields=["master", "holder", "placed_at"], name="hold_by_placing"),
        ]

    def __str__(self) -> str:
        return f"hold {self.reference} of {self.amount}"

    @property
    def is_open(self) -> bool:
        """Whether it still reserves credit."""
        return self.state == HoldState.OPEN

    @property
    def remaining(self) -> Decimal:
        """What can still be captured, in the company's currency."""
        return self.amount - self.captured if self.is_open else Decimal(0)

"""What of payments went back: refunds that operators make, disputes that banks decide."""

from __future__ import annotations

import uuid
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Account
from billing.models.entries import DECIMAL_PLACES, MAX_DIGITS
from billing.models.payments import Payment


class RefundState(models.TextChoices):
    """A refund waits for the gateway, and ends once."""

    REQUESTED = "requested", pgettext_lazy("refund", "Under way")
    DONE = "done", pgettext_lazy("refund", "Refunded")
    FAILED = "failed", pgettext_lazy("refund", "Failed")


class Refund(models.Model):
    """Money of a payment that goes back to whoever paid; ``amount`` leaves the account's credit.

    The credit is on hold (``hold_id``) while the gateway works.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    amount = models.DecimalField(_("amount"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    reason = models.CharField(_("reason"), max_length=500)
    state = models.CharField(
        _("state"), max_length=10, choices=RefundState.choices, default=RefundState.REQUESTED
    )
    hold_id = models.UUIDField(null=True)
    gateway_reference = models.CharField(max_length=255, blank=True)
    failure = models.CharField(max_length=200, blank=True)
    # None: made at the gateway itself.
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(_("asked for"))
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(condition=Q(reason__regex=r"\S"), name="refund_has_a_reason"),
            models.CheckConstraint(
                condition=Q(state=RefundState.REQUESTED, ended_at__isnull=True)
                | Q(state__in=[RefundState.DONE, RefundState.FAILED], ended_at__isnull=False),
                name="refund_state_is_whole",
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                name="refund_under_way",
                condition=Q(state=RefundState.REQUESTED),
            ),
            models.Index(
                fields=["gateway_reference"],
                name="refund_by_gateway_name",
                condition=~Q(gateway_reference=""),
            ),
        ]

    def __str__(self) -> str:
        return f"refund {self.pk}"


class DisputeState(models.TextChoices):
    """Whether the payer's bank has decided."""

    OPEN = "open", pgettext_lazy("dispute", "Disputed")
    WON = "won", pgettext_lazy("dispute", "Won")
    LOST = "lost", pgettext_lazy("dispute", "Lost")


class Dispute(models.Model):
    """The payer's bank takes money of a payment back; it comes again when the dispute is won."""

    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="disputes")
    gateway = models.CharField(max_length=30)
    gateway_reference = models.CharField(max_length=255)
    amount = models.DecimalField(_("amount"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    # What of it left the account's credit: no more than was credited, and not given back yet.
    taken = models.DecimalField(
        max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, default=Decimal(0)
    )
    state = models.CharField(
        _("state"), max_length=10, choices=DisputeState.choices, default=DisputeState.OPEN
    )
    opened_at = models.DateTimeField(_("opened"))
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "gateway_reference"], name="dispute_reference_unique"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="dispute_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"dispute {self.gateway_reference}"

"""What happened to payments, and what gateways said: both only grow."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from billing.models.entries import DECIMAL_PLACES, MAX_DIGITS
from billing.models.payments import Payment


class PaymentEvent(models.Model):
    """One thing that happened to a payment: append-only, the trail that its page shows.

    ``what`` is a word of ``billing.payments``; ``by`` is None for gateways and jobs.
    """

    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="events")
    what = models.CharField(max_length=30)
    amount = models.DecimalField(max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, null=True)
    currency = models.CharField(max_length=3, blank=True)
    about = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("payment event")
        verbose_name_plural = _("payment events")
        indexes = [models.Index(fields=["payment", "id"], name="payment_event_by_payment")]

    def __str__(self) -> str:
        return f"{self.what} of payment {self.payment_id}"


class GatewayEvent(models.Model):
    """What a gateway told us, as it told it: append-only, each once, also of unknown payments."""

    master = models.ForeignKey(Account, models.PROTECT, null=True, related_name="+")
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, related_name="+")
    gateway = models.CharField(max_length=30)
    event_id = models.CharField(max_length=255)
    kind = models.CharField(max_length=100)
    body = models.JSONField()
    received_at = models.DateTimeField()

    class Meta:
        verbose_name = _("gateway event")
        verbose_name_plural = _("gateway events")
        constraints = [
            models.UniqueConstraint(fields=["gateway", "event_id"], name="gateway_event_unique")
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.event_id}"

"""What a customer asked a gateway for.

What came for it are arrivals, what went back again refunds and disputes; what happened to it all
is a trail that only grows.
"""

from __future__ import annotations

import uuid
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Account
from billing.models.entries import DECIMAL_PLACES, MAX_DIGITS
from billing.models.payment_methods import PaymentMethod


class PaymentState(models.TextChoices):
    """How far the request has come. Any unpaid one may still become paid."""

    CREATED = "created", pgettext_lazy("payment", "Started")
    PENDING = "pending", pgettext_lazy("payment", "Waiting for the money")
    PAID = "paid", pgettext_lazy("payment", "Paid")
    FAILED = "failed", pgettext_lazy("payment", "Failed")
    EXPIRED = "expired", pgettext_lazy("payment", "Expired")
    CANCELLED = "cancelled", pgettext_lazy("payment", "Cancelled")


class Payment(models.Model):
    """A request for money for one account.

    ``amount`` is what is credited, ``fee`` comes on top, both in the company's currency. ``key``
    comes with the form, so that sent twice it is one payment. ``reference`` is what a person
    writes on a bank transfer; ``gateway_reference`` what the gateway calls the checkout.
    ``credited``, ``refunded`` and ``charged_back`` are sums of what was posted so far.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    account = models.ForeignKey(
        Account, models.PROTECT, related_name="payments", verbose_name=_("for")
    )
    key = models.UUIDField(editable=False)
    method = models.ForeignKey(PaymentMethod, models.PROTECT, related_name="+")
    # As they were when it was made: the method may be edited.
    method_label = models.CharField(_("method"), max_length=60)
    gateway = models.CharField(_("gateway"), max_length=30)
    amount = models.DecimalField(_("amount"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    fee = models.DecimalField(_("fee"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(
        _("state"), max_length=10, choices=PaymentState.choices, default=PaymentState.CREATED
    )
    reference = models.CharField(_("reference"), max_length=30)
    gateway_reference = models.CharField(max_length=255, blank=True)
    checkout_url = models.URLField(max_length=2000, blank=True)
    # What a voucher or a bank transfer tells the payer: code, bank account...
    instructions = models.JSONField(default=dict, blank=True)
    credited = models.DecimalField(
        max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, default=Decimal(0)
    )
    refunded = models.DecimalField(
        max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, default=Decimal(0)
    )
    charged_back = models.DecimalField(
        max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, default=Decimal(0)
    )
    failure = models.CharField(_("why it failed"), max_length=200, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("by")
    )
    created_at = models.DateTimeField(_("started"))
    expires_at = models.DateTimeField(_("expires"))
    paid_at = models.DateTimeField(_("paid"), null=True)
    # When the gateway was last asked, or last told us.
    heard_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = [
            models.UniqueConstraint(fields=["master", "key"], name="payment_key_unique"),
            # The target of the foreign keys that tie what became of it to the same company.
            models.UniqueConstraint(fields=["master", "id"], name="payment_master_id_unique"),
            models.UniqueConstraint(fields=["reference"], name="payment_reference_unique"),
            models.UniqueConstraint(
                fields=["gateway", "gateway_reference"],
                condition=~Q(gateway_reference=""),
                name="payment_gateway_reference_unique",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(condition=Q(fee__gte=0), name="payment_fee_not_negative"),
            models.CheckConstraint(
                condition=Q(state__in=PaymentState.values), name="payment_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state=PaymentState.PAID, paid_at__isnull=False, credited__gt=0)
                | (~Q(state=PaymentState.PAID) & Q(paid_at__isnull=True, credited=0)),
                name="payment_paid_is_credited",
            ),
            models.CheckConstraint(
                condition=Q(refunded__gte=0, refunded__lte=F("credited")),
                name="payment_refunded_at_most_credited",
            ),
        ]
        indexes = [
            models.Index(fields=["master", "created_at", "id"], name="payment_by_time"),
            models.Index(
                fields=["heard_at"],
                name="payment_unsettled",
                condition=Q(state__in=[PaymentState.CREATED, PaymentState.PENDING]),
            ),
            # What was given up is asked about for a week more.
            models.Index(
                fields=["expires_at"],
                name="payment_given_up",
                condition=Q(
                    state__in=[PaymentState.FAILED, PaymentState.EXPIRED, PaymentState.CANCELLED]
                ),
            ),
            # Paid ones that are to be asked about once more; then they fall out of it.
            models.Index(
                fields=["paid_at"],
                name="payment_just_paid",
                condition=Q(state=PaymentState.PAID, heard_at__lt=F("paid_at")),
            ),
            # What operators look through when money came by bank; paid ones fall out of it.
            models.Index(
                F("created_at").desc(),
                F("id").desc(),
                name="payment_bank_waiting",
                condition=Q(gateway="bank_transfer") & ~Q(state=PaymentState.PAID),
            ),
        ]

    def __str__(self) -> str:
        return f"payment {self.reference}"

    def get_absolute_url(self) -> str:
        """Its own page."""
        return reverse("payment-detail", args=[self.master.code, self.pk])

    @property
    def total(self) -> Decimal:
        """What the customer pays: amount and fee."""
        return self.amount + self.fee

    @property
    def is_open(self) -> bool:
        """Whether the customer can still pay it."""
        return self.state in {PaymentState.CREATED, PaymentState.PENDING}

    @property
    def refundable(self) -> Decimal:
        """What was credited and not given back yet, whatever refunds are under way."""
        return self.credited - self.refunded - self.charged_back

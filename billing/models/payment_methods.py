"""How customers may pay, by country."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models.entries import DECIMAL_PLACES, MAX_DIGITS


class MethodKind(models.TextChoices):
    """How a method works, for its icon and its instructions."""

    CARD = "card", _("Card")
    WALLET = "wallet", _("Wallet")
    VOUCHER = "voucher", _("Voucher")
    BANK_TRANSFER = "bank_transfer", _("Bank transfer")


class Confirmation(models.TextChoices):
    """When a gateway knows whether money comes."""

    INSTANT = "instant", _("at once")
    DELAYED = "delayed", _("later")


class PaymentMethod(models.Model):
    """A way to pay in one country and currency; country ``*`` is for those without their own.

    Amounts are in the currency, with its decimals. The fee is on top of what is credited:
    ``fee_percent`` of it, rounded up, and ``fee_fixed``.
    """

    country = models.CharField(_("country"), max_length=2)
    currency = models.CharField(_("currency"), max_length=3)
    code = models.CharField(_("code"), max_length=30)
    label = models.CharField(_("label"), max_length=60)
    kind = models.CharField(_("kind"), max_length=20, choices=MethodKind.choices)
    confirmation = models.CharField(_("confirmation"), max_length=10, choices=Confirmation.choices)
    min_amount = models.DecimalField(
        _("smallest amount"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES
    )
    max_amount = models.DecimalField(
        _("largest amount"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES
    )
    step = models.DecimalField(_("step"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    expires_minutes = models.PositiveIntegerField(_("minutes to pay in"))
    gateway = models.CharField(_("gateway"), max_length=30)
    position = models.PositiveSmallIntegerField(_("position"))
    fee_percent = models.DecimalField(
        _("fee in percent"), max_digits=5, decimal_places=2, default=Decimal(0)
    )
    fee_fixed = models.DecimalField(
        _("fixed fee"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, default=Decimal(0)
    )
    is_enabled = models.BooleanField(_("offered"), default=True)
    # What an operator has changed, the loading of the table leaves alone.
    is_edited = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = _("payment method")
        verbose_name_plural = _("payment methods")
        constraints = [
            models.UniqueConstraint(
                fields=["country", "currency", "code"], name="payment_method_unique"
            ),
            models.CheckConstraint(
                condition=Q(country__regex=r"\A([A-Z]{2}|\*)\Z"),
                name="payment_method_country_is_one",
            ),
            models.CheckConstraint(
                condition=Q(min_amount__gt=0, max_amount__gte=F("min_amount"), step__gt=0),
                name="payment_method_limits_fit",
            ),
            models.CheckConstraint(
                condition=Q(fee_percent__gte=0, fee_fixed__gte=0),
                name="payment_method_fee_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(expires_minutes__gt=0), name="payment_method_gives_time"
            ),
        ]
        ordering = ["country", "position"]

    def __str__(self) -> str:
        return f"{self.country} {self.currency} {self.code}"

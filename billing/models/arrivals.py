"""Money that came for payments: credited once, or held in review; and its receipts."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Account
from billing.models.entries import DECIMAL_PLACES, MAX_DIGITS
from billing.models.payments import Payment


class ArrivalState(models.TextChoices):
    """What became of money that came."""

    CREDITED = "credited", pgettext_lazy("arrival", "Credited")
    IN_REVIEW = "review", pgettext_lazy("arrival", "In review")
    RETURNED = "returned", pgettext_lazy("arrival", "Returned")
    SAME = "same", pgettext_lazy("arrival", "Told twice")


class ReviewReason(models.TextChoices):
    """Why money that came was not credited by itself."""

    NONE = "", ""
    AMOUNT = "amount", _("Another amount than was asked for")
    CURRENCY = "currency", _("Another currency")
    ACCOUNT = "account", _("For another account or payment")
    TOO_LARGE = "too_large", _("More than the books can hold")
    TWICE = "twice", _("Paid already")


# How the names begin of what an operator confirmed, and of what a bank statement told.
BY_HAND = "hand/"
ON_STATEMENT = "camt/"


class Arrival(models.Model):
    """Money that came for a payment, as the gateway names it; credited or returned, once.

    ``amount`` and ``currency`` are what came. A credited one has a receipt, numbered without gaps
    per master account and year (of the company's time zone). Money that came by bank may be told
    twice, by hand and by a statement: then one of the two is ``same_as`` the other, and nothing is
    done for it.
    """

    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="arrivals")
    gateway = models.CharField(max_length=30)
    gateway_reference = models.CharField(max_length=255)
    amount = models.DecimalField(_("amount"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(_("state"), max_length=10, choices=ArrivalState.choices)
    reason = models.CharField(
        _("why"), max_length=10, choices=ReviewReason.choices, blank=True, default=""
    )
    # What of it was credited: without the fee.
    credited = models.DecimalField(
        max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, default=Decimal(0)
    )
    receipt_year = models.PositiveSmallIntegerField(null=True)
    receipt_number = models.PositiveIntegerField(null=True)
    arrived_at = models.DateTimeField(_("arrived"))
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    same_as = models.ForeignKey("self", models.PROTECT, null=True, related_name="repeats")

    class Meta:
        verbose_name = _("arrival")
        verbose_name_plural = _("arrivals")
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "gateway_reference"], name="arrival_reference_unique"
            ),
            models.UniqueConstraint(
                fields=["master", "receipt_year", "receipt_number"], name="receipt_number_unique"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="arrival_amount_positive"),
            models.CheckConstraint(
                condition=Q(
                    state=ArrivalState.CREDITED,
                    credited__gt=0,
                    receipt_number__isnull=False,
                    receipt_year__isnull=False,
                )
                | (
                    ~Q(state=ArrivalState.CREDITED)
                    & Q(credited=0, receipt_number__isnull=True, receipt_year__isnull=True)
                ),
                name="arrival_credited_has_a_receipt",
            ),
            models.CheckConstraint(
                condition=Q(state=ArrivalState.SAME, same_as__isnull=False)
                | (~Q(state=ArrivalState.SAME) & Q(same_as__isnull=True)),
                name="arrival_same_as_another",
            ),
            # A second line of a statement is other money.
            models.UniqueConstraint(
                fields=["same_as"],
                condition=Q(gateway_reference__startswith=ON_STATEMENT),
                name="arrival_on_one_statement",
            ),
        ]
        indexes = [
            models.Index(
                fields=["arrived_at"],
                name="arrival_in_review",
                condition=Q(state=ArrivalState.IN_REVIEW),
            )
        ]

    def __str__(self) -> str:
        return f"arrival {self.gateway_reference}"

    @property
    def is_by_hand(self) -> bool:
        """Whether an operator confirmed it, and no statement told of it."""
        return self.gateway_reference.startswith(BY_HAND)

    @property
    def is_on_statement(self) -> bool:
        """Whether a bank statement told of it."""
        return self.gateway_reference.startswith(ON_STATEMENT)

    @property
    def receipt(self) -> str:
        """``2026-000017``; nothing while it is not credited."""
        return f"{self.receipt_year}-{self.receipt_number:06}" if self.receipt_number else ""


class ReceiptCounter(models.Model):
    """The last receipt number of a company in a year; its lock comes after the balances'."""

    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["master", "year"], name="receipt_counter_unique")
        ]

    def __str__(self) -> str:
        return f"receipts of {self.year}"

"""Payments: what a customer asked a gateway for, what arrived, and what was given back.

A payment is the request; an arrival is money that came for it, which is credited once, or held in
review when it is not what was asked for. What became of it all is a trail that only grows.
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
            )
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

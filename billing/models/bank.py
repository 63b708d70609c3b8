"""Bank statements that were uploaded, and what became of each of their lines."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Account
from billing.models.arrivals import ON_STATEMENT, Arrival
from billing.models.entries import DECIMAL_PLACES, MAX_DIGITS
from billing.models.payments import Payment


class BankStatement(models.Model):
    """A statement of one of the platform's accounts, as the bank's file says; append-only.

    It is of many companies or none: only its lines know which. A file may hold several
    (``position``). ``statement_id`` is the bank's name of it, with the page where it has several.
    """

    sha256 = models.CharField(max_length=64)
    position = models.PositiveSmallIntegerField()
    name = models.CharField(_("file"), max_length=200)
    account_number = models.CharField(_("bank account"), max_length=34)
    statement_id = models.CharField(_("statement"), max_length=80)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    starts_on = models.DateField(_("from"), null=True)
    ends_on = models.DateField(_("to"), null=True)
    # As the bank states them; a statement need not.
    opening = models.DecimalField(max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, null=True)
    closing = models.DecimalField(max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, null=True)
    # Lines that an earlier statement had, and entries that the bank has not booked yet.
    known_count = models.PositiveIntegerField()
    pending_count = models.PositiveIntegerField()
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("uploaded by")
    )
    uploaded_at = models.DateTimeField(_("uploaded"))

    class Meta:
        verbose_name = _("bank statement")
        verbose_name_plural = _("bank statements")
        constraints = [
            models.UniqueConstraint(
                fields=["sha256", "position"], name="bank_statement_file_once"
            ),
            models.UniqueConstraint(
                fields=["account_number", "statement_id"], name="bank_statement_once"
            ),
        ]

    def __str__(self) -> str:
        return f"statement {self.statement_id}"

    def get_absolute_url(self) -> str:
        """Its page."""
        return reverse("operator-statement", args=[self.pk])


class LineOutcome(models.TextChoices):
    """What became of a line. One that waits is matched when the upload goes on."""

    WAITING = "waiting", pgettext_lazy("bank line", "Not matched yet")
    CREDITED = "credited", pgettext_lazy("bank line", "Credited")
    IN_REVIEW = "review", pgettext_lazy("bank line", "In review")
    SAME = "same", pgettext_lazy("bank line", "Confirmed before")
    UNMATCHED = "unmatched", pgettext_lazy("bank line", "Unmatched")
    IGNORED = "ignored", pgettext_lazy("bank line", "Ignored")


class BankLine(models.Model):
    """One movement of a statement. What the bank said stays; a payment is claimed once.

    ``key`` names the movement wherever it stands: a digest of its facts, and which of several
    equal ones of a statement it is. ``amount`` is never negative: money out is not ``is_credit``.
    ``master`` is the company of its payment, None while there is no payment.
    """

    statement = models.ForeignKey(BankStatement, models.PROTECT, related_name="lines")
    account_number = models.CharField(max_length=34)
    key = models.CharField(max_length=64)
    bank_reference = models.CharField(_("bank's reference"), max_length=80, blank=True)
    is_credit = models.BooleanField()
    amount = models.DecimalField(_("amount"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    currency = models.CharField(_("currency"), max_length=3)
    booked_on = models.DateField(_("booked"))
    remittance = models.TextField(_("text"), blank=True)
    # The creditor references with right check digits that it names, apart by spaces.
    references = models.CharField(max_length=500, blank=True)
    debtor = models.CharField(_("from"), max_length=140, blank=True)
    master = models.ForeignKey(Account, models.PROTECT, null=True, related_name="+")
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, related_name="bank_lines")
    arrival = models.ForeignKey(Arrival, models.PROTECT, null=True, related_name="+")
    outcome = models.CharField(
        max_length=10, choices=LineOutcome.choices, default=LineOutcome.WAITING
    )

    class Meta:
        verbose_name = _("bank line")
        verbose_name_plural = _("bank lines")
        constraints = [
            models.UniqueConstraint(fields=["account_number", "key"], name="bank_line_once"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="bank_line_amount_is_one"),
            models.CheckConstraint(
                condition=Q(payment__isnull=True, master__isnull=True, arrival__isnull=True)
                | Q(payment__isnull=False, master__isnull=False),
                name="bank_line_company_of_payment",
            ),
            models.CheckConstraint(
                condition=Q(
                    outcome__in=[LineOutcome.CREDITED, LineOutcome.IN_REVIEW, LineOutcome.SAME],
                    arrival__isnull=False,
                )
                | Q(outcome=LineOutcome.WAITING, arrival__isnull=True)
                | Q(
                    outcome__in=[LineOutcome.UNMATCHED, LineOutcome.IGNORED], payment__isnull=True
                ),
                name="bank_line_outcome_is_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["statement", "id"], name="bank_line_by_statement"),
            models.Index(
                fields=["bank_reference"],
                name="bank_line_by_reference",
                condition=~Q(bank_reference=""),
            ),
            models.Index(
                F("booked_on").desc(),
                F("id").desc(),
                name="bank_line_open",
                condition=Q(outcome__in=[LineOutcome.WAITING, LineOutcome.UNMATCHED]),
            ),
        ]

    def __str__(self) -> str:
        return f"line {self.key[:12]}"

    @property
    def money_name(self) -> str:
        """The name of this money among arrivals: the same however often it is told."""
        return f"{ON_STATEMENT}{self.account_number}/{self.key}"

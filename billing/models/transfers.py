"""Transfers, alone and many at once."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from billing.models.entries import DECIMAL_PLACES, MAX_DIGITS


class TransferBatch(models.Model):
    """Transfers from one account to many, made together or not at all.

    ``key`` comes with the form, as a transfer's does, and the keys of its transfers are made of
    it. ``count`` and ``total`` are those of its transfers.
    """

    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    key = models.UUIDField(editable=False)
    source = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("from"))
    count = models.PositiveSmallIntegerField(_("number of transfers"))
    # Room for a thousand of the largest amounts.
    total = models.DecimalField(
        _("total"), max_digits=MAX_DIGITS + 4, decimal_places=DECIMAL_PLACES
    )
    note = models.CharField(_("note"), max_length=200, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("by")
    )
    created_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("transfer to many")
        verbose_name_plural = _("transfers to many")
        constraints = [
            models.UniqueConstraint(fields=["master", "key"], name="batch_key_unique"),
            # The target of the foreign key that ties its transfers to company and source.
            models.UniqueConstraint(fields=["master", "id", "source"], name="batch_source_unique"),
            models.CheckConstraint(condition=Q(count__gt=0), name="batch_count_positive"),
            models.CheckConstraint(condition=Q(total__gt=0), name="batch_total_positive"),
        ]

    def __str__(self) -> str:
        return f"batch {self.pk}"

    def get_absolute_url(self) -> str:
        """Its own page."""
        return reverse("transfer-batch", args=[self.master.code, self.pk])


class Transfer(models.Model):
    """Credit moved from one account to another of the same company.

    ``key`` comes with the form that asks for it, so that sent twice it happens once; it is also
    the reference of the two entries. ``reverses`` is the transfer that this one takes back, in
    full or in part, and ``reversed`` how much of this one was taken back so far. ``line`` is its
    place in its batch, from zero.
    """

    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    key = models.UUIDField(editable=False)
    source = models.ForeignKey(
        Account, models.PROTECT, related_name="transfers_out", verbose_name=_("from")
    )
    destination = models.ForeignKey(
        Account, models.PROTECT, related_name="transfers_in", verbose_name=_("to")
    )
    amount = models.DecimalField(_("amount"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    note = models.CharField(_("note"), max_length=200, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("by")
    )
    created_at = models.DateTimeField(_("made"))
    reverses = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        related_name="reversals",
        verbose_name=_("takes back"),
    )
    reversed = models.DecimalField(
        _("taken back"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, default=Decimal(0)
    )
    batch = models.ForeignKey(TransferBatch, models.PROTECT, null=True, related_name="transfers")
    line = models.PositiveSmallIntegerField(_("line"), default=0)

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        constraints = [
            models.UniqueConstraint(fields=["master", "key"], name="transfer_key_unique"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="transfer_amount_positive"),
            models.CheckConstraint(
                condition=~Q(source=F("destination")), name="transfer_between_two_accounts"
            ),
            # The target of the foreign key that lets a reversal only go the same way back.
            models.UniqueConstraint(
                fields=["master", "id", "source", "destination"], name="transfer_way_unique"
            ),
            models.CheckConstraint(
                condition=~Q(reverses=F("id")), name="transfer_reverses_another"
            ),
            models.CheckConstraint(
                condition=Q(reversed__gte=0, reversed__lte=F("amount")),
                name="transfer_reversed_at_most_once",
            ),
            # Nothing of a reversal is ever taken back: one makes a new transfer.
            models.CheckConstraint(
                condition=Q(reverses__isnull=True) | Q(reversed=0),
                name="transfer_reversal_is_final",
            ),
            models.UniqueConstraint(fields=["batch", "line"], name="transfer_line_unique"),
            models.CheckConstraint(
                condition=Q(batch__isnull=False) | Q(line=0), name="transfer_line_of_a_batch"
            ),
        ]
        indexes = [
            models.Index(fields=["master", "created_at", "id"], name="transfer_by_time"),
            # The history, in which a batch stands once: its first line stands for it.
            models.Index(
                fields=["master", "created_at", "id"],
                name="transfer_first_by_time",
                condition=Q(line=0),
            ),
        ]

    def __str__(self) -> str:
        return f"transfer {self.pk}"

    def get_absolute_url(self) -> str:
        """Its own page."""
        return reverse("transfer-detail", args=[self.master.code, self.pk])

    @property
    def reference(self) -> str:
        """The reference of its two entries."""
        return str(self.key)

    @property
    def left(self) -> Decimal:
        """How much of it can still be taken back, as far as this transfer itself goes."""
        return Decimal(0) if self.reverses_id else self.amount - self.reversed

"""Statements of balances: issued once, numbered, and never changed."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from billing.models import DECIMAL_PLACES, MAX_DIGITS, Entry

# 2026-0000017 is no other way to write 2026-000017.
_NAME = re.compile(r"([0-9]{4})-([0-9]{6}|[1-9][0-9]{6,8})", re.ASCII)


class StatementQuerySet(models.QuerySet["Statement"]):
    """Reads of statements."""

    def named(self, company: Account, name: str) -> Self:
        """The company's statement with this name, ``2026-000017``; none for what is no name."""
        match = _NAME.fullmatch(name)
        if match is None:
            return self.none()
        return self.filter(master=company, year=int(match[1]), number=int(match[2]))

    def holding(self, entry: Entry) -> Self:
        """Those that the entry stands in, the final ones and the oldest first."""
        return self.filter(
            master=entry.master_id,
            holder=entry.holder_id,
            first_seq__lte=entry.seq,
            last_seq__gte=entry.seq,
        ).order_by("-is_final", "id")


class Statement(models.Model):
    """What moved one holder's balance on some days: its entries ``first_seq`` to ``last_seq``.

    Days are the company's, both inclusive. ``is_final``: the last day was over when it was issued,
    so that it holds all of them; else it holds what had been posted until ``issued_at``. Without
    entries ``last_seq`` is one less than ``first_seq``. Append-only.
    """

    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    holder = models.ForeignKey(Account, models.PROTECT, related_name="+")
    # Gapless within a master account and year: that of the day of issue, in the company's zone.
    year = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField(_("number"))
    first = models.DateField(_("first day"))
    last = models.DateField(_("last day"))
    is_final = models.BooleanField()
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    entries = models.BigIntegerField(_("movements"))
    opening = models.DecimalField(
        _("opening balance"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES
    )
    closing = models.DecimalField(
        _("closing balance"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES
    )
    issued_at = models.DateTimeField(_("issued"))
    # None: the monthly job.
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    objects = StatementQuerySet.as_manager()

    class Meta:
        verbose_name = _("statement")
        verbose_name_plural = _("statements")
        constraints = [
            models.UniqueConstraint(
                fields=["master", "year", "number"], name="statement_number_unique"
            ),
            # Days that are over have one statement; days that are not, one for each last entry.
            models.UniqueConstraint(
                fields=["master", "holder", "first", "last"],
                condition=Q(is_final=True),
                name="statement_final_once",
            ),
            models.UniqueConstraint(
                fields=["master", "holder", "first", "last", "last_seq"],
                condition=Q(is_final=False),
                name="statement_so_far_once",
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="statement_number_from_one"),
            models.CheckConstraint(
                condition=Q(first__lte=F("last")), name="statement_days_in_order"
            ),
            models.CheckConstraint(
                condition=Q(first_seq__gte=1, entries__gte=0)
                & Q(entries=F("last_seq") - F("first_seq") + 1),
                name="statement_counts_its_entries",
            ),
            models.CheckConstraint(
                condition=Q(entries__gt=0) | Q(opening=F("closing")),
                name="statement_without_entries_moves_nothing",
            ),
        ]

    def __str__(self) -> str:
        return f"statement {self.name}"

    def get_absolute_url(self) -> str:
        """Its page; the company must have been read."""
        return reverse("statement-detail", args=[self.master.code, self.name])

    @property
    def name(self) -> str:
        """``2026-000017``: unique within the company."""
        return f"{self.year}-{self.number:06}"

    @property
    def net(self) -> Decimal:
        """By how much the balance changed."""
        return self.closing - self.opening


class StatementCounter(models.Model):
    """The last statement's number of a company in a year; its lock comes after the balances'."""

    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["master", "year"], name="statement_counter_unique")
        ]

    def __str__(self) -> str:
        return f"statements of {self.year}"

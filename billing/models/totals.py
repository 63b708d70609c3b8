"""What moved each day, kept by the posting, so that no page has to add up entries."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Sum
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from billing.models.entries import DECIMAL_PLACES, MAX_DIGITS, Contra, Kind


class DailyTotalQuerySet(models.QuerySet["DailyTotal"]):
    """Reads of daily totals."""

    def spending(self) -> Self:
        """Usage, and the reversals that take it back."""
        return self.filter(contra=Contra.USAGE_REVENUE)


class DailyTotal(models.Model):
    """What one account's entries of one kind moved on one day of one holder's credit.

    ``day`` is that of ``posted_at`` in the company's time zone. ``contra`` tells a reversal of
    usage from one of an adjustment. Written by ``billing.ledger`` alone, together with the
    entries; ``verify_ledger`` compares the two.
    """

    pk = models.CompositePrimaryKey("master", "account", "day", "holder", "kind", "contra")
    master = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    account = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    day = models.DateField(_("day"))
    holder = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    contra = models.CharField(max_length=20, choices=Contra.choices)
    # Both zero or more; a day's sum has room for many of the largest amounts.
    amount_in = models.DecimalField(max_digits=MAX_DIGITS + 6, decimal_places=DECIMAL_PLACES)
    amount_out = models.DecimalField(max_digits=MAX_DIGITS + 6, decimal_places=DECIMAL_PLACES)
    entries = models.BigIntegerField()

    objects = DailyTotalQuerySet.as_manager()

    class Meta:
        verbose_name = _("daily total")
        verbose_name_plural = _("daily totals")

    def __str__(self) -> str:
        return f"{self.kind} of account {self.account_id} on {self.day}"


# What was spent: usage less its reversals.
SPENT = Sum(F("amount_out") - F("amount_in"))

"""The columns that the table of transactions can have."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Column(models.TextChoices):
    """In their order on the page."""

    POSTED = "posted_at", _("Posted")
    OCCURRED = "occurred_at", _("Happened")
    ACCOUNT = "account", _("Account")
    HOLDER = "holder", _("Balance of")
    KIND = "kind", _("Kind")
    DESCRIPTION = "description", _("Description")
    REFERENCE = "reference", _("Reference")
    ORIGIN = "origin", _("Origin")
    BY = "by", _("Made by")
    CONTRA = "contra", _("Contra account")
    AMOUNT = "amount", _("Amount")
    BALANCE_AFTER = "balance_after", _("Balance after")


USUAL = [
    Column.POSTED,
    Column.ACCOUNT,
    Column.KIND,
    Column.DESCRIPTION,
    Column.AMOUNT,
    Column.BALANCE_AFTER,
]
# A row without these says nothing.
ALWAYS = [Column.POSTED, Column.AMOUNT]

"""What one operator asks for and another one decides: see ``billing.second_operator``."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Account
from billing import references
from billing.models.entries import DECIMAL_PLACES, MAX_DIGITS
from billing.models.payments import Payment


class Asked(models.TextChoices):
    """What is asked for."""

    ADJUST = "adjust", pgettext_lazy("approval", "Adjust the credit")
    UNDO = "undo", pgettext_lazy("approval", "Undo an adjustment")
    REFUND = "refund", pgettext_lazy("approval", "Give money of a payment back")


class ApprovalState(models.TextChoices):
    """A request waits, and is decided once. One that waits past its time has lapsed."""

    WAITING = "waiting", pgettext_lazy("approval", "Waiting")
    AGREED = "agreed", pgettext_lazy("approval", "Agreed")
    REFUSED = "refused", pgettext_lazy("approval", "Refused")
    WITHDRAWN = "withdrawn", pgettext_lazy("approval", "Withdrawn")


class Approval(models.Model):
    """One thing that an operator wants done, exactly, and what a second one said to it.

    ``amount`` is what it does to the account's credit, signed: that of a refund is below zero.
    ``credit`` and ``available`` are the holder's when it was asked. ``key`` came with the form; it
    names what is done, so that it happens once.
    """

    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    key = models.UUIDField(default=uuid.uuid4, unique=True)
    what = models.CharField(_("what"), max_length=10, choices=Asked.choices)
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, related_name="+")
    # The reference of the adjustment to be undone.
    undoes = models.CharField(max_length=references.MAX_LENGTH, blank=True)
    amount = models.DecimalField(_("amount"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    past_limit = models.BooleanField(default=False)
    reason = models.CharField(_("reason"), max_length=references.MAX_DESCRIPTION)
    holder = models.ForeignKey(Account, models.PROTECT, related_name="+")
    credit = models.DecimalField(max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    available = models.DecimalField(max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(_("asked"))
    expires_at = models.DateTimeField(_("lapses"))
    state = models.CharField(
        _("state"), max_length=10, choices=ApprovalState.choices, default=ApprovalState.WAITING
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    # Why it was refused.
    words = models.CharField(max_length=references.MAX_DESCRIPTION, blank=True)

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="approval_amount_not_zero"),
            models.CheckConstraint(condition=Q(reason__regex=r"\S"), name="approval_has_a_reason"),
            models.CheckConstraint(
                condition=Q(what=Asked.ADJUST, payment__isnull=True, undoes="")
                | (Q(what=Asked.UNDO, payment__isnull=True) & ~Q(undoes=""))
                | Q(what=Asked.REFUND, payment__isnull=False, undoes="", amount__lt=0),
                name="approval_says_what",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("asked_at")), name="approval_lapses_later"
            ),
            models.CheckConstraint(
                # Two pairs of eyes: nobody agrees to, or refuses, what they have asked for.
                condition=Q(
                    state=ApprovalState.WAITING,
                    decided_by__isnull=True,
                    decided_at__isnull=True,
                    words="",
                )
                | (
                    Q(
                        state=ApprovalState.AGREED,
                        decided_by__isnull=False,
                        decided_at__lt=F("expires_at"),
                    )
                    & ~Q(decided_by=F("asked_by"))
                )
                | (
                    Q(
                        state=ApprovalState.REFUSED,
                        decided_by__isnull=False,
                        decided_at__isnull=False,
                        words__regex=r"\S",
                    )
                    & ~Q(decided_by=F("asked_by"))
                )
                | Q(
                    state=ApprovalState.WITHDRAWN,
                    decided_by=F("asked_by"),
                    decided_at__isnull=False,
                ),
                name="approval_decided_by_another",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at", "id"],
                name="approval_waiting",
                condition=Q(state=ApprovalState.WAITING),
            ),
            # What one operator did with another's consent counts for neither of them.
            models.Index(
                fields=["master", "asked_by", "decided_at"],
                name="approval_agreed",
                condition=Q(state=ApprovalState.AGREED),
            ),
        ]

    def __str__(self) -> str:
        return f"approval {self.pk}"

    def get_absolute_url(self) -> str:
        """The operators' page about it."""
        return reverse("operator-approval", args=[self.pk])

    @property
    def currency(self) -> str:
        """The company's; its account is read with its company."""
        return self.account.company.currency

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be decided."""
        return self.state == ApprovalState.WAITING and now < self.expires_at

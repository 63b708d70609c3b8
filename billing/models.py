"""Money at rest: balances, entries, holds, transfers and the history of credit limits.

Only ``billing.ledger`` writes entries, balances and holds. These three begin every key and index
with ``master`` and have no foreign key constraint but Balance -> Account, so that they can be
spread over machines by master account (``docs/ledger.md``). Tables, triggers and the
composite foreign keys that Django cannot express are SQL in ``migrations/``.
"""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Account, BalanceMode, User
from billing import references

# numeric(20, 6): fourteen digits before the point. One amount has at most twelve.
MAX_DIGITS = 20
DECIMAL_PLACES = 6
# The first balance that does not fit.
TOO_LARGE = Decimal(10) ** (MAX_DIGITS - DECIMAL_PLACES)


class Kind(models.TextChoices):
    """What an entry is."""

    PAYMENT = "payment", _("Payment")
    REFUND = "refund", _("Refund")
    CHARGEBACK = "chargeback", _("Chargeback")
    TRANSFER = "transfer", _("Transfer")
    USAGE = "usage", _("Usage")
    ADJUSTMENT = "adjustment", _("Adjustment")
    REVERSAL = "reversal", _("Reversal")


class Contra(models.TextChoices):
    """The platform's side of an entry: customers' credit is its liability."""

    PAYMENTS_CLEARING = "payments_clearing", _("Payments clearing")
    TRANSFERS = "transfers", _("Transfers")
    USAGE_REVENUE = "usage_revenue", _("Usage revenue")
    ADJUSTMENTS = "adjustments", _("Adjustments")


# Each entry is one balanced double-entry posting between the holder's credit and this account.
CONTRA = {
    Kind.PAYMENT: Contra.PAYMENTS_CLEARING,
    Kind.REFUND: Contra.PAYMENTS_CLEARING,
    Kind.CHARGEBACK: Contra.PAYMENTS_CLEARING,
    Kind.TRANSFER: Contra.TRANSFERS,
    Kind.USAGE: Contra.USAGE_REVENUE,
    Kind.ADJUSTMENT: Contra.ADJUSTMENTS,
}

# What an operator can undo; a reversal has the contra account of what it undoes.
REVERSIBLE = (Kind.USAGE, Kind.ADJUSTMENT)


class Origin(models.TextChoices):
    """Who names a reference; references are unique within a master account and origin."""

    API = "api", _("API")
    CONSOLE = "console", _("Console")
    PAYMENT = "payment", pgettext_lazy("origin", "Payment")
    IMPORT = "import", _("Import")
    SYSTEM = "system", _("System")
    # Names what is undone: "usage:api:msg-17". So each is undone once.
    REVERSAL = "reversal", pgettext_lazy("origin", "Reversal")


class Balance(models.Model):
    """One row per account: what it holds. The lock of every posting is on these rows."""

    pk = models.CompositePrimaryKey("master", "account")
    # One SQL constraint ties the three to Account(master_id, id, balance_mode).
    master = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    account = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    mode = models.CharField(
        max_length=10, choices=BalanceMode.choices, default=BalanceMode.ALLOCATED, editable=False
    )
    credit = models.DecimalField(
        _("credit"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, default=Decimal(0)
    )
    credit_limit = models.DecimalField(
        _("credit limit"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, default=Decimal(0)
    )
    on_hold = models.DecimalField(
        _("on hold"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, default=Decimal(0)
    )
    last_seq = models.BigIntegerField(default=0)
    last_posted_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("balance")
        verbose_name_plural = _("balances")
        constraints = [
            models.CheckConstraint(
                condition=Q(credit_limit__gte=0), name="balance_limit_not_negative"
            ),
            models.CheckConstraint(condition=Q(on_hold__gte=0), name="balance_hold_not_negative"),
            models.CheckConstraint(
                condition=Q(last_seq=0, last_posted_at__isnull=True, credit=0)
                | Q(last_seq__gt=0, last_posted_at__isnull=False),
                name="balance_last_entry_is_whole",
            ),
            models.CheckConstraint(
                condition=~Q(mode=BalanceMode.SHARED) | Q(credit=0, credit_limit=0, on_hold=0),
                name="balance_of_shared_is_zero",
            ),
        ]

    def __str__(self) -> str:
        return f"balance of account {self.account_id}"

    @property
    def available(self) -> Decimal:
        """Available balance = credit + credit limit - on hold: what may still be spent."""
        return self.credit + self.credit_limit - self.on_hold

    @property
    def is_restricted(self) -> bool:
        """Whether usage is refused because the available balance is spent."""
        return self.available <= 0


class EntryQuerySet(models.QuerySet["Entry"]):
    """Reads of entries; each begins with who is asking."""

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The entries attributed to accounts that ``user`` may see.

        The entry of a shared subaccount stands in the master account's books, too; whoever sees
        only the subaccount must not be shown ``balance_after`` of it: ask ``Entry.is_own``.
        """
        return self.filter(account__in=Account.objects.visible_to(user))

    def spending(self) -> Self:
        """Usage, and the reversals that take it back: what the platform earns, negated."""
        undone = Q(kind=Kind.REVERSAL, reference__startswith=f"{Kind.USAGE}:")
        return self.filter(Q(kind=Kind.USAGE) | undone)


class Entry(models.Model):
    """One immutable signed movement of one holder's credit, attributed to one account."""

    pk = models.CompositePrimaryKey("master", "holder", "seq")
    master = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    holder = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    seq = models.BigIntegerField()
    account = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
    )
    posted_at = models.DateTimeField(_("posted"))
    occurred_at = models.DateTimeField(_("occurred"), null=True)
    leg = models.SmallIntegerField()
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    origin = models.CharField(_("origin"), max_length=12, choices=Origin.choices)
    # Room for a reversal's, which holds the reference of what it undoes.
    reference = models.CharField(_("reference"), max_length=240)
    description = models.CharField(
        _("description"), max_length=references.MAX_DESCRIPTION, blank=True
    )
    amount = models.DecimalField(_("amount"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    balance_after = models.DecimalField(
        _("balance after"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES
    )
    # The hold that this usage was captured from.
    hold_id = models.UUIDField(_("hold"), null=True)

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        constraints = [
            models.UniqueConstraint(
                fields=["master", "origin", "reference", "leg"], name="entry_reference_unique"
            ),
            models.CheckConstraint(condition=Q(seq__gte=1), name="entry_seq_from_one"),
            models.CheckConstraint(condition=Q(leg__gte=0), name="entry_leg_from_zero"),
            models.CheckConstraint(condition=~Q(amount=0), name="entry_amount_not_zero"),
            models.CheckConstraint(condition=~Q(reference=""), name="entry_has_a_reference"),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="entry_kind_is_known"),
            models.CheckConstraint(
                condition=(~Q(kind__in=[Kind.USAGE, Kind.REFUND]) | Q(amount__lt=0))
                & (~Q(kind=Kind.PAYMENT) | Q(amount__gt=0)),
                name="entry_sign_fits_kind",
            ),
            models.CheckConstraint(
                condition=(~Q(kind=Kind.REVERSAL) & ~Q(origin=Origin.REVERSAL))
                | Q(
                    kind=Kind.REVERSAL,
                    origin=Origin.REVERSAL,
                    reference__regex=f"^({'|'.join(REVERSIBLE)}):",
                ),
                name="entry_reversal_names_what_it_undoes",
            ),
            models.CheckConstraint(
                condition=Q(hold_id__isnull=True) | Q(kind=Kind.USAGE),
                name="entry_captured_is_usage",
            ),
        ]
        indexes = [
            # The company's transactions by time, and one account's.
            models.Index(fields=["master", "posted_at", "holder", "seq"], name="entry_by_time"),
            models.Index(
                fields=["master", "account", "posted_at", "holder", "seq"], name="entry_by_account"
            ),
            # Everything but usage is rare: finding it must not read through the usage.
            models.Index(
                fields=["master", "kind", "posted_at", "holder", "seq"],
                name="entry_by_kind",
                condition=~Q(kind=Kind.USAGE),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference} {self.amount}"

    @property
    def is_own(self) -> bool:
        """Whether it moved the balance of the very account it is attributed to."""
        return self.holder_id == self.account_id

    @property
    def contra(self) -> Contra:
        """The platform's account on the other side; a reversal's is that of what it undoes."""
        kind = self.kind
        if kind == Kind.REVERSAL:
            kind, _colon, _undone = self.reference.partition(":")
        return CONTRA[Kind(kind)]

    @property
    def balance_before(self) -> Decimal:
        """The holder's credit before this entry."""
        return self.balance_after - self.amount


class HoldState(models.TextChoices):
    """A hold is open, and then ends once."""

    OPEN = "open", pgettext_lazy("hold", "Open")
    CAPTURED = "captured", pgettext_lazy("hold", "Captured")
    RELEASED = "released", pgettext_lazy("hold", "Released")
    EXPIRED = "expired", pgettext_lazy("hold", "Expired")


class Hold(models.Model):
    """Credit of ``holder`` that is reserved for usage of ``account`` to come.

    What is not captured yet counts as on hold while it is open. The holder stays what it was when
    the hold was placed, also when the account's balance mode changes.
    """

    pk = models.CompositePrimaryKey("master", "id")
    master = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    id = models.UUIDField(default=uuid.uuid4, editable=False)
    holder = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    account = models.ForeignKey(
        Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
    )
    origin = models.CharField(_("origin"), max_length=12, choices=Origin.choices)
    reference = models.CharField(_("reference"), max_length=references.MAX_LENGTH)
    description = models.CharField(
        _("description"), max_length=references.MAX_DESCRIPTION, blank=True
    )
    amount = models.DecimalField(_("amount"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    captured = models.DecimalField(
        _("captured"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, default=Decimal(0)
    )
    state = models.CharField(
        _("state"), max_length=10, choices=HoldState.choices, default=HoldState.OPEN
    )
    placed_at = models.DateTimeField(_("placed"))
    expires_at = models.DateTimeField(_("expires"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.UniqueConstraint(
                fields=["master", "origin", "reference"], name="hold_reference_unique"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="hold_amount_positive"),
            models.CheckConstraint(condition=~Q(reference=""), name="hold_has_a_reference"),
            models.CheckConstraint(
                condition=Q(captured__gte=0, captured__lte=F("amount")),
                name="hold_captured_at_most_held",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("placed_at")), name="hold_expires_later"
            ),
            models.CheckConstraint(
                condition=Q(state=HoldState.OPEN, ended_at__isnull=True, captured__lt=F("amount"))
                | Q(state=HoldState.CAPTURED, ended_at__isnull=False, captured__gt=0)
                | Q(
                    state__in=[HoldState.RELEASED, HoldState.EXPIRED],
                    ended_at__isnull=False,
                    captured__lt=F("amount"),
                ),
                name="hold_state_is_whole",
            ),
        ]
        indexes = [
            # What has expired, of one holder or of all: only open holds are searched.
            models.Index(
                fields=["master", "holder", "expires_at"],
                name="hold_open_by_expiry",
                condition=Q(state=HoldState.OPEN),
            ),
        ]

    def __str__(self) -> str:
        return f"hold {self.reference} of {self.amount}"

    @property
    def is_open(self) -> bool:
        """Whether it still reserves credit."""
        return self.state == HoldState.OPEN

    @property
    def remaining(self) -> Decimal:
        """What can still be captured, in the company's currency."""
        return self.amount - self.captured if self.is_open else Decimal(0)


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


class CreditLimitChange(models.Model):
    """One change of an account's credit limit: append-only, and the latest is in force."""

    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    old = models.DecimalField(_("old limit"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    new = models.DecimalField(_("new limit"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES)
    reason = models.CharField(_("reason"), max_length=500)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    changed_at = models.DateTimeField(_("changed"))

    class Meta:
        verbose_name = _("credit limit change")
        verbose_name_plural = _("credit limit changes")
        constraints = [
            models.CheckConstraint(condition=Q(new__gte=0), name="limit_not_negative"),
            models.CheckConstraint(condition=~Q(old=F("new")), name="limit_really_changed"),
            models.CheckConstraint(
                condition=Q(reason__regex=r"\S"), name="limit_change_has_a_reason"
            ),
        ]
        indexes = [models.Index(fields=["master", "account", "id"], name="limit_by_account")]

    def __str__(self) -> str:
        return f"limit of account {self.account_id}: {self.old} to {self.new}"

"""Balances and entries: what ``billing.ledger`` alone writes.

These two and holds begin every key and index with ``master`` and have no foreign key constraint
but Balance -> Account, so that they can be spread over machines by master account
(``docs/ledger.md``).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q, Value
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
    # What the account may spend in a calendar month; None is no cap. A soft one only warns.
    cap = models.DecimalField(
        _("spending cap"), max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, null=True
    )
    cap_is_hard = models.BooleanField(default=True)
    # Between these two no alert has anything to tell: see ``billing.alerts``.
    tell_at_or_below = models.DecimalField(
        max_digits=MAX_DIGITS + 2, decimal_places=DECIMAL_PLACES, null=True
    )
    tell_at_or_above = models.DecimalField(
        max_digits=MAX_DIGITS + 2, decimal_places=DECIMAL_PLACES, null=True
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
                condition=Q(cap__isnull=True) | Q(cap__gte=0), name="balance_cap_not_negative"
            ),
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


class Unguessed(models.Func):
    """A value that the planner does not look at: ``(SELECT value)``."""

    template = "(SELECT %(expressions)s::bigint)"
    output_field = models.BigIntegerField()


class EntryQuerySet(models.QuerySet["Entry"]):
    """Reads of entries; each begins with who is asking."""

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The entries attributed to accounts that ``user`` may see.

        The entry of a shared subaccount stands in the master account's books, too; whoever sees
        only the subaccount must not be shown ``balance_after`` of it: ask ``Entry.is_own``.
        """
        return self.filter(account__in=Account.objects.visible_to(user))

    def named(self, *, master: int, origin: str, reference: str) -> Self:
        """The entries of one posting, by the key of postings.

        The planner is not told which company it is: of one that its statistics do not know yet it
        believes that it has no entries, and would read all of them through some other index.
        """
        return self.filter(master=Unguessed(Value(master)), origin=origin, reference=reference)

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
    # Whether limit and cap were asked, or it was recorded past them on purpose. None: written
    # before this was noted.
    limit_enforced = models.BooleanField(null=True)
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
            # A balance at a past moment is the last entry of its holder up to then.
            models.Index(
                fields=["master", "holder", "posted_at", "seq"], name="entry_by_holder_time"
            ),
            # What was captured from a hold.
            models.Index(
                fields=["master", "hold_id"],
                name="entry_by_hold",
                condition=Q(hold_id__isnull=False),
            ),
            # Everything but usage is rare: finding it must not read through the usage.
            models.Index(
                fields=["master", "posted_at", "holder", "seq"],
                name="entry_but_usage_by_time",
                condition=~Q(kind=Kind.USAGE),
            ),
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

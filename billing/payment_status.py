"""What a payment's row of a list, and its page, call it: one word, from all that became of it.

The state says only how far the request has come; what was refunded, disputed or held in review
decides what people must know of it first. One expression for all, so that a filter and a page
never disagree.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.utils.translation import pgettext_lazy

from billing.models import Arrival, ArrivalState, Dispute, DisputeState, Payment, PaymentState


class Status(models.TextChoices):
    """What a person must know of a payment first."""

    STARTED = "started", pgettext_lazy("payment", "Not paid yet")
    WAITING = "waiting", pgettext_lazy("payment", "Waiting for the money")
    IN_REVIEW = "review", pgettext_lazy("payment", "In review")
    PAID = "paid", pgettext_lazy("payment", "Paid")
    PARTLY_REFUNDED = "partly_refunded", pgettext_lazy("payment", "Partly refunded")
    REFUNDED = "refunded", pgettext_lazy("payment", "Refunded")
    DISPUTED = "disputed", pgettext_lazy("payment", "Disputed")
    CHARGED_BACK = "charged_back", pgettext_lazy("payment", "Charged back")
    FAILED = "failed", pgettext_lazy("payment", "Failed")
    EXPIRED = "expired", pgettext_lazy("payment", "Expired")
    CANCELLED = "cancelled", pgettext_lazy("payment", "Cancelled")

    @property
    def tone(self) -> str:
        """The kind of chip or notice; "" for what needs no colour."""
        return _TONES.get(self, "")

    @property
    def is_unpaid(self) -> bool:
        """Whether the customer may still pay it, or its gateway may still tell of money."""
        return self in {Status.STARTED, Status.WAITING}


_TONES = {
    Status.WAITING: "warning",
    Status.IN_REVIEW: "warning",
    Status.PAID: "success",
    Status.DISPUTED: "warning",
    Status.CHARGED_BACK: "danger",
    Status.FAILED: "danger",
}


def with_status(payments: QuerySet[Payment]) -> QuerySet[Payment]:
    """The payments with their ``status``, a value of Status."""
    mine = {"payment": OuterRef("pk")}
    disputes = Dispute.objects.filter(**mine, state=DisputeState.OPEN)
    reviews = Arrival.objects.filter(**mine, state=ArrivalState.IN_REVIEW)
    # The first that is true: what is undecided, then what the money did, then how far it came.
    return payments.annotate(
        status=Case(
            When(Exists(disputes), then=Value(Status.DISPUTED)),
            When(Exists(reviews), then=Value(Status.IN_REVIEW)),
            When(charged_back__gt=0, then=Value(Status.CHARGED_BACK)),
            When(Q(refunded__gt=0, refunded=F("credited")), then=Value(Status.REFUNDED)),
            When(refunded__gt=0, then=Value(Status.PARTLY_REFUNDED)),
            When(state=PaymentState.PAID, then=Value(Status.PAID)),
            When(state=PaymentState.PENDING, then=Value(Status.WAITING)),
            When(state=PaymentState.FAILED, then=Value(Status.FAILED)),
            When(state=PaymentState.EXPIRED, then=Value(Status.EXPIRED)),
            When(state=PaymentState.CANCELLED, then=Value(Status.CANCELLED)),
            default=Value(Status.STARTED),
            output_field=models.CharField(),
        )
    )


def status_of(payment: Payment) -> Status:
    """The payment's status; one query, none for one that comes from ``with_status``."""
    known = getattr(payment, "status", None)
    if known is None:
        mine = Payment.objects.filter(pk=payment.pk)
        known = with_status(mine).get().status  # type: ignore[attr-defined]  # annotated
    return Status(known)

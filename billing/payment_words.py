"""What a payment's page says: how it stands, and what happened to it, in the customer's words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from billing.models import Arrival, ArrivalState, Payment, PaymentEvent, ReviewReason
from billing.payment_status import Status
from billing.payment_trail import Trail
from console import money


class News(NamedTuple):
    """How a payment stands: ``kind`` of notice, its title and a sentence or two."""

    kind: str
    title: str
    text: str


class Line(NamedTuple):
    """One thing that happened: what, its figure, and who did it; "" for the gateway and jobs."""

    at: datetime
    title: str
    figure: str
    about: str
    by: str


_TITLES = {
    Trail.STARTED: gettext_lazy("Started"),
    Trail.OPENED: gettext_lazy("Ready to be paid"),
    Trail.MAILED: gettext_lazy("Mailed how to pay"),
    Trail.PENDING: gettext_lazy("The payment service waits for the money"),
    Trail.ARRIVED: gettext_lazy("Money arrived"),
    Trail.CREDITED: gettext_lazy("Credited"),
    Trail.IN_REVIEW: gettext_lazy("Held in review"),
    Trail.RETURNED: gettext_lazy("Sent back to who paid it"),
    Trail.SAME: gettext_lazy("The same money, told twice"),
    Trail.FAILED: gettext_lazy("An attempt to pay failed"),
    Trail.EXPIRED: gettext_lazy("Expired"),
    Trail.CANCELLED: gettext_lazy("Cancelled"),
    Trail.REFUND_REQUESTED: gettext_lazy("Refund under way"),
    Trail.REFUNDED: gettext_lazy("Refunded"),
    Trail.REFUND_FAILED: gettext_lazy("Refund failed"),
    Trail.DISPUTED: gettext_lazy("Disputed by the payer's bank"),
    Trail.DISPUTE_WON: gettext_lazy("Dispute won: the money is back"),
    Trail.DISPUTE_LOST: gettext_lazy("Dispute lost: the money stays with the payer's bank"),
}
# An operator's reason, or what a bank writes about a dispute, is for operators.
_ABOUT_FOR_ALL = {Trail.CREDITED, Trail.IN_REVIEW, Trail.FAILED}


def news_of(
    payment: Payment, status: Status, arrivals: Iterable[Arrival], *, is_late: bool
) -> News:
    """How the payment stands; ``is_late``: its time is over and nobody has told us so."""
    text = {
        Status.STARTED: _started,
        Status.WAITING: _waiting,
        Status.FAILED: _failed,
    }.get(status)
    if is_late:
        return News(
            "warning",
            _("The time to pay is over."),
            _(
                "Nothing was credited. If you have paid, it is credited as soon as the payment"
                " service tells us; this page then says so."
            ),
        )
    if status == Status.WAITING and payment.failure:
        return News("warning", _("Not paid yet."), _tried(payment))
    if text is not None:
        kind = "danger" if status == Status.FAILED else "info"
        return News(kind, f"{status.label}.", text(payment))
    if status == Status.IN_REVIEW:
        return News("warning", _("In review."), " ".join(_reviews(payment, arrivals)))
    return News(status.tone or "info", f"{status.label}.", _done(payment, status))


def trail_of(events: Iterable[PaymentEvent], reader: User) -> list[Line]:
    """What happened, in words; to customers the platform's staff have no names."""
    return [
        Line(
            event.at,
            str(_TITLES[Trail(event.what)]),
            written(event.amount, event.currency) if event.amount is not None else "",
            event.about if reader.is_staff or event.what in _ABOUT_FOR_ALL else "",
            who(event.by, reader),
        )
        for event in events
    ]


def who(person: User | None, reader: User) -> str:
    """Whose doing it was; "" for nobody's."""
    if person is None:
        return ""
    if person.is_staff and not reader.is_staff:
        return _("The platform")
    return str(person)


def written(amount: Decimal, currency: str) -> str:
    """``EGP 1,240.50``, exact."""
    return f"{currency} {money.format_amount(amount, money.currency_decimals(currency))}"


def _started(payment: Payment) -> str:
    return _(
        "No money was taken: the payment service has not opened a page to pay on yet."
        " Continue to try again."
    )


def _waiting(payment: Payment) -> str:
    if payment.instructions.get("kind") == "bank_transfer":
        return _(
            "Transfer the amount with the reference below. It is credited when it has arrived;"
            " you can close this page meanwhile."
        )
    if payment.instructions:
        return _(
            "Pay with the code below. It is credited as soon as the payment service tells us that"
            " it was paid; you can close this page meanwhile."
        )
    return _(
        "Nothing is credited until the payment service tells us that it was paid."
        " This page then says so by itself."
    )


def _tried(payment: Payment) -> str:
    """After an attempt that failed while the checkout stays open."""
    return _(
        "The last attempt failed: %(why)s Nothing was credited. It can still be paid, or cancelled"
        " and paid another way."
    ) % {"why": payment.failure}


def _failed(payment: Payment) -> str:
    nothing = _("Nothing was credited.")
    return f"{payment.failure} {nothing}" if payment.failure else nothing


def _reviews(payment: Payment, arrivals: Iterable[Arrival]) -> list[str]:
    """A sentence for each money that is held."""
    sentences = []
    asked = written(payment.total, payment.currency)
    for arrival in arrivals:
        if arrival.state != ArrivalState.IN_REVIEW:
            continue
        facts = {"came": written(arrival.amount, arrival.currency), "asked": asked}
        if arrival.reason == ReviewReason.TWICE:
            said = _("%(came)s arrived though it was paid already.")
        elif arrival.reason in {ReviewReason.AMOUNT, ReviewReason.CURRENCY}:
            said = _("%(came)s arrived, %(asked)s were asked for.")
        else:
            said = _("%(came)s arrived that we could not credit by ourselves.")
        sentences.append(said % facts)
    return [*sentences, _("The platform is looking at it; it is not credited yet.")]


def _done(payment: Payment, status: Status) -> str:
    facts = {
        "account": payment.account.name,
        "credited": written(payment.credited, payment.currency),
        "refunded": written(payment.refunded, payment.currency),
        "taken": written(payment.charged_back, payment.currency),
    }
    said = {
        Status.PAID: _("%(credited)s are credited to %(account)s."),
        Status.PARTLY_REFUNDED: _(
            "%(credited)s were credited to %(account)s, and %(refunded)s given back to who paid."
        ),
        Status.REFUNDED: _("All of it, %(refunded)s, was given back to who paid."),
        Status.CHARGED_BACK: _(
            "The payer's bank took %(taken)s back, and they left the credit of %(account)s."
        ),
        Status.DISPUTED: _(
            "The payer's bank disputes it: %(taken)s left the credit of %(account)s until that is"
            " decided."
        ),
        Status.EXPIRED: _(
            "It was not paid in time, and nothing was credited. Money that still arrives will be."
        ),
        Status.CANCELLED: _(
            "It was given up, and nothing was credited. Do not pay it any more; money that still"
            " arrives is credited all the same."
        ),
    }[status]
    return said % facts

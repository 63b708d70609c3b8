"""What is sent and answered, for the OpenAPI document. At run time nothing is validated with it.

``additionalProperties: false`` everywhere: the readers refuse unknown fields, and the property
test notices an answer that has one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field

from accounts.models import BalanceMode, State
from billing.api.rows import MOST_CHARGES
from billing.holds import LONGEST
from billing.models import HoldState, Kind, Origin


def _strict(**example: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


def _text(pattern: str, description: str = "", **more: Any) -> Any:
    """A text whose pattern is documented, not compiled: the readers have their own."""
    return Field(description=description or None, json_schema_extra={"pattern": pattern}, **more)


def _maybe(description: str = "") -> Any:
    """A field that may be left out, and is never null: ``openapi`` drops the default."""
    return Field(default=None, description=description or None)


Amount = Annotated[
    str,
    _text(
        # As console.money reads it; more than zero.
        r"^(?=.*[1-9])[0-9]{1,12}(\.[0-9]{1,6})?$",
        "In the company's currency, more than zero, at most six decimals.",
    ),
]
Figure = Annotated[
    str,
    _text(r"^-?[0-9]+\.[0-9]{6}$", "In the company's currency, always with six decimals."),
]
Code = Annotated[str, _text(r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
# What nobody sees, as far as a short pattern can say it; billing.references knows them all.
_UNSEEN = r"\u0000-\u001f\u007f-\u00a0\u00ad\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff"
Reference = Annotated[
    str,
    _text(
        rf"^[^ {_UNSEEN}]([^{_UNSEEN}]{{0,198}}[^ {_UNSEEN}])?$",
        "Names the posting for ever; no control characters or other invisible ones, no spaces at"
        " its ends.",
    ),
]
Description = Annotated[str, _text(r"^[^\u0000]{0,500}$")]
Currency = Annotated[str, _text(r"^[A-Z]{3}$")]

CAP = {
    "amount": "50000.000000",
    "hard": True,
    "spent": "40020.500000",
    "on_hold": "5000.000000",
    "left": "4979.500000",
}
ACCOUNT = {
    "account": "marketing",
    "holder": "marketing",
    "mode": "allocated",
    "state": "active",
    "currency": "EGP",
    "credit": "8482.750000",
    "credit_limit": "30000.000000",
    "on_hold": "5000.000000",
    "available": "33482.750000",
    "restricted": False,
    "spending_cap": CAP,
}


class SpendingCap(Schema):
    """What an account may spend in a calendar month of its company: left = amount - the rest."""

    model_config = _strict(**CAP)

    amount: Figure
    hard: Annotated[
        bool, Field(description="Whether usage past it is refused; a soft cap only warns.")
    ]
    spent: Annotated[Figure, Field(description="Usage of this month less its reversals.")]
    on_hold: Annotated[Figure, Field(description="What its open holds reserve.")]
    left: Annotated[Figure, Field(description="What may still be spent; zero when used up.")]


class Balance(Schema):
    """What an account can spend: available = credit + credit_limit - on_hold."""

    model_config = _strict(**ACCOUNT)

    account: Code
    holder: Annotated[
        Code, Field(description="Whose balance it is: the master account's in shared mode.")
    ]
    mode: BalanceMode
    state: Annotated[
        State, Field(description="As a charge meets it: a suspended company suspends its tree.")
    ]
    currency: Currency
    credit: Figure
    credit_limit: Figure
    on_hold: Figure
    available: Figure
    restricted: Annotated[bool, Field(description="Whether the available balance is spent.")]
    spending_cap: Annotated[
        SpendingCap | None, Field(description="Of the account itself; null where it has none.")
    ] = None
    at: datetime = _maybe("The moment that was asked for, with the parameter at only.")


class Subaccount(Balance):
    """A subaccount and what it can spend."""

    model_config = _strict(name="Marketing", **ACCOUNT)

    name: str


class Subaccounts(Schema):
    """A page of subaccounts."""

    model_config = _strict(subaccounts=[{"name": "Marketing", **ACCOUNT}], next=None)

    subaccounts: list[Subaccount]
    next: Annotated[Code | None, Field(description="Continue with ?after=; null at the end.")]


class ChargeBody(Schema):
    """One usage; its reference is the header Idempotency-Key."""

    model_config = _strict(amount="0.0075", description="SMS to +20100")

    amount: Amount
    description: Description = ""
    occurred_at: datetime = _maybe("When it happened, for display.")
    enforce_limit: bool = Field(
        default=True,
        description="false: it has happened already; record it past the limit and whatever the"
        " account's state. Needs the scope charges:past-limit.",
    )


class BatchCharge(ChargeBody):
    """One usage of a batch."""

    model_config = _strict(reference="msg-17", account="marketing", amount="0.0075")

    reference: Reference
    account: Code


class Batch(Schema):
    """Up to 5,000 usages, decided one after the other."""

    model_config = _strict(
        charges=[{"reference": "msg-17", "account": "marketing", "amount": "0.0075"}]
    )

    # What is in it is told line by line: a row that is no charge does not stop the others.
    charges: list[BatchCharge] = Field(min_length=1, max_length=MOST_CHARGES)


class Charged(Schema):
    """What stands in the books."""

    model_config = _strict(
        status="accepted",
        reference="msg-17",
        account="marketing",
        holder="marketing",
        amount="0.007500",
        currency="EGP",
        seq=42,
        balance_after="499.992500",
        posted_at="2026-11-03T12:05:00.123456Z",
    )

    status: Literal["accepted", "replayed"]
    reference: str
    account: Code
    holder: Code
    amount: Figure
    currency: Currency
    seq: Annotated[int, Field(ge=1, description="The holder's entry of this number.")]
    balance_after: Annotated[Figure, Field(description="The holder's credit after it.")]
    posted_at: datetime


class FieldProblem(Schema):
    """One field that is not valid; without a name, what else there is to say."""

    model_config = _strict(field="amount", message="The amount is not more than zero.")

    field: str
    message: str


class PostedResult(Schema):
    """A charge that stands in the books."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["accepted", "replayed"]
    reference: str
    account: Code
    holder: Code
    seq: Annotated[int, Field(ge=1)]
    balance_after: Figure
    posted_at: datetime


class RefusedResult(Schema):
    """A charge that was refused; nothing was written of it."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["refused", "conflict"]
    reference: str
    account: Code
    code: str
    type: str
    detail: str
    available: Figure = _maybe()
    short_by: Figure = _maybe()
    cap: Figure = _maybe()
    used: Figure = _maybe()
    left: Figure = _maybe()


class InvalidResult(Schema):
    """A row that is no charge."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["invalid"]
    reference: str = _maybe()
    account: str = _maybe()
    errors: list[FieldProblem]


class BatchResults(Schema):
    """A result for each charge, in their order."""

    model_config = _strict(
        results=[
            {
                "status": "accepted",
                "reference": "msg-17",
                "account": "marketing",
                "holder": "marketing",
                "seq": 42,
                "balance_after": "499.992500",
                "posted_at": "2026-11-03T12:05:00.123456Z",
            }
        ]
    )

    results: list[PostedResult | RefusedResult | InvalidResult]


class Entry(Schema):
    """One immutable signed movement of the holder's credit."""

    model_config = ConfigDict(extra="forbid")

    seq: Annotated[int, Field(ge=1)]
    account: Annotated[Code, Field(description="The account it is attributed to.")]
    kind: Kind
    origin: Origin
    reference: str
    description: str
    amount: Annotated[Figure, Field(description="Negative: spent. Positive: money in.")]
    balance_after: Figure
    posted_at: datetime
    occurred_at: datetime | None
    hold: Annotated[UUID | None, Field(description="The hold that it was captured from.")]


class Entries(Schema):
    """A page of a holder's entries, in the order of seq."""

    model_config = _strict(
        entries=[
            {
                "seq": 42,
                "account": "marketing",
                "kind": "usage",
                "origin": "api",
                "reference": "msg-17",
                "description": "SMS to +20100",
                "amount": "-0.007500",
                "balance_after": "499.992500",
                "posted_at": "2026-11-03T12:05:00.123456Z",
                "occurred_at": None,
                "hold": None,
            }
        ],
        next=42,
        more=False,
    )

    entries: list[Entry]
    next: Annotated[int, Field(ge=0, description="Continue with ?after= this, now or later.")]
    more: Annotated[bool, Field(description="Whether there are more already.")]


class HoldBody(Schema):
    """Credit to reserve; its reference is the header Idempotency-Key."""

    model_config = _strict(amount="250.00", expires_in=3600, description="Ramadan campaign")

    amount: Amount
    expires_in: int = Field(
        default=86_400, ge=1, le=int(LONGEST.total_seconds()), description="Seconds."
    )
    description: Description = ""


class CaptureBody(Schema):
    """What to take of a hold; the capture's reference is the header Idempotency-Key."""

    model_config = _strict(amount="240.00", final=True)

    amount: Amount = _maybe("Left out, as in {}: all that remains.")
    final: bool = Field(default=False, description="true: give back at once what is left.")
    description: Description = ""
    occurred_at: datetime = _maybe("When it happened, for display.")


class Hold(Schema):
    """A hold as it is now."""

    model_config = _strict(
        id="6f1e8c52-8a4e-4f6c-9d57-7a2f3b1c0d9e",
        reference="campaign-9",
        account="marketing",
        holder="marketing",
        currency="EGP",
        amount="250.000000",
        captured="0.000000",
        remaining="250.000000",
        state="open",
        description="Ramadan campaign",
        placed_at="2026-11-03T12:05:00.123456Z",
        expires_at="2026-11-03T13:05:00.123456Z",
        ended_at=None,
    )

    id: UUID
    reference: str
    account: Code
    holder: Code
    currency: Currency
    amount: Figure
    captured: Figure
    remaining: Annotated[Figure, Field(description="What can still be captured.")]
    state: HoldState
    description: str
    placed_at: datetime
    expires_at: datetime
    ended_at: datetime | None


class Problem(Schema):
    """A problem document (RFC 9457). Which figures it has depends on its type."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = _maybe()
    available: Figure = _maybe()
    short_by: Figure = _maybe()
    cap: Figure = _maybe()
    used: Figure = _maybe()
    left: Figure = _maybe()
    currency: Currency = _maybe()
    account: Code = _maybe()
    holder: Code = _maybe("Whose balance is too low: with insufficient-balance only.")
    scope: str = _maybe()
    limit: int = _maybe()
    state: str = _maybe()
    remaining: Figure = _maybe()
    asked: Figure = _maybe()


class ProblemType(Schema):
    """What a type of problem means."""

    model_config = ConfigDict(extra="forbid")

    type: str
    title: str
    status: int
    explanation: str

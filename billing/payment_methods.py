"""Which ways to pay there are: by the country and currency of the company."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.models import Account, User
from billing.gateways import gateway
from billing.models import PaymentMethod
from console import money

TABLE = Path(__file__).parent / "data" / "payment_methods.csv"
ANYWHERE = "*"
HUNDRED = Decimal(100)


# What operators change.
EDITABLE = ("min_amount", "max_amount", "step", "fee_percent", "fee_fixed", "is_enabled")


class MethodChanged(Exception):
    """Somebody else has changed the method; ``method`` is as it is now."""

    def __init__(self, method: PaymentMethod) -> None:
        super().__init__(f"{method} was changed meanwhile")
        self.method = method


class AmountRefused(ValueError):
    """An amount that the method does not take; ``message`` is a sentence with the figures."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Quote:
    """What is credited, the fee on top, and what the customer pays; in the currency."""

    amount: Decimal
    fee: Decimal

    @property
    def total(self) -> Decimal:
        """Amount and fee."""
        return self.amount + self.fee


def offered(company: Account) -> list[PaymentMethod]:
    """The methods that the company can pay with now, in their order. One query.

    Those of its country in its currency; where the country has none, those of anywhere, if they
    are in the same currency. Without those that are switched off or whose gateway is not there.
    """
    rows = PaymentMethod.objects.filter(
        country__in=[company.country, ANYWHERE], currency=company.currency
    ).order_by("position", "pk")
    of_country = [row for row in rows if row.country == company.country]
    chosen = of_country or [row for row in rows if row.country == ANYWHERE]
    return [row for row in chosen if row.is_enabled and gateway(row.gateway).is_available]


def quote(method: PaymentMethod, amount: Decimal) -> Quote:
    """The amount with the method's fee. Raises AmountRefused, which says which limit it passes."""
    decimals = money.currency_decimals(method.currency)
    names = {"method": method.label, "currency": method.currency}
    if amount < method.min_amount:
        least = money.format_amount(method.min_amount, decimals)
        raise AmountRefused(
            _("%(method)s takes %(currency)s %(least)s or more.") % {**names, "least": least}
        )
    if amount > method.max_amount:
        most = money.format_amount(method.max_amount, decimals)
        raise AmountRefused(
            _("%(method)s takes at most %(currency)s %(most)s at once.") % {**names, "most": most}
        )
    if amount % method.step:
        step = money.format_amount(method.step, decimals)
        raise AmountRefused(
            _("%(method)s takes amounts in steps of %(currency)s %(step)s.")
            % {**names, "step": step}
        )
    # No thousandths: card networks take none, and Stripe would refuse the payment.
    smallest = Decimal(1).scaleb(-min(decimals, 2))
    fee = method.fee_fixed + amount * method.fee_percent / HUNDRED
    return Quote(amount, fee.quantize(smallest, rounding=ROUND_CEILING))


def load(table: Path = TABLE) -> tuple[int, int]:
    """Bring the table's rows in: how many were added, and how many changed.

    What an operator has edited stays as it is, and what the table does not name is left alone: a
    second call changes nothing.
    """
    added = changed = 0
    with transaction.atomic(), table.open(newline="", encoding="utf-8") as lines:
        there = {
            (row.country, row.currency, row.code): row
            for row in PaymentMethod.objects.select_for_update()
        }
        for line in csv.DictReader(lines):
            facts = _facts(line)
            row = there.get((line["country"], line["currency"], line["code"]))
            if row is None:
                PaymentMethod.objects.create(
                    country=line["country"], currency=line["currency"], code=line["code"], **facts
                )
                added += 1
            elif not row.is_edited and any(
                getattr(row, name) != value for name, value in facts.items()
            ):
                for name, value in facts.items():
                    setattr(row, name, value)
                row.save(update_fields=list(facts))
                changed += 1
    return added, changed


def edit(
    method: PaymentMethod, *, shown: str, by: User | None, **changes: object
) -> PaymentMethod:
    """Change limits, step, fee or whether it is offered; from then on ``load`` leaves it alone.

    ``shown`` is what ``figures`` of it was when the operator saw it. Payments that were asked for
    keep theirs. Raises MethodChanged when somebody else has changed it meanwhile. A second call
    changes nothing.
    """
    with transaction.atomic(durable=True):
        locked = PaymentMethod.objects.select_for_update(no_key=True).get(pk=method.pk)
        if all(getattr(locked, name) == value for name, value in changes.items()):
            return locked
        if figures(locked) != shown:
            raise MethodChanged(locked)
        before = {name: getattr(locked, name) for name in changes}
        for name, value in changes.items():
            setattr(locked, name, value)
        locked.is_edited = True
        locked.save(update_fields=[*changes, "is_edited"])
        audit.record(
            action=AuditAction.METHOD_EDITED,
            by=by,
            before={name: value for name, value in before.items() if value != changes[name]},
            after={name: value for name, value in changes.items() if value != before[name]},
            about=f"{locked.label}, {locked.country}, {locked.currency}",
        )
    return locked


def figures(method: PaymentMethod) -> str:
    """What an operator may change of it, as text to compare."""
    return ";".join(f"{getattr(method, name)}" for name in EDITABLE)


def presets(currency: str) -> Sequence[Decimal]:
    """Amounts that are offered to choose from, in the currency."""
    return _PRESETS.get(currency, _PRESETS[""])


def _facts(line: dict[str, str]) -> dict[str, object]:
    amounts = {name: Decimal(line[name]) for name in ("min_amount", "max_amount", "step")}
    numbers = {name: int(line[name]) for name in ("expires_minutes", "position")}
    texts = {name: line[name] for name in ("label", "kind", "confirmation", "gateway")}
    return {**texts, **amounts, **numbers}


def _amounts(*values: int) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, values))


# What a company spends in a week or a month, roughly, whatever its currency is worth.
_PRESETS = {
    "": _amounts(100, 500, 1_000, 5_000),
    **dict.fromkeys(["KWD", "BHD", "OMR", "JOD"], _amounts(25, 100, 250, 1_000)),
    **dict.fromkeys(["EGP", "TRY", "ZAR", "INR", "BRL"], _amounts(500, 1_000, 5_000, 20_000)),
    **dict.fromkeys(["JPY", "KES", "NGN"], _amounts(5_000, 10_000, 50_000, 100_000)),
}

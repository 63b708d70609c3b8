"""The rules of money once more, in plain Python and as simply as they can be said.

It knows nothing of locks, seconds or statements: one thing happens after the other, and a hold is
past its time when somebody says so. All happens in one month. What it answers is what the verbs
must answer.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

MASTER, ALPHA, BETA, SHARED = "master", "alpha", "beta", "shared"
NAMES = [MASTER, ALPHA, BETA, SHARED]
OWN = [MASTER, ALPHA, BETA]


class Row(NamedTuple):
    """An entry."""

    holder: str
    seq: int
    account: str
    amount: Decimal
    balance_after: Decimal


class Answer(NamedTuple):
    """What became of it: the rows when accepted or replayed, else code and figures."""

    status: str
    rows: tuple[Row, ...] = ()
    figures: dict[str, Any] | None = None


@dataclass
class Book:
    """One account."""

    credit: Decimal = Decimal(0)
    limit: Decimal = Decimal(0)
    suspended: bool = False
    seq: int = 0
    # Usage less its reversals.
    spent: Decimal = Decimal(0)
    # None is no cap; a soft one refuses nothing.
    cap: Decimal | None = None
    is_hard: bool = True


@dataclass
class Held:
    """One hold."""

    account: str
    holder: str
    amount: Decimal
    captured: Decimal = Decimal(0)
    state: str = "open"
    past: bool = False

    @property
    def remaining(self) -> Decimal:
        return self.amount - self.captured if self.state == "open" else Decimal(0)


class Posted(NamedTuple):
    """What a reference stands for."""

    kind: str
    legs: list[tuple[str, Decimal]]
    hold: str | None
    rows: tuple[Row, ...]


@dataclass
class Model:
    """One company."""

    books: dict[str, Book] = field(default_factory=lambda: {name: Book() for name in NAMES})
    holds: dict[str, Held] = field(default_factory=dict)
    posted: dict[tuple[str, str], Posted] = field(default_factory=dict)

    # --- Figures ---------------------------------------------------------------------------

    def holder(self, name: str) -> str:
        return MASTER if name == SHARED else name

    def on_hold(self, holder: str) -> Decimal:
        return sum((h.remaining for h in self.holds.values() if h.holder == holder), Decimal(0))

    def available(self, holder: str) -> Decimal:
        book = self.books[holder]
        return book.credit + book.limit - self.on_hold(holder)

    def used(self, name: str) -> Decimal:
        """What counts against a cap: a hold past its time does not, also before it is swept."""
        held = (h.remaining for h in self.holds.values() if h.account == name and not h.past)
        return self.books[name].spent + sum(held, Decimal(0))

    # --- Verbs -----------------------------------------------------------------------------

    def charge(self, reference: str, name: str, amount: Decimal, enforce: bool = True) -> Answer:
        return self._post("usage", "api", reference, [(name, -amount)], enforce)

    def pay(self, reference: str, name: str, amount: Decimal) -> Answer:
        return self._post("payment", "payment", reference, [(name, amount)])

    def adjust(self, reference: str, name: str, amount: Decimal) -> Answer:
        return self._post("adjustment", "console", reference, [(name, amount)])

    def transfer(self, key: str, source: str, destination: str, amount: Decimal) -> Answer:
        before = deepcopy(self.holds)
        legs = [(source, -amount), (destination, amount)]
        answer = self._post("transfer", "console", key, legs)
        if answer.status == "refused":
            # It is raised: nothing at all was done, not even expired what is past its time.
            self.holds = before
        return answer

    def reverse(self, origin: str, reference: str) -> Answer:
        undone = self.posted.get((origin, reference))
        if undone is None:
            return _refused("unknown_reference")
        if undone.kind not in ("usage", "adjustment"):
            return _refused("cannot_reverse")
        legs = [(row.account, -row.amount) for row in undone.rows]
        return self._post("reversal", "reversal", f"{undone.kind}:{origin}:{reference}", legs)

    def hold(self, reference: str, name: str, amount: Decimal) -> Answer:
        there = self.holds.get(reference)
        if there is not None:
            same = (there.account, there.amount) == (name, amount)
            return Answer("replayed") if same else _conflict()
        refused = self._may_not_spend("usage", name, amount)
        if refused is not None:
            return refused
        self.holds[reference] = Held(name, self.holder(name), amount)
        return Answer("accepted")

    def capture(self, reference: str, hold: str, amount: Decimal | None, final: bool) -> Answer:
        held = self.holds[hold]
        booked = self.posted.get(("api", reference))
        if booked is not None:
            if held.state == "open" and not held.past and (final or amount is None):
                return _conflict()  # It asks for the end of a hold, which has not come.
            legs = booked.legs if amount is None else [(held.account, -amount)]
            return self._repeated(booked, "usage", legs, hold)
        if held.state == "open" and held.past:
            held.state = "expired"
        if held.state != "open":
            return _refused("hold_ended", state=held.state)
        asked = held.remaining if amount is None else amount
        if asked > held.remaining:
            return _refused("more_than_held", remaining=held.remaining, asked=asked)
        held.captured += asked
        if final or held.captured == held.amount:
            held.state = "captured"
        return self._enter("usage", "api", reference, [(held.account, -asked)], hold)

    def release(self, hold: str) -> str:
        held = self.holds[hold]
        if held.state == "open":
            held.state = "expired" if held.past else "released"
        return held.state

    def sweep(self) -> int:
        late = [held for held in self.holds.values() if held.state == "open" and held.past]
        for held in late:
            held.state = "expired"
        return len(late)

    # --- How ------------------------------------------------------------------------------

    def _post(
        self,
        kind: str,
        origin: str,
        reference: str,
        legs: list[tuple[str, Decimal]],
        enforce: bool = True,
    ) -> Answer:
        booked = self.posted.get((origin, reference))
        if booked is not None:
            return self._repeated(booked, kind, legs, None)
        for name, amount in legs:
            if kind == "transfer" and name == SHARED:
                return _refused("shared")
            if amount < 0 and enforce:
                refused = self._may_not_spend(kind, name, -amount)
                if refused is not None:
                    return refused
        return self._enter(kind, origin, reference, legs, None)

    def _repeated(
        self, booked: Posted, kind: str, legs: list[tuple[str, Decimal]], hold: str | None
    ) -> Answer:
        same = (booked.kind, booked.legs, booked.hold) == (kind, legs, hold)
        return Answer("replayed", booked.rows) if same else _conflict()

    def _may_not_spend(self, kind: str, name: str, amount: Decimal) -> Answer | None:
        suspended = self.books[name].suspended or self.books[MASTER].suspended
        if suspended and kind in ("usage", "transfer"):
            return _refused("suspended")
        book = self.books[name]
        if kind == "usage" and book.cap is not None and book.is_hard:
            used = self.used(name)
            if used + amount > book.cap:
                left = max(book.cap - used, Decimal(0))
                return _refused(
                    "spending_cap", cap=book.cap, used=used, left=left, short_by=amount - left
                )
        holder = self.holder(name)
        if amount > self.available(holder):
            for held in self.holds.values():
                if held.holder == holder and held.state == "open" and held.past:
                    held.state = "expired"
        available = self.available(holder)
        if amount > available:
            short = amount - available
            return _refused("insufficient_balance", available=available, short_by=short)
        return None

    def _enter(
        self,
        kind: str,
        origin: str,
        reference: str,
        legs: list[tuple[str, Decimal]],
        hold: str | None,
    ) -> Answer:
        rows = []
        for name, amount in legs:
            holder = self.holds[hold].holder if hold else self.holder(name)
            book = self.books[holder]
            book.seq += 1
            book.credit += amount
            if kind == "usage" or reference.startswith("usage:"):
                self.books[name].spent -= amount
            rows.append(Row(holder, book.seq, name, amount, book.credit))
        self.posted[origin, reference] = Posted(kind, legs, hold, tuple(rows))
        return Answer("accepted", tuple(rows))


def _refused(code: str, **figures: Any) -> Answer:
    return Answer("refused", figures={"code": code, **figures})


def _conflict() -> Answer:
    return Answer("conflict", figures={"code": "conflict"})

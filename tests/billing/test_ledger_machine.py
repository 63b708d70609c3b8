"""All the verbs of money in any order, against a model in plain Python.

Hypothesis looks for a story in which the books and the model differ. A hold comes to its end when
the story says so: its time is set, past the trigger, to just after all that it has seen. Waiting
for short holds would make what a step does depend on how fast the machine is.
"""

from __future__ import annotations

import itertools
from collections import Counter
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from accounts.models import BalanceMode
from billing import adjustments, caps, charges, holds, limits, transfers, tree
from billing.charges import Charge
from billing.ledger import Outcome
from billing.models import Balance, Hold, Origin
from billing.refusals import Refused
from billing.verification import verify
from tests.billing.ledger_model import ALPHA, BETA, MASTER, NAMES, OWN, SHARED, Answer, Model, Row
from tests.factories import give, make_master, make_subaccount

# Few amounts, so that a limit is met to the last micro, and few references, so that they repeat.
amounts = st.sampled_from(["0.000001", "0.0075", "1", "10", "25", "49.9925", "60"]).map(Decimal)
references = st.integers(1, 30).map(lambda number: f"m-{number}")
hold_references = st.integers(1, 12).map(lambda number: f"h-{number}")
# Some of them are charges' references, too.
capture_references = references | st.integers(1, 60).map(lambda number: f"c-{number}")
parts = st.sampled_from(["0.000001", "0.5", "5", "10"]).map(Decimal)
names = st.sampled_from(NAMES)
own_names = st.sampled_from(OWN)
charges_asked = st.tuples(references, names, amounts, st.sampled_from([True, True, True, False]))

_companies = itertools.count(1)
_answers: Counter[str] = Counter()


class Ledger(RuleBasedStateMachine):
    """One company, in the books and in the model."""

    held = Bundle("held")
    booked = Bundle("booked")
    captured = Bundle("captured")

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.numbers = itertools.count(1)
        master = make_master(f"machine-{next(_companies)}")
        self.accounts = {
            MASTER: master,
            ALPHA: make_subaccount(master, ALPHA),
            BETA: make_subaccount(master, BETA),
            SHARED: make_subaccount(master, SHARED, mode=BalanceMode.SHARED),
        }
        self.names = {account.pk: name for name, account in self.accounts.items()}

    @property
    def master(self) -> int:
        return self.accounts[MASTER].pk

    # --- Money in -------------------------------------------------------------------------

    @initialize(target=held)
    def open_with_something(self) -> Any:
        for name, amount in ((MASTER, Decimal(100)), (ALPHA, Decimal(50))):
            self.pay(f"open-{name}", name, amount)
        self.change_limit(ALPHA, Decimal(20))
        return multiple(
            self.hold("open-alpha", ALPHA, Decimal(35)),
            self.hold("open-shared", SHARED, Decimal(35)),
        )

    @rule(reference=references, name=names, amount=amounts)
    def pay(self, reference: str, name: str, amount: Decimal) -> None:
        told = give(self.accounts[name], amount, reference)
        self._same("pay", self.model.pay(reference, name, amount), told)

    # --- Charges --------------------------------------------------------------------------

    @rule(target=booked, asked=charges_asked)
    def charge(self, asked: tuple[str, str, Decimal, bool]) -> Any:
        reference, name, amount, enforce = asked
        told = charges.charge(
            account=self.accounts[name],
            amount=amount,
            reference=reference,
            enforce_limit=enforce,
        )
        self._same("charge", self.model.charge(*asked), told)
        return (Origin.API, reference) if told.status == "accepted" else multiple()

    @rule(batch=st.lists(charges_asked, min_size=2, max_size=8))
    def charge_many(self, batch: list[tuple[str, str, Decimal, bool]]) -> None:
        outcomes = charges.charge_many(
            master=self.master,
            charges=[
                Charge(self.accounts[name].pk, amount, reference, enforce_limit=enforce)
                for reference, name, amount, enforce in batch
            ],
        )
        for asked, told in zip(batch, outcomes, strict=True):
            self._same("charge", self.model.charge(*asked), told)

    # --- Holds ----------------------------------------------------------------------------

    @rule(target=held, reference=hold_references, name=names, amount=amounts)
    def hold(self, reference: str, name: str, amount: Decimal) -> Any:
        told = holds.hold(account=self.accounts[name], amount=amount, reference=reference)
        expected = self.model.hold(reference, name, amount)
        self._same("hold", expected, Outcome(told.status, refusal=told.refusal))
        if told.hold is None:
            return multiple()
        assert told.hold.reference == reference
        assert told.hold.remaining == self.model.holds[reference].remaining
        return reference if told.status == "accepted" else multiple()

    @rule(
        target=captured,
        reference=capture_references,
        hold=held,
        amount=parts,
        final=st.sampled_from([False] * 3 + [True]),
    )
    def capture(self, reference: str, hold: str, amount: Decimal | None, final: bool) -> Any:
        told = holds.capture(
            master=self.master,
            hold=self._hold(hold).id,
            amount=amount,
            reference=reference,
            final=final,
        )
        expected = self.model.capture(reference, hold, amount, final)
        self._same("capture", expected, told)
        return (reference, hold, amount) if told.status == "accepted" else multiple()

    @rule(reference=capture_references, hold=held)
    def capture_rest(self, reference: str, hold: str) -> None:
        self.capture(reference, hold, None, final=False)

    @rule(done=captured, whole=st.booleans(), final=st.booleans())
    def capture_again(
        self, done: tuple[str, str, Decimal | None], whole: bool, final: bool
    ) -> None:
        """What was captured before, now perhaps as all that remains, or as the last part."""
        reference, hold, amount = done
        self.capture(reference, hold, None if whole else amount, final)

    @rule(name=names, amount=amounts, part=parts, number=st.integers(1, 60), target=held)
    def hold_and_capture(self, name: str, amount: Decimal, part: Decimal, number: int) -> Any:
        hold = self.hold(f"g-{number}", name, amount)
        if isinstance(hold, str):
            self.capture(f"d-{number}", hold, part, final=False)
        return hold

    @rule(hold=held)
    def release(self, hold: str) -> None:
        told = holds.release(master=self.master, hold=self._hold(hold).id)
        assert told.state == self.model.release(hold)

    @rule(hold=held)
    def come_to_its_end(self, hold: str) -> None:
        there = self._hold(hold)
        if not there.is_open:
            return
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE billing_hold DISABLE TRIGGER hold_identity")
            cursor.execute(
                "UPDATE billing_hold h SET expires_at = interval '1 microsecond' + greatest("
                " placed_at, (SELECT max(e.posted_at) FROM billing_entry e"
                " WHERE e.master_id = h.master_id AND e.hold_id = h.id))"
                " WHERE master_id = %s AND id = %s",
                [self.master, there.id],
            )
            cursor.execute("ALTER TABLE billing_hold ENABLE ALWAYS TRIGGER hold_identity")
        self.model.holds[hold].past = True

    @rule()
    def sweep(self) -> None:
        assert holds.sweep() == self.model.sweep()

    @rule(hold=held, more=st.sampled_from(["0", "0", "0.000001"]).map(Decimal))
    def ask_for_all_that_an_expired_hold_kept(self, hold: str, more: Decimal) -> None:
        """To the last micro, or past it: the charge that would be refused ends the hold first."""
        self.come_to_its_end(hold)
        held = self.model.holds[hold]
        amount = self.model.available(held.holder) + held.remaining + more
        if amount > 0:
            self.charge((f"all-{next(self.numbers)}", held.account, amount, True))

    # --- What an operator does ------------------------------------------------------------

    @rule(name=own_names, limit=st.sampled_from(["0", "20", "50", "100"]).map(Decimal))
    def change_limit(self, name: str, limit: Decimal) -> None:
        limits.change(account=self.accounts[name], limit=limit, reason="as agreed")
        self.model.books[name].limit = limit

    @rule(
        name=st.sampled_from([ALPHA, BETA, SHARED]),
        cap=st.none() | st.sampled_from(["0", "10", "60", "100"]).map(Decimal),
        is_hard=st.sampled_from([True, True, True, False]),
    )
    def set_cap(self, name: str, cap: Decimal | None, is_hard: bool) -> None:
        changed = caps.change(account=self.accounts[name], cap=cap, is_hard=is_hard)
        book = self.model.books[name]
        before = (book.cap, book.is_hard)
        book.cap, book.is_hard = cap, is_hard or cap is None
        assert (changed is not None) == (before != (book.cap, book.is_hard))

    @rule(
        name=st.sampled_from([ALPHA, SHARED]),
        amount=amounts,
        more=st.sampled_from(["0", "0", "0.000001"]).map(Decimal),
    )
    def ask_for_all_that_a_cap_leaves(self, name: str, amount: Decimal, more: Decimal) -> None:
        """To the last micro, or past it."""
        if self.model.used(name) >= 0:
            self.set_cap(name, self.model.used(name) + amount, is_hard=True)
            self.charge((f"cap-{next(self.numbers)}", name, amount + more, True))

    @rule(
        target=booked,
        reference=references,
        name=names,
        amount=amounts,
        sign=st.sampled_from([1, -1]),
    )
    def adjust(self, reference: str, name: str, amount: Decimal, sign: int) -> Any:
        told = adjustments.make(
            account=self.accounts[name],
            amount=sign * amount,
            reason="put right",
            reference=reference,
            by=None,
        )
        self._same("adjust", self.model.adjust(reference, name, sign * amount), told)
        return (Origin.CONSOLE, reference) if told.status == "accepted" else multiple()

    @rule(origin=st.sampled_from([Origin.API, Origin.API, Origin.CONSOLE]), reference=references)
    def reverse(self, origin: Origin, reference: str) -> None:
        try:
            told = charges.reverse(
                master=self.master, reference=reference, reason="by mistake", origin=origin
            )
        except Refused as refusal:
            told = Outcome("refused", refusal=refusal)  # type: ignore[arg-type]
        self._same("reverse", self.model.reverse(origin.value, reference), told)

    @rule(posting=booked)
    def reverse_what_is_there(self, posting: tuple[Origin, str]) -> None:
        self.reverse(*posting)

    @rule(name=names, suspended=st.sampled_from([True, False, False]))
    def suspend_or_restore(self, name: str, suspended: bool) -> None:
        (tree.suspend if suspended else tree.restore)(account=self.accounts[name])
        self.model.books[name].suspended = suspended

    # --- Transfers ------------------------------------------------------------------------

    @rule(
        number=st.integers(1, 6), way=st.permutations(OWN) | st.permutations(NAMES), amount=amounts
    )
    def transfer(self, number: int, way: list[str], amount: Decimal) -> None:
        key = uuid5(NAMESPACE_URL, str(number))
        source, destination = way[:2]
        expected = self.model.transfer(str(key), source, destination, amount)
        try:
            made = transfers.make(
                source=self.accounts[source],
                destination=self.accounts[destination],
                amount=amount,
                key=key,
                by=None,
            )
        except Refused as refusal:
            told = self._figures(refusal)
        else:
            told = None
            assert expected.status in ("accepted", "replayed")
            assert made.amount == amount
        assert told == expected.figures
        _answers[f"transfer {told['code'] if told else expected.status}"] += 1

    # --- After each step ------------------------------------------------------------------

    @invariant()
    def balances_are_the_models(self) -> None:
        placed = {
            reference: (self.names[holder], captured, state)
            for reference, holder, captured, state in Hold.objects.filter(
                master=self.master
            ).values_list("reference", "holder", "captured", "state")
        }
        for reference, held in self.model.holds.items():
            # One past its time may end before anybody needs what it kept; later it must not.
            if held.past and held.state == "open" and placed[reference][2] == "expired":
                held.state = "expired"
        assert placed == {
            reference: (held.holder, held.captured, held.state)
            for reference, held in self.model.holds.items()
        }
        balances = Balance.objects.filter(master=self.master).values_list(
            "account", "credit", "credit_limit", "on_hold", "last_seq"
        )
        assert {self.names[account]: tuple(figures) for account, *figures in balances} == {
            name: (book.credit, book.limit, self.model.on_hold(name), book.seq)
            for name, book in self.model.books.items()
        }
        stands = caps.uses(self.accounts[MASTER], Balance.objects.filter(master=self.master))
        assert {self.names[account]: (use.cap, use.used) for account, use in stands.items()} == {
            name: (book.cap, self.model.used(name))
            for name, book in self.model.books.items()
            if book.cap is not None
        }

    def teardown(self) -> None:
        report = verify(master=self.master)
        assert report.is_clean, report.findings
        # The next story's sweep is to find nothing of this one.
        holds.sweep()

    # --- How ------------------------------------------------------------------------------

    def _hold(self, reference: str) -> Hold:
        return Hold.objects.get(master=self.master, reference=reference)

    def _same(self, verb: str, expected: Answer, told: Outcome) -> None:
        """The verb answered what the model answers, figures and rows included."""
        rows = tuple(
            Row(
                self.names[row.holder_id],
                row.seq,
                self.names[row.account_id],
                row.amount,
                row.balance_after,
            )
            for row in told.rows
        )
        figures = self._figures(told.refusal) if told.refusal else None
        assert Answer(str(told.status), rows, figures) == expected
        _answers[f"{verb} {figures['code'] if figures else expected.status}"] += 1

    def _figures(self, refusal: Refused) -> dict[str, Any]:
        figures = ("available", "short_by", "remaining", "asked", "state", "cap", "used", "left")
        return {"code": refusal.code} | {
            name: getattr(refusal, name) for name in figures if hasattr(refusal, name)
        }


@pytest.mark.django_db(transaction=True)
def test_the_books_are_what_the_model_says_whatever_happens():
    _answers.clear()
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=30,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"answers as the model's: {dict(_answers.most_common())}")

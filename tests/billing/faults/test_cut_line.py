"""The line to the database cut at each question of a verb: before it, and before its answer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import OperationalError, connection

from billing.charges import Charge
from tests.billing.faults.operations import (
    FEW,
    MANY,
    Capturing,
    Charging,
    Holding,
    Moving,
    Releasing,
    open_charged_company,
    tree_of,
)
from tests.billing.faults.proxy import Proxy, proxy_to
from tests.billing.faults.rounds import assert_clean


@pytest.fixture
def proxy(server) -> Iterator[Proxy]:
    """Django talks to the server through it."""
    connection.close()
    directory = connection.settings_dict["HOST"]
    with proxy_to(directory) as proxy:
        connection.settings_dict["HOST"] = str(proxy.directory)
        yield proxy
        connection.close()
    connection.settings_dict["HOST"] = directory


class Verbs:
    """New operations of each kind: nobody has done them."""

    def __init__(self, code: str) -> None:
        self.tree = tree_of(open_charged_company(code).pk)
        for account in self.tree:
            assert account.company  # read once: all attempts ask the same questions
        self.numbers = itertools.count()

    def charge(self, size: int = 1) -> Charging:
        reference = self._name()
        asked = [
            Charge(self.tree[n % 5].pk, Decimal("0.0075"), f"{reference}-{n}") for n in range(size)
        ]
        return Charging(self.tree[0].pk, tuple(asked))

    def few(self) -> Charging:
        return self.charge(FEW)

    def many(self) -> Charging:
        return self.charge(MANY)

    def transfer(self) -> Moving:
        return Moving(self.tree[1], self.tree[0], Decimal(1), uuid4())

    def hold(self) -> Holding:
        return Holding(self.tree[3], Decimal(5), self._name())

    def capture(self) -> Capturing:
        return Capturing(self.tree[0].pk, self._held(), Decimal(2), self._name())

    def capture_rest(self) -> Capturing:
        return Capturing(self.tree[0].pk, self._held(), None, self._name())

    def release(self) -> Releasing:
        return Releasing(self.tree[0].pk, self._held())

    def _held(self) -> str:
        hold = self.hold()
        hold.do()
        return hold.reference

    def _name(self) -> str:
        return f"cut-{next(self.numbers)}"


VERBS = [
    Verbs.charge,
    Verbs.few,
    Verbs.many,
    Verbs.transfer,
    Verbs.hold,
    Verbs.capture,
    Verbs.capture_rest,
    Verbs.release,
]


def test_line_cut_at_any_question_leaves_each_verb_done_whole_or_not_at_all(proxy):
    verbs = Verbs("cut-line")
    points = whole = 0
    for verb in VERBS:
        operation = verb(verbs)
        proxy.arm(None)
        operation.do()
        questions = list(proxy.asked)
        commit = 1 + next(n for n, asked in enumerate(questions) if asked.startswith(b"COMMIT"))
        for at, answered in itertools.product(range(1, len(questions) + 1), (False, True)):
            operation = verb(verbs)
            proxy.arm(at, answered=answered)
            with pytest.raises(OperationalError):
                operation.do()
            proxy.arm(None)
            connection.close()
            found = operation.found()
            # Done, where all that was lost is the answer to COMMIT, or to a look at it afterwards.
            done = (at, answered) >= (commit, True)
            assert len(found) == (operation.size if done else 0), (questions, at, answered)
            statuses, rows = operation.do()
            assert set(statuses) <= {"replayed" if done else "accepted"}
            assert operation.found() == rows
            assert len(rows) == operation.size
            points += 1
            whole += done
    connection.close()
    assert_clean()
    print(
        f"line cut at each of {points} points of {len(VERBS)} verbs: {points - whole} times"
        f" nothing was there, {whole} times all (only the answer was lost); repeated, each once"
    )

"""A round of work by several processes, and whether the books have it as they were told."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from billing.models import Entry
from billing.verification import verify
from tests.billing.faults.operations import KINDS, Operation, tree_of
from tests.billing.faults.stage import Worker

# What psycopg raises when the server ends, or has not begun.
LOST = ["OperationalError", "AdminShutdown", "CrashShutdown", "CannotConnectNow"]


class Round:
    """One round: from ``go``, over the end of some or all of the workers, to the repetition."""

    def __init__(self, name: str, kind: str, master: int, workers: Sequence[Worker]) -> None:
        self.name = name
        self.kind = kind
        self.tree = tree_of(master)
        self.workers = workers
        self.before = self._entries()
        self.acknowledged = self.found = self.absent = 0
        for worker in workers:
            worker.tell("go", name)

    def wait(self, more: int, workers: Sequence[Worker] | None = None) -> None:
        """Until each of the workers was told that many results more."""
        goals = [(worker, worker.told(self.name) + more) for worker in workers or self.workers]
        for worker, goal in goals:
            worker.until(partial(self.reached, worker, goal))

    def reached(self, worker: Worker, goal: int) -> bool:
        """Whether the worker was told so many results: nothing has come in its way so far."""
        assert not (failed := worker.said("failed", self.name)), failed
        return worker.told(self.name) >= goal

    def wait_until_all_fail(self) -> None:
        """Until no worker has a server any more, and for no other reason."""
        for worker in self.workers:
            worker.until(partial(worker.said, "failed", self.name))
            assert worker.said("failed", self.name)[0][3] in LOST

    def compare(self, ended: Sequence[Worker] | None = None) -> None:
        """What was acknowledged is in the books once, as it was told; the rest whole or absent.

        ``ended`` are those whom the end came upon, if not all: one operation was under way.
        """
        entries = 0
        for worker in self.workers:
            told = worker.said("told", self.name)
            assert [line[2] for line in told] == list(range(len(told)))
            for _told, _name, number, statuses, rows in told:
                operation = self._operation(worker, number)
                assert operation.found() == rows
                assert len(rows) == _whole(operation, statuses)
                entries += operation.entries if rows else 0
            last = self._operation(worker, len(told))
            found = last.found()
            assert len(found) in (0, last.size), "something is there by half"
            entries += last.entries if found else 0
            if ended is None or worker in ended:
                self.found += bool(found)
                self.absent += not found
            self.acknowledged += len(told)
        # And nothing else.
        assert self._entries() == self.before + entries
        assert_clean()

    def repeat(self) -> None:
        """All of it again, what was under way included: each is in the books once, as before."""
        for worker in self.workers:
            worker.tell("again", self.name, worker.told(self.name) + 1)
        for worker in self.workers:
            worker.until(partial(worker.said, "done", self.name))
        entries = 0
        for worker in self.workers:
            told = worker.said("told", self.name)
            again = worker.said("again", self.name)
            assert len(again) == len(told) + 1
            for first, second in zip([*told, None], again, strict=True):
                number, statuses, rows = second[2:]
                operation = self._operation(worker, number)
                if first is None or not first[4]:
                    # Under way when the end came, or refused: it may have another answer now.
                    assert operation.found() == rows
                    assert len(rows) == _whole(operation, statuses)
                else:
                    assert rows == first[4]
                    assert set(statuses) <= {"replayed"}
                entries += operation.entries if rows else 0
        assert self._entries() == self.before + entries
        assert_clean()

    def _operation(self, worker: Worker, number: int) -> Operation:
        return KINDS[self.kind](self.tree, f"{self.name}-{worker.name}", number)

    def _entries(self) -> int:
        return Entry.objects.filter(master=self.tree[0]).count()


def summary(what: str, rounds: Sequence[Round]) -> str:
    """What the rounds came to, in a line."""
    acknowledged, found, absent = (
        sum(getattr(each, figure) for each in rounds)
        for figure in ("acknowledged", "found", "absent")
    )
    return (
        f"{what}, {len(rounds)} rounds: {acknowledged} acknowledged, all there once;"
        f" {found} unacknowledged found whole, {absent} not there; repeated, each once"
    )


def assert_clean() -> None:
    """The proof of the books, for the whole database."""
    report = verify()
    assert report.is_clean, report.findings


def _whole(operation: Operation, statuses: Sequence[str]) -> int:
    """How many rows an answered operation has."""
    return 0 if statuses == ["insufficient_balance"] else operation.size

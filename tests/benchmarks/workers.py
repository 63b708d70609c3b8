"""Processes that work at once for a bench: each sets Django up, says so, and waits for orders.

A bench hires a ``Crew`` of a module that has a function ``work(number, **order)``, and sends them
orders. All begin at the same moment, and each answers with what ``work`` returned.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

Order = Mapping[str, Any]


class Crew:
    """Processes that wait for orders; ``hired`` makes and ends them."""

    def __init__(self, workers: list[subprocess.Popen[str]]) -> None:
        self._workers = workers

    def do(self, *orders: Order) -> list[dict[str, Any]]:
        """Give each its order, or all the same one, and wait for all their answers."""
        each = orders * len(self._workers) if len(orders) == 1 else orders
        lines = [json.dumps(order) + "\n" for order in each]
        for worker, line in zip(self._workers, lines, strict=True):
            assert worker.stdin
            worker.stdin.write(line)
            worker.stdin.flush()
        return self.answers()

    def answers(self) -> list[dict[str, Any]]:
        """A line from each. Raises RuntimeError when one has ended instead."""
        lines = []
        for worker in self._workers:
            assert worker.stdout
            lines.append(worker.stdout.readline())
        if not all(lines):
            # It has said why on stderr, which is ours.
            raise RuntimeError("a worker of the bench has ended")
        return [json.loads(line) for line in lines]

    def end(self) -> None:
        """No more orders: they end by themselves."""
        for worker in self._workers:
            with worker:
                assert worker.stdin
                worker.stdin.close()


@contextmanager
def hired(module: str, count: int = 1, **environment: str) -> Iterator[Crew]:
    """A crew of ``tests.benchmarks.<module>``, ready for orders.

    The environment is this process's with changes: DATABASE_URL at least wants to be one.
    """
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.workers", module, str(number)],
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    crew = Crew(workers)
    try:
        crew.answers()
        yield crew
    finally:
        crew.end()


def _main(name: str, number: int) -> None:
    import django  # noqa: PLC0415 - only here is Django still to be set up

    django.setup()
    module = importlib.import_module(f"tests.benchmarks.{name}")
    print("{}", flush=True)
    for line in sys.stdin:
        print(json.dumps(module.work(number, **json.loads(line))), flush=True)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))

"""``manage.py post_usage`` on a file of 100,000 rows, against a bare COPY.

The speed is that of the command called in this process, from its arguments to its last word, so
that the start of Python and Django, a second or so, is not in it. Memory is the peak
(``ru_maxrss``) of a process that is all the command's.
"""

from __future__ import annotations

import io
import os
import random
import re
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from django.core.management import call_command

from tests.benchmarks import stage
from tests.benchmarks.companies import open_company

ROWS = 100_000
ROUNDS = 4
GOAL = 0.2
MEMORY_LIMIT_MB = 200
LARGE = 500_000
HUGE = 10_000_000


def run() -> None:
    """Post files and copy the same rows by turns; then look at the memory, also of long files."""
    with stage.fresh_database(), tempfile.TemporaryDirectory() as directory:
        stage.make_twin()
        open_company("bench", 100)
        path = Path(directory) / "usage.csv"
        posted, copied = [], []
        for turn in range(ROUNDS + 1):
            write_file(path, prefix=f"file-{turn}-", rows=ROWS)
            posted.append(stage.timed(partial(_post, path)))
            rows = stage.entries(f"file-{turn}-")
            if len(rows) != ROWS:
                raise RuntimeError(f"only {len(rows)} were posted")
            copied.append(stage.timed(partial(stage.copy_to_twin, rows)))
        # The first turn filled the caches.
        posted, copied = posted[1:], copied[1:]
        stage.report(
            f"post_usage of {ROWS:,} rows, in process, {stage.rates(posted, ROWS)};"
            f" COPY {stage.rates(copied, ROWS)}",
            stage.ratio(copied, posted),
            GOAL,
        )
        again = [stage.timed(partial(_post, path)) for _ in range(2)]
        stage.report(
            f"the same file again, all replayed, {stage.rates(again, ROWS)}",
            stage.ratio(copied[:2], again),
            GOAL,
        )
        for size in (ROWS, LARGE, HUGE) if os.environ.get("FULL") else (ROWS, LARGE):
            write_file(path, prefix=f"memory-{size}-", rows=size)
            _report_memory(size, _peak_of_process(path))


def _post(path: Path) -> None:
    call_command("post_usage", str(path), "--master=bench", stdout=io.StringIO())


def _report_memory(rows: int, peak: float) -> None:
    stage.report(
        f"post_usage of {rows:,} rows, peak_mb={peak:.0f} limit={MEMORY_LIMIT_MB}",
        MEMORY_LIMIT_MB / peak,
        1.0,
    )


def write_file(path: Path, *, prefix: str, rows: int) -> None:
    """A file of usage of the 100 accounts, at random but always the same."""
    dice = random.Random(prefix)
    with path.open("w") as file:
        file.write("account,reference,amount,at,description\n")
        for number in range(rows):
            amount = dice.randint(1, 9999) / 1e6
            file.write(
                f"unit-{dice.randrange(100)},{prefix}{number:08},{amount:.6f},"
                f"2026-01-{1 + number % 28:02}T{number % 24:02}:{number % 60:02}:00+02:00,"
                "SMS to Egypt\n"
            )


# A process has the peak of the one that forked it for a start: one that is small stands between.
_MEASURE = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print("peak_kb", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def _peak_of_process(path: Path) -> float:
    """The peak memory in MB of ``post_usage`` as a process."""
    command = [sys.executable, "manage.py", "post_usage", str(path), "--master", "bench"]
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *command],
        cwd=stage.ROOT,
        env=os.environ | {"DATABASE_URL": stage.database_url()},
        capture_output=True,
        text=True,
        check=False,
    )
    peak = re.search(r"^peak_kb (\d+)$", done.stdout, re.MULTILINE)
    if done.returncode or peak is None:
        raise RuntimeError(done.stdout + done.stderr)
    return int(peak[1]) / 1024

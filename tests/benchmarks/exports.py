"""CSV of a million rows against a plain COPY of the same rows: speed, memory, first byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import psycopg

from accounts.models import Account
from tests.benchmarks import books, stage

ROUNDS = 3
MOST_MEMORY = 150.0  # MB
FIRST_BYTE = 1.0  # seconds
# A process of its own, as the worker is one: its memory is nobody else's.
MAKER = """
import json, sys, time
from pathlib import Path
import django
django.setup()
from accounts.access import access_or_404
from accounts.models import User
from reports import export_jobs
class Sink:
    first = size = 0
    def write(self, data):
        self.first = self.first or (time.perf_counter() if self.size else 0)
        self.size += len(data)
        file.write(data)
with open(sys.argv[1], "wb") as file:
    access = access_or_404(User.objects.get(email="admin@large.example"), "large")
    sink = Sink()
    began = time.perf_counter()
    rows, _filters = export_jobs.write_now(format="csv", access=access, query="", out=sink)
    ended = time.perf_counter()
print(json.dumps({
    "rows": rows, "bytes": sink.size, "seconds": ended - began,
    "first": sink.first - began,
    # Not ru_maxrss, which begins with what the process had that started this one.
    "memory": int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024,
}))
"""


def run() -> None:
    """Make the file, and copy the same rows to nowhere, in turns."""
    with books.kept_books() as sizes:
        place = stage.ROOT / "var" / "bench-export.csv"
        place.parent.mkdir(exist_ok=True)
        company = Account.objects.get(code="large").pk
        plain, made = [], []
        try:
            for _ in range(ROUNDS):
                plain.append(_copy(company))
                made.append(_make(str(place)))
        finally:
            place.unlink(missing_ok=True)
        rows = sizes["large"]
        if any(each["rows"] != rows for each in made):
            raise RuntimeError(f"{rows} rows were expected: {made}")
        seconds = [each["seconds"] for each in made]
        stage.report(
            f"CSV of {rows:,} entries, {made[0]['bytes'] / 1e6:,.0f} MB:"
            f" {stage.rates(seconds, rows)}; COPY {stage.rates(plain, rows)}",
            stage.ratio(plain, seconds),
            0.3,
        )
        memory = max(each["memory"] for each in made)
        stage.report(
            f"CSV of {rows:,} entries, peak memory {memory:.0f} MB", MOST_MEMORY / memory, 1.0
        )
        first = max(each["first"] for each in made)
        stage.report(
            f"CSV of {rows:,} entries, first row after {first * 1000:.0f} ms",
            FIRST_BYTE / first,
            1.0,
        )


def _copy(company: int) -> float:
    """The seconds of a plain COPY of the company's entries, read and thrown away."""
    with psycopg.connect(stage.database_url()) as connection, connection.cursor() as cursor:
        began = time.perf_counter()
        with cursor.copy(
            "COPY (SELECT * FROM billing_entry WHERE master_id = %s) TO STDOUT", [company]
        ) as copy:
            for _row in copy:
                pass
        return time.perf_counter() - began


def _make(place: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", MAKER, place],
        cwd=stage.ROOT,
        env=os.environ | {"DATABASE_URL": stage.database_url()},
        stdout=subprocess.PIPE,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures

"""PDF of 10,000 transactions: ours against one single WeasyPrint document of the same table."""

from __future__ import annotations

import gc
import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree.ElementTree import tostring

import django
from django.db import connection
from django.http import QueryDict

from accounts.access import access_or_404
from reports import paper
from reports.filters import TransactionFilter
from reports.queries import Scope, snapshot
from reports.rows import read_rows
from tests.benchmarks import books, stage

ROWS = 10_000
MOST_MB = 400


def run() -> None:
    """Each in a process of its own. Ours reads the books, counts and binds; the baseline sets."""
    context = multiprocessing.get_context("spawn")
    with books.kept_books(), TemporaryDirectory() as folder:
        scope = Scope.of(access_or_404(books.admin_of("small"), "small"))
        filters = TransactionFilter(QueryDict(), scope)
        with ProcessPoolExecutor(1, context, django.setup) as pool:
            single, single_cpu, single_mb = pool.submit(
                _set_single, _sheet(scope, filters, folder)
            ).result()
        # Children that have ended are counted by the largest: the baseline must not be among them.
        with ProcessPoolExecutor(1, context, django.setup) as pool:
            ours, cpu, pages, own_mb, child_mb = pool.submit(
                _write, connection.settings_dict["NAME"], f"{folder}/ours.pdf"
            ).result()
    stage.report(
        f"PDF of {ROWS:,} rows on {pages} pages: {ROWS / ours:,.0f} rows/s, one WeasyPrint"
        f" document of the table {ROWS / single:,.0f}; {cpu:.0f} and {single_cpu:.0f} s of CPU",
        single / ours,
        2.5,
    )
    stage.report(
        f"PDF of {ROWS:,} rows: peak {own_mb:.0f} MB in the process that writes, {child_mb:.0f} in"
        f" those that set, {single_mb:.0f} in that of one document; {MOST_MB} MB are allowed",
        MOST_MB / max(own_mb, child_mb),
        1.0,
    )


def _sheet(scope: Scope, filters: TransactionFilter, folder: str) -> Any:
    """All transactions as one piece."""
    from reports.paper.engine import Job  # noqa: PLC0415
    from reports.paper.selection import read_selection  # noqa: PLC0415
    from reports.paper.transactions import Report  # noqa: PLC0415

    with snapshot():
        report = Report(scope, filters, read_selection(scope, filters))
        entries = filters.qs.order_by("posted_at", "holder", "seq")
        lines = [report.line(row) for row in read_rows(scope, entries)]
    if len(lines) != ROWS:
        raise RuntimeError(f"the books have {len(lines)} entries")
    return Job(report.document(), Path(folder)).sheet(0, [lines], is_front=False)


def _set_single(sheet: Any) -> tuple[float, float, float]:
    """The baseline, as anybody would write it: HTML in, PDF/A out.

    Seconds, those of CPU, and megabytes.
    """
    from weasyprint import CSS, HTML  # noqa: PLC0415

    from reports.paper.sheets import html_of  # noqa: PLC0415

    html = tostring(html_of(sheet).etree_element, encoding="unicode", method="html")
    gc.collect()
    began, used = time.perf_counter(), _cpu()
    HTML(string=html).write_pdf(
        sheet.place,
        stylesheets=[CSS(string=each) for each in sheet.styles],
        pdf_variant="pdf/a-3b",
    )
    took = time.perf_counter() - began
    return took, _cpu() - used, _megabytes(resource.RUSAGE_SELF)


def _write(database: str, place: str) -> tuple[float, float, int, float, float]:
    """Ours, in a process that has done nothing yet.

    Seconds, those of CPU, pages, and megabytes of it and of the processes below it.
    """
    connection.settings_dict["NAME"] = database
    scope = Scope.of(access_or_404(books.admin_of("small"), "small"))
    filters = TransactionFilter(QueryDict(), scope)
    began, used = time.perf_counter(), _cpu()
    pages = paper.write(scope, filters, Path(place))
    took = time.perf_counter() - began
    return (
        took,
        _cpu() - used,
        pages,
        _megabytes(resource.RUSAGE_SELF),
        _megabytes(resource.RUSAGE_CHILDREN),
    )


def _cpu() -> float:
    """The seconds of CPU that this process and its children that have ended have used."""
    both = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def _megabytes(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 1024

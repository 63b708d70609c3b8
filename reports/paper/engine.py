"""From a document and its lines to one file: pieces of some pages, set side by side."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from reports.paper.binding import bind
from reports.paper.document import Document, Edge, Line, PaperError
from reports.paper.fitting import pages_of
from reports.paper.sheets import Sheet, be_a_process, direction, set_sheet, set_sheet_in_process

PROCESSES = 2
# Up to so many lines the table begins beneath the totals, and all is one piece.
FLOWING = 200
# Pages of a piece: longer ones would only need more memory, shorter ones more fonts.
PAGES = 20
# Pieces that are being set or wait for it.
IN_FLIGHT = 2 * PROCESSES

Progress = Callable[[int], object]


def write_document(
    document: Document,
    lines: Iterable[Line],
    out: Path | BinaryIO,
    *,
    progress: Progress | None = None,
) -> int:
    """Write the document with these lines as one PDF/A-3b to ``out``; how many pages it has.

    Lines are read while others are set, so they may come from a cursor; memory stays flat however
    many there are. ``progress`` is told after each piece how many lines are set; what it raises
    ends the work. A long document is set by two processes of its own, which are gone afterwards.
    Raises PaperError when one of them was killed; then nothing was written to ``out``. A second
    call makes the same document but for its identifier.
    """
    lines = iter(lines)
    begun = list(islice(lines, FLOWING + 1))
    with TemporaryDirectory(prefix="paper-") as folder:
        job = Job(document, Path(folder), progress or _tell_nobody)
        if len(begun) <= FLOWING:
            places = [job.set_whole(begun)]
        else:
            places = job.set_pieces(chain(begun, lines))
        return bind(places, out)


def _tell_nobody(count: int) -> None:
    pass


@dataclass
class Job:
    """One document on its way to paper; its pieces lie in ``folder``."""

    document: Document
    folder: Path
    progress: Progress = _tell_nobody
    waiting: deque[Future[int]] = field(default_factory=deque)
    done: int = 0

    def set_whole(self, lines: list[Line]) -> Path:
        """A short document: all in one piece, and in this process."""
        page = list(self._with_edges(lines))
        sheet = self.sheet(0, [page] if page else [], is_front=True, says_nothing=not lines)
        self.progress(set_sheet(sheet))
        return sheet.place

    def set_pieces(self, lines: Iterator[Line]) -> list[Path]:
        """A long one: the totals, then the lines in pieces of full pages."""
        with ExitStack() as stack:
            # Not forked: this process has a connection to the database, and perhaps threads.
            pool = ProcessPoolExecutor(
                PROCESSES, multiprocessing.get_context("spawn"), initializer=be_a_process
            )
            stack.callback(pool.shutdown, cancel_futures=True)
            places = []
            try:
                for sheet in self._sheets(lines):
                    places.append(sheet.place)
                    self.waiting.append(pool.submit(set_sheet_in_process, sheet))
                    self._wait(IN_FLIGHT)
                self._wait(0)
            except BrokenProcessPool as error:
                raise PaperError(
                    _("The document was not finished: its work was stopped. Ask for it again.")
                ) from error
        return places

    def _wait(self, left: int) -> None:
        while len(self.waiting) > left:
            self.done += self.waiting.popleft().result()
            self.progress(self.done)

    def _sheets(self, lines: Iterator[Line]) -> Iterator[Sheet]:
        yield self.sheet(0, [], is_front=True)
        pages = pages_of(self._with_edges(lines), self.document.columns)
        number = 1
        while piece := list(islice(pages, PAGES)):
            yield self.sheet(number, piece, is_front=False)
            number += 1

    def _with_edges(self, lines: Iterable[Line]) -> Iterator[Line]:
        if self.document.first is not None:
            yield Edge(self.document.first)
        yield from lines
        if self.document.last is not None:
            yield Edge(self.document.last)

    def sheet(
        self,
        number: int,
        pages: Sequence[list[Line]],
        *,
        is_front: bool,
        says_nothing: bool = False,
    ) -> Sheet:
        """The piece with this number, and these pages of lines."""
        document = self.document
        return Sheet(
            shell=self._shell(is_front=is_front, has_lines=bool(pages), says_nothing=says_nothing),
            styles=self.styles if is_front else self.styles[:1],
            drawings={"chart": document.chart.svg} if is_front and document.chart else {},
            columns=document.columns,
            pages=pages,
            place=self.folder / f"{number:05d}.pdf",
        )

    def _shell(self, **what: bool) -> str:
        context: dict[str, Any] = {
            "document": self.document,
            "company_dir": direction(self.document.company),
        }
        return render_to_string("reports/pdf/document.html", context | what)

    @cached_property
    def styles(self) -> list[str]:
        """That of the tables, and that of the first page."""
        names = ("css/paper.css", "css/paper_front.css")
        return [Path(str(finders.find(name))).read_text() for name in names]

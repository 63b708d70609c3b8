"""Setting one piece of a document: what the processes of ``engine`` do, without Django's settings.

The shell of a piece is a template's HTML. The lines go in as elements, not as markup: whatever a
customer typed is text and can be nothing else, and no parser has to read it.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple, NoReturn
from xml.etree.ElementTree import Element, SubElement

from weasyprint import CSS, HTML
from weasyprint.urls import FatalURLFetchingError

from console.pdf import StaticFilesOnly
from reports.paper.document import Cell, Column, Edge, Line, PaperError

VARIANT = "pdf/a-3b"
# What no font has; and marks with which a text would turn around what it says.
_UNSEEN: dict[int, str | None] = dict.fromkeys((*range(9), *range(14, 32), *range(127, 160)), "�")
_UNSEEN |= dict.fromkeys(range(0x202A, 0x202F))
# Words that run from the right, and the marks that would turn the words after them round.
_RIGHT = {"R", "AL"}
_TURNS = _RIGHT | {"AN", "RLE", "RLO", "LRE", "LRO", "RLI", "LRI", "FSI"}


class Sheet(NamedTuple):
    """A piece to be set: its shell, its style sheets, its lines page by page, and the place.

    Where the ``pages`` are but one list, the lines flow over as many pages as they need.
    """

    shell: str
    styles: Sequence[str]
    drawings: Mapping[str, str]
    columns: Sequence[Column]
    pages: Sequence[Sequence[Line]]
    place: Path


# Signs with which a text would turn what it says around, or break out of its place.
_OVERRIDES = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def isolate(text: str) -> str:
    """The text, so that words running from the right turn nothing round that stands beside it."""
    text = text.translate(_OVERRIDES)
    turns = not text.isascii() and any(unicodedata.bidirectional(each) in _TURNS for each in text)
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}" if turns else text


def direction(text: str) -> str:
    """``rtl`` where the first letter that has a direction runs from the right."""
    if not text.isascii():
        for letter in text:
            runs = unicodedata.bidirectional(letter)
            if runs == "L":
                break
            if runs in _RIGHT:
                return "rtl"
    return "ltr"


def be_a_process() -> None:
    """Begin the life of a process that sets pieces: it ends with the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=[parent], daemon=True).start()
    # What is here stays, also for the children that set the pieces: they share its pages.
    gc.collect()
    gc.freeze()
    gc.disable()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def set_sheet(sheet: Sheet) -> int:
    """Write the piece as PDF/A-3b to its place; how many lines it has.

    Raises PaperError for a shell that asks for anything but our own static files.
    """
    html = html_of(sheet)
    styles = [CSS(string=style, url_fetcher=html.url_fetcher) for style in sheet.styles]
    try:
        html.write_pdf(sheet.place, stylesheets=styles, pdf_variant=VARIANT)
    except FatalURLFetchingError as error:
        # As WeasyPrint raises it, it is no Exception, and would end the process.
        raise PaperError(str(error)) from error
    return sum(not isinstance(line, Edge) for page in sheet.pages for line in page)


def set_sheet_in_process(sheet: Sheet) -> int:
    """The same in a child of this process.

    A piece leaves some 50 MB of garbage that refers to itself. Sweeping it takes an eighth of the
    time that setting takes; a child that ends leaves nothing, whatever it was. Raises
    BrokenProcessPool when the child was killed.
    """
    answers, answer = multiprocessing.Pipe(duplex=False)
    life, mine = os.pipe()
    child = os.fork()
    if not child:
        os.close(mine)
        threading.Thread(target=_end_at_end_of, args=[life], daemon=True).start()
        _set_and_end(sheet, answer)
    os.close(life)
    answer.close()
    try:
        told: int | Exception = answers.recv()
    except EOFError:
        told = BrokenProcessPool("a piece was not finished")
    finally:
        answers.close()
        os.waitpid(child, 0)
        os.close(mine)
    if isinstance(told, Exception):
        raise told
    return told


def _end_at_end_of(life: int) -> None:
    """End with the process that holds the other end of the pipe, however that ends."""
    os.read(life, 1)
    os._exit(1)


def _set_and_end(sheet: Sheet, answer: Connection) -> NoReturn:
    """Nothing of what the parent has still to do is done here, whatever happens."""
    try:
        try:
            answer.send(set_sheet(sheet))
        except Exception as error:
            answer.send(error)
    finally:
        os._exit(0)


def html_of(sheet: Sheet) -> HTML:
    """The shell with the lines in it."""
    html = HTML(
        string=sheet.shell, base_url="static:/", url_fetcher=StaticFilesOnly(sheet.drawings)
    )
    body = html.etree_element.find(".//tbody[@id='lines']")
    columns = html.etree_element.find(".//colgroup[@id='columns']")
    if body is None or columns is None:
        return html
    for column in sheet.columns:
        SubElement(columns, "col", {"style": f"width: {column.width:.2f}mm"})
    figures = [column.is_figure for column in sheet.columns]
    for number, page in enumerate(sheet.pages, 1):
        for line in page:
            _add(body, line, figures)
        if number < len(sheet.pages):
            body[-1].set("style", "break-after: page")
    return html


def _add(body: Element, line: Line, figures: Sequence[bool]) -> None:
    row = SubElement(body, "tr", {"class": "edge"} if isinstance(line, Edge) else {})
    for cell, is_figure in zip(line, figures, strict=True):
        element = SubElement(row, "td")
        if is_figure:
            element.set("class", "n")
        _fill(element, cell)


def _fill(element: Element, cell: Cell) -> None:
    """The text, and beneath it what else is known, each running its own way."""
    main, small = (cell, ()) if isinstance(cell, str) else (cell[0], cell[1:])
    element.text = _seen(main)
    if turned := direction(main) == "rtl":
        element.set("dir", "rtl")
    for each in small:
        part = SubElement(element, "small")
        part.text = _seen(each)
        if turned:
            part.set("dir", direction(each))


def _seen(text: str) -> str:
    """The text without control characters, which no font has, nor what would turn it around."""
    return text if text.isprintable() else text.translate(_UNSEEN)

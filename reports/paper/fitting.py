"""How high a line of the table becomes, before it is set: so that pieces end with full pages.

Pieces of a document are set side by side, so none can wait for where the one before it ended.
What is guessed here decides where pages end, never what stands on them: a guess too high leaves
a little room at the foot of a page, and one too low would spill a line onto a page of its own.
So guesses are high. The figures belong to ``static/css/paper.css``; points throughout.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from reports.paper.document import Cell, Column, Line

MM = 72 / 25.4
# A4 less the margins, and a little.
PAGE = 841.89 - 40 - 54 - 3
SIZE, SMALL_SIZE, HEADING_SIZE = 7.5, 6.5, 7.0
LEADING = 1.35
PADDING = 2.8
SIDE = 3.0
RULE = 0.5
# Letters of other scripts, and a fallback for a font without one of ours.
OTHER = 800
WIDE = 1050
# Thousandths of the size, from " " to "~", in Noto Sans.
_ASCII = (
    260, 269, 408, 646, 572, 831, 732, 225, 300, 300, 551, 572, 268, 322, 268, 372, 572, 572, 572,
    572, 572, 572, 572, 572, 572, 572, 268, 268, 572, 572, 572, 434, 899, 639, 650, 632, 730, 556,
    519, 728, 741, 339, 273, 619, 524, 907, 760, 781, 605, 781, 622, 549, 556, 731, 600, 930, 586,
    566, 572, 329, 372, 329, 572, 444, 281, 561, 615, 480, 615, 564, 344, 615, 618, 258, 258, 534,
    258, 935, 618, 605, 615, 615, 413, 479, 361, 618, 508, 786, 529, 510, 470, 380, 551, 380, 572,
)  # fmt: skip
_WIDTHS = {chr(32 + nth): width for nth, width in enumerate(_ASCII)} | {
    "·": 268, "\u2007": 572, "\u2008": 268, "\u2068": 0, "\u2069": 0, "\u2212": 838, "—": 1000,
}  # fmt: skip


def width_of(text: str, size: float = SIZE) -> float:
    """How wide the text is on one line, in points."""
    return sum(map(_width, text)) * size / 1000


def _width(letter: str) -> int:
    known = _WIDTHS.get(letter)
    if known is None:
        if unicodedata.combining(letter):
            known = 0
        else:
            known = WIDE if unicodedata.east_asian_width(letter) in "WF" else OTHER
        # There are not more letters than in Unicode.
        _WIDTHS[letter] = known
    return known


def lines_in(text: str, width: float, size: float) -> int:
    """How many lines the text takes within the width: words are kept whole where they fit."""
    if width_of(text, size) <= width:
        return 1
    space = _WIDTHS[" "] * size / 1000
    lines, at = 1, 0.0
    for word in text.split():
        long = width_of(word, size)
        if at and at + space + long <= width:
            at += space + long
            continue
        lines += bool(at)
        # One that is longer than a line is broken where the line ends.
        whole = max(math.ceil(long / width) - 1, 0)
        lines += whole
        at = long - whole * width
    return lines


def height_of(line: Line, widths: Sequence[float]) -> float:
    """How high the line becomes; ``widths`` are those of the columns' insides."""
    return max(map(_height, line, widths)) + 2 * PADDING + RULE


def _height(cell: Cell, width: float) -> float:
    main, small = (cell, ()) if isinstance(cell, str) else (cell[0], cell[1:])
    height = lines_in(main, width, SIZE) * SIZE
    height += sum(lines_in(each, width, SMALL_SIZE) for each in small) * SMALL_SIZE
    return height * LEADING


def pages_of(lines: Iterable[Line], columns: Sequence[Column]) -> Iterator[list[Line]]:
    """The lines in pages, each as full as it can surely be."""
    widths = [column.width * MM - 2 * SIDE - 1 for column in columns]
    headings = max(
        # Bold letters are a tenth wider.
        lines_in(column.heading, width / 1.1, HEADING_SIZE)
        for column, width in zip(columns, widths, strict=True)
    )
    room = PAGE - headings * HEADING_SIZE * LEADING - 2 * PADDING - RULE
    page: list[Line] = []
    used = 0.0
    for line in lines:
        height = height_of(line, widths)
        if page and used + height > room:
            yield page
            page, used = [], 0.0
        page.append(line)
        used += height
    if page:
        yield page

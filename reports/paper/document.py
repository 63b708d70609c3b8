"""What stands on paper: words and figures that are ready to be set, and no markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

# A text; or a text and, each on a line of its own beneath it, what is known besides.
Cell = str | tuple[str, ...]
Line = tuple[Cell, ...]


class Edge(tuple[Cell, ...]):
    """A line that is no movement: what was there before all others, what is left after them."""

    __slots__ = ()


class PaperError(Exception):
    """A document that could not be made; ``str(error)`` is a sentence for its reader."""


class Column(NamedTuple):
    """A column of the table: ``width`` in millimetres, together 180. Figures stand at the end."""

    heading: str
    width: float
    is_figure: bool = False


class Sum(NamedTuple):
    """A total, ready to be read; a main one stands out."""

    label: str
    figure: str
    is_main: bool = False


class Breakdown(NamedTuple):
    """A small table beneath the totals: the first cell of each row is its heading."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


class Chart(NamedTuple):
    """A drawing of ours, as SVG, and the same in words for who cannot see it."""

    heading: str
    svg: str
    words: str


@dataclass(frozen=True, slots=True)
class Document:
    """One report on paper. The lines of its table are handed over beside it, one by one.

    ``facts`` are labels with what they say: the period, the filters, who made it and when.
    ``first`` and ``last`` are lines before and after all others: what was there, what is left.
    ``nothing`` is said where there are no lines.
    """

    title: str
    company: str
    company_words: str
    facts: Sequence[tuple[str, str]]
    sums: Sequence[Sum]
    columns: Sequence[Column]
    heading: str
    nothing: str
    breakdown: Breakdown | None = None
    chart: Chart | None = None
    first: Line | None = None
    last: Line | None = None

    @property
    def name(self) -> str:
        """What the file's properties and the foot of each page call it."""
        return f"{self.title}, {self.company}"

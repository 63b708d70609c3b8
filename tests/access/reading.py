"""Reading and writing the table's text: a route, its methods, and a word for each column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Line:
    """``key`` (a route, or ``route@variant``), how it is asked, and what becomes of each.

    ``target``: where a redirect leads those who succeed.
    """

    key: str
    methods: tuple[str, ...]
    words: tuple[str, ...]
    target: str = ""

    @property
    def route(self) -> str:
        """The route's name, without the variant."""
        return self.key.partition("@")[0]

    def __str__(self) -> str:
        """As it stands in the table."""
        head = " ".join([self.key, *self.methods])
        tail = f" > {self.target}" if self.target else ""
        return f"{head:<44} " + " ".join(f"{word:<5}" for word in self.words).rstrip() + tail


def lines_of(text: str, columns: Sequence[str]) -> list[Line]:
    """All lines of a table."""
    return [line for _heading, lines in sections_of(text, columns) for line in lines]


def sections_of(text: str, columns: Sequence[str]) -> Iterator[tuple[str, list[Line]]]:
    """The lines below each heading (``# heading``)."""
    heading, lines = "", []
    for row in text.strip().splitlines():
        if row.startswith("# "):
            if lines:
                yield heading, lines
            heading, lines = row[2:], []
        elif row.strip():
            lines.append(_line(row, columns))
    if lines:
        yield heading, lines


def _line(row: str, columns: Sequence[str]) -> Line:
    asked, _arrow, target = row.partition(" > ")
    key, *parts = asked.split()
    methods = tuple(part for part in parts if part in METHODS)
    words = tuple(parts[len(methods) :])
    assert methods, f"No method in this line of the table: {row!r}"
    assert len(words) == len(columns), (
        f"{key} has {len(words)} outcomes, but there are {len(columns)} columns: {row!r}"
    )
    return Line(key, methods, words, target.strip())


def as_markdown(
    sections: Iterator[tuple[str, list[Line]]], columns: Sequence[str], words: dict[str, str]
) -> str:
    """The table for people."""
    told = []
    for heading, lines in sections:
        told += [f"### {heading}", "", _row(["page", "method", *columns, "leads to"])]
        told += [_row(["---"] * (len(columns) + 3))]
        for line in lines:
            cells = [words.get(word, word) for word in line.words]
            target = f"`{line.target}`" if line.target else ""
            told.append(_row([f"`{_safe(line.key)}`", ", ".join(line.methods), *cells, target]))
        told.append("")
    return "\n".join(told)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _safe(text: str) -> str:
    return re.sub(r"([|\\])", r"\\\1", text)

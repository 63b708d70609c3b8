"""Putting set pieces together into one file, and numbering its pages when all are there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext as _
from pikepdf import Dictionary, Name, ObjectStreamMode, Pdf
from weasyprint import HTML

from reports.paper.fitting import MM
from reports.paper.sheets import VARIANT

# Where the number ends: at the right margin, level with the name at the foot of the page.
RIGHT = (210 - 15) * MM
BASELINE = 24.6
SIZE = 7
GREY = "0.337 0.4 0.392 rg"
FONT = Name("/PageNumber")
DIGITS = "0123456789"
SHEET = '<style>p {font: 7pt "Noto Sans", "DejaVu Sans"; font-variant-ligatures: none}</style><p>'
# A code of the font, and the letter it stands for.
_MAPPED = re.compile(rb"<([0-9a-fA-F]{4})> <([0-9a-fA-F]{4})>")


def bind(places: Sequence[Path], out: Path | BinaryIO) -> int:
    """Write the pieces as one document to ``out``, its pages numbered; how many pages it has.

    They go into the first piece, so that its metadata, its colour profile and its being PDF/A
    stay. Memory is flat: what the pieces hold is read while the document is written.
    """
    with ExitStack() as stack:
        whole = stack.enter_context(Pdf.open(places[0]))
        for place in places[1:]:
            piece = stack.enter_context(Pdf.open(place))
            whole.pages.extend(piece.pages)
        _number(whole)
        whole.save(out, object_stream_mode=ObjectStreamMode.generate)
        return len(whole.pages)


def _number(whole: Pdf) -> None:
    """Write ``Page 7 of 12`` at the foot of each page."""
    count = len(whole.pages)
    words = _("Page %(page)s of %(pages)s")
    font = _Font(whole, words % {"page": "", "pages": DIGITS})
    if not font.has(words % {"page": "", "pages": ""}):
        # A language whose letters are joined cannot be set letter by letter.
        words = "%(page)s / %(pages)s"
        font = _Font(whole, words % {"page": "", "pages": DIGITS})
    begin = whole.make_stream(b"q\n")
    for number, page in enumerate(whole.pages, 1):
        codes, width = font.set(words % {"page": number, "pages": count})
        stamp = (
            f"\nQ q BT {GREY} {FONT} {SIZE} Tf 1 0 0 1 {RIGHT - width:.2f} {BASELINE} Tm"
            f" <{codes}> Tj ET Q"
        )
        resources = page.obj.Resources
        if Name.Font not in resources:
            resources.Font = Dictionary()
        resources.Font[FONT] = font.embedded
        # What WeasyPrint draws turns the page upside down, so it gets a state of its own.
        page.contents_add(begin, prepend=True)
        page.contents_add(whole.make_stream(stamp.encode()))


class _Font:
    """A font with some letters, embedded by WeasyPrint, for writing with it letter by letter."""

    def __init__(self, whole: Pdf, letters: str) -> None:
        sheet = HTML(string=SHEET + letters).write_pdf(pdf_variant=VARIANT)
        with Pdf.open(BytesIO(sheet)) as pdf:
            found = next(iter(pdf.pages[0].obj.Resources.Font.values()))
            self.embedded = whole.copy_foreign(found)
        mapped = _MAPPED.findall(self.embedded.ToUnicode.read_bytes())
        self.codes = {chr(int(letter, 16)): code.decode() for code, letter in mapped}
        self.widths: dict[int, float] = {}
        ranges = list(self.embedded.DescendantFonts[0].W)
        # 36 [639 650] tells the widths of the codes 36 and 37.
        for first, widths in zip(ranges[::2], ranges[1::2], strict=True):
            self.widths |= {int(first) + nth: float(width) for nth, width in enumerate(widths)}

    def has(self, text: str) -> bool:
        """Whether each letter is in the font for itself."""
        return all(letter in self.codes for letter in text)

    def set(self, text: str) -> tuple[str, float]:
        """The text in the codes of the font, and how wide it is in points."""
        codes = [self.codes[letter] for letter in text]
        return "".join(codes), sum(self.widths[int(code, 16)] for code in codes) * SIZE / 1000

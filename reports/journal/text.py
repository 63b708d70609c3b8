"""Other people's words in a file where line breaks, commas and semicolons mean something."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\u\{([0-9a-f]+)\}")


def escape(text: str, *, but: str = "") -> str:
    r"""``text`` on one line, without what has a meaning in its place: reversible.

    The characters in ``but``, the backslash, spaces at both ends and all that is not printed
    (controls, line ends, marks that turn the direction of writing) become ``\u{3b}``: the
    character's number, hexadecimal.
    """
    if text.isprintable() and text == text.strip() and not any(c in text for c in "\\" + but):
        return text
    ends = {0, len(text) - 1}
    return "".join(
        c
        if c.isprintable() and c != "\\" and c not in but and not (c == " " and at in ends)
        else f"\\u{{{ord(c):x}}}"
        for at, c in enumerate(text)
    )


def unescape(text: str) -> str:
    """What ``escape`` was given."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)

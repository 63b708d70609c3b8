"""What a caller may name a posting or a hold, and say about it."""

from __future__ import annotations

import re

# Entries have room for more: a reversal's reference is made of the one it undoes.
MAX_LENGTH = 200
MAX_DESCRIPTION = 500

_NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")


class ReferenceMalformed(ValueError):
    """The reference cannot be one; ``str(error)`` says why."""


class DescriptionMalformed(ValueError):
    """The description cannot be kept; ``str(error)`` says why."""


def check(reference: str) -> str:
    """The reference itself, if it is one. Raises ReferenceMalformed.

    What cannot be seen is refused: control characters, spaces at its ends or of other widths,
    changes of direction, half a surrogate. It would hide what makes two references different.
    """
    text = reference.strip()
    if text == reference and text and text.isprintable() and len(text) <= MAX_LENGTH:
        return reference
    if not text:
        raise ReferenceMalformed("The reference is missing.")
    raise ReferenceMalformed(
        f"A reference has at most {MAX_LENGTH} characters, no control characters or other"
        " invisible ones, and no spaces at its ends."
    )


def check_description(text: str) -> str:
    """The description itself, if it can be kept. Raises DescriptionMalformed."""
    if len(text) > MAX_DESCRIPTION:
        raise DescriptionMalformed(f"The description has more than {MAX_DESCRIPTION} characters.")
    if not text.isprintable() and _NO_TEXT.search(text):
        raise DescriptionMalformed("The description holds characters that are no text.")
    return text

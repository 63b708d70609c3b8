"""What a caller may name a posting or a hold, and say about it."""

from __future__ import annotations

import re

# Entries have room for more: a reversal's reference is made of the one it undoes.
MAX_LENGTH = 200
MAX_DESCRIPTION = 500

# No control characters, line ends or changes of direction: they would hide what makes two
# references different, and references are printed on terminals. Half a surrogate is no text.
_REFERENCE = re.compile(
    rf"[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]{{1,{MAX_LENGTH}}}"
)
_NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")


class ReferenceMalformed(ValueError):
    """The reference cannot be one; ``str(error)`` says why."""


class DescriptionMalformed(ValueError):
    """The description cannot be kept; ``str(error)`` says why."""


def check(reference: str) -> str:
    """The reference itself, if it is one. Raises ReferenceMalformed."""
    # Nearly all are plain, and this is asked for every message.
    if reference.isprintable() and len(reference) <= MAX_LENGTH and reference.strip():
        return reference
    if not reference.strip():
        raise ReferenceMalformed("The reference is missing.")
    if _REFERENCE.fullmatch(reference) is None:
        raise ReferenceMalformed(
            f"A reference has at most {MAX_LENGTH} characters and no control characters."
        )
    return reference


def check_description(text: str) -> str:
    """The description itself, if it can be kept. Raises DescriptionMalformed."""
    if len(text) > MAX_DESCRIPTION:
        raise DescriptionMalformed(f"The description has more than {MAX_DESCRIPTION} characters.")
    if not text.isprintable() and _NO_TEXT.search(text):
        raise DescriptionMalformed("The description holds characters that are no text.")
    return text

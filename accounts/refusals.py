"""Why something about people was not done, as a sentence that can be shown beside the field."""

from __future__ import annotations


class Refused(Exception):
    """Nothing was written. ``field`` names the form's field it is about, if it is about one."""

    field: str | None = None

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field or self.field

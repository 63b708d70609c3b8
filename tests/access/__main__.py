"""``python -m tests.access``: write docs/access.md from the table."""

from tests.access.document import PLACE, document

PLACE.write_text(document())

"""What reports keep: nothing of the books themselves, which are billing's."""

from reports.models.exports import (
    KEPT,
    REMEMBERED,
    UNFINISHED,
    Export,
    ExportState,
    Reach,
    exports_storage,
)
from reports.models.saved_views import SavedView
from reports.models.statements import Statement, StatementCounter

__all__ = [
    "KEPT",
    "REMEMBERED",
    "UNFINISHED",
    "Export",
    "ExportState",
    "Reach",
    "SavedView",
    "Statement",
    "StatementCounter",
    "exports_storage",
]

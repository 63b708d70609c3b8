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

__all__ = [
    "KEPT",
    "REMEMBERED",
    "UNFINISHED",
    "Export",
    "ExportState",
    "Reach",
    "exports_storage",
]

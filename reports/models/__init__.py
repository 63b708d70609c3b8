"""What reports keep: nothing of the books themselves, which are billing's."""

from reports.models.saved_views import SavedView
from reports.models.statements import Statement, StatementCounter

__all__ = ["SavedView", "Statement", "StatementCounter"]

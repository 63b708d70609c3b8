"""What reports keep: nothing of the books themselves, which are billing's."""

from reports.models.saved_views import SavedView

__all__ = ["SavedView"]

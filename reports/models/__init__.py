"""What reports keep: nothing of the books themselves, which are billing's."""

from reports.models.statements import Statement, StatementCounter

__all__ = ["Statement", "StatementCounter"]

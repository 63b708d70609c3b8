"""Pages of reports: one module a page."""

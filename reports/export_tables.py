"""The table of a person's exports."""

from __future__ import annotations

from datetime import datetime

from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_tables2 import Table

from accounts.access import Access
from billing.account_tables import column
from console.templatetags.console import local
from reports.exports import FORMATS
from reports.models import Export, ExportState

TONES = {
    ExportState.WAITING: "outline",
    ExportState.RUNNING: "accent",
    ExportState.READY: "success",
    ExportState.FAILED: "danger",
}


class ExportTable(Table):  # type: ignore[misc]
    """Exports in the order they are given; the time zone stands above the table."""

    file_name = column(gettext_lazy("File"), "file whole")
    state = column(gettext_lazy("State"), "state")
    rows_done = column(gettext_lazy("Rows"), "num rows")
    created_at = column(gettext_lazy("Ordered"), "when")
    actions = column(gettext_lazy("Actions"), "todo", empty_values=())

    caption = gettext_lazy("Exports, newest first")
    row_header = "file_name"

    class Meta:
        orderable = False
        attrs = {"class": "cards exports"}

    def __init__(self, exports: list[Export], *, access: Access, csrf_token: str) -> None:
        super().__init__(exports)
        self.company = access.company
        # For the forms in the rows.
        self.csrf_token = csrf_token

    def render_created_at(self, value: datetime) -> SafeString:
        """When it was ordered, in the company's time zone."""
        return format_html(
            '<time datetime="{}">{}</time>', value.isoformat(), local(value, self.company)
        )

    def render_file_name(self, record: Export) -> SafeString:
        """What it is called, its format and its size."""
        about = str(FORMATS[record.format].label)
        if record.size is not None:
            about = f"{about} · {filesizeformat(record.size)}"
        return format_html("{}<small>{}</small>", record.file_name, about)

    def render_state(self, record: Export) -> SafeString:
        """How it stands, with a bar while it is being made, and why it failed."""
        return SafeString(
            render_to_string(
                "reports/_export_state.html",
                {
                    "export": record,
                    "company": self.company,
                    "tone": TONES.get(ExportState(record.state), ""),
                },
            )
        )

    def render_rows_done(self, record: Export) -> str:
        """How many rows are in it, or will be."""
        if record.state == ExportState.READY or record.rows_total is None:
            return formats.number_format(record.rows_done, use_l10n=True, force_grouping=True)
        return _("%(done)s of %(total)s") % {
            "done": formats.number_format(record.rows_done, use_l10n=True, force_grouping=True),
            "total": formats.number_format(record.rows_total, use_l10n=True, force_grouping=True),
        }

    def render_actions(self, record: Export) -> SafeString:
        """Download, cancel or again."""
        return SafeString(
            render_to_string(
                "reports/_export_actions.html",
                {"export": record, "company": self.company, "csrf_token": self.csrf_token},
            )
        )

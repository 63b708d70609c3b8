"""Tables of billing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_tables2 import Column, Table

from accounts.access import Access
from accounts.models import User
from billing.models import Transfer
from console import money
from console.templatetags.console import local


def made_by(transfer: Transfer, reader: User) -> str:
    """Who made it. To customers the platform's staff are operators, not addresses."""
    if transfer.by is None:
        return _("The platform")
    if transfer.by.is_staff and not reader.is_staff:
        return _("Operator")
    return str(transfer.by)


def _column(label: Promise, classes: str, **options: Any) -> Column:
    """A column; on a phone, where rows are cards, each cell bears its label."""
    attrs = {"th": {"class": classes}, "td": {"class": classes, "data-label": label}}
    return Column(verbose_name=label, attrs=attrs, **options)


class TransferTable(Table):  # type: ignore[misc]
    """Transfers in the order they are given; time zone and currency stand above the table."""

    created_at = _column(gettext_lazy("Made"), "when", linkify=True)
    source = _column(gettext_lazy("From"), "from")
    destination = _column(gettext_lazy("To"), "to")
    amount = _column(gettext_lazy("Amount"), "num amount")
    by = _column(gettext_lazy("By"), "by", empty_values=())
    note = _column(gettext_lazy("Note"), "note", default="")

    caption = gettext_lazy("Transfers, newest first")
    row_header = "created_at"

    class Meta:
        orderable = False
        attrs = {"class": "cards transfers"}

    def __init__(self, transfers: list[Transfer], *, access: Access) -> None:
        super().__init__(transfers)
        self.access = access

    def render_created_at(self, value: Any) -> SafeString:
        """When, in the company's time zone."""
        return format_html(
            '<time datetime="{}">{}</time>', value.isoformat(), local(value, self.access.company)
        )

    def render_amount(self, value: Decimal) -> str:
        """How much."""
        return money.format_amount(value, self.access.company.decimals)

    def render_by(self, record: Transfer) -> str:
        """Who made it."""
        return made_by(record, self.access.user)

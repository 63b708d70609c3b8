"""The table of payments."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_tables2 import Table

from accounts.access import Access
from billing.account_tables import column
from billing.models import Payment
from billing.payment_status import Status, status_of
from billing.payment_words import who
from console.figures import Figures
from console.templatetags.console import local


class PaymentTable(Table):  # type: ignore[misc]
    """Payments in the order they are given; the time zone stands above the table."""

    created_at = column(
        gettext_lazy("Date"), "when", linkify=lambda record: record.get_absolute_url()
    )
    account = column(gettext_lazy("Account"), "for")
    amount = column(gettext_lazy("Amount"), "num amount")
    status = column(gettext_lazy("Status"), "status", accessor="pk")
    method_label = column(gettext_lazy("Method"), "method")
    reference = column(gettext_lazy("Reference"), "reference")
    by = column(gettext_lazy("By"), "by", empty_values=())

    caption = gettext_lazy("Payments, newest first")
    row_header = "created_at"

    class Meta:
        orderable = False
        attrs = {"class": "cards payments"}

    def __init__(self, payments: list[Payment], *, access: Access) -> None:
        super().__init__(payments)
        self.access = access
        company = access.company
        self.amounts = Figures([each.amount for each in payments], company.decimals)
        amount = self.columns["amount"].column
        # A card has no heading: there the currency stands before the amount.
        amount.attrs["td"]["data-label"] = company.currency
        amount.verbose_name = _("%(heading)s, %(currency)s") % {
            "heading": amount.verbose_name,
            "currency": company.currency,
        }

    def render_created_at(self, value: datetime) -> SafeString:
        """When it was started, in the company's time zone."""
        return format_html(
            '<time datetime="{}">{}</time>', value.isoformat(), local(value, self.access.company)
        )

    def render_amount(self, value: Decimal) -> SafeString:
        """What was asked to be credited, without the fee."""
        return self.amounts.cell(value)

    def render_status(self, record: Payment) -> SafeString:
        """How it stands."""
        status: Status = status_of(record)
        return format_html('<span class="chip {}">{}</span>', status.tone, status.label)

    def render_reference(self, value: str) -> SafeString:
        """What the company and the platform call it."""
        return format_html("<code>{}</code>", value)

    def render_by(self, record: Payment) -> str:
        """Who started it."""
        return who(record.by, self.access.user)

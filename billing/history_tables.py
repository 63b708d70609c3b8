"""Tables of what was done to one account: its spending caps, and its own history."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_tables2 import Table

from accounts.models import Account, User
from billing.account_tables import column
from billing.history import is_platform
from billing.models import AccountAction, AccountChange, CapChange
from console.figures import Figures
from console.templatetags.console import local


class CapTable(Table):  # type: ignore[misc]
    """Changes of one account's spending cap."""

    changed_at = column(gettext_lazy("When"), "when")
    old = column(gettext_lazy("Old cap"), "num", empty_values=())
    new = column(gettext_lazy("New cap"), "num", empty_values=())
    kind = column(gettext_lazy("Past it"), "kind", accessor="new_is_hard")
    by = column(gettext_lazy("By"), "by", empty_values=())

    caption = gettext_lazy("Changes of the spending cap, newest first")
    row_header = "changed_at"

    class Meta:
        orderable = False
        attrs = {"class": "cards limits"}

    def __init__(self, changes: list[CapChange], *, company: Account, reader: User) -> None:
        super().__init__(changes)
        self.company = company
        self.reader = reader
        for name in ("old", "new"):
            column = self.columns[name].column
            column.verbose_name = _("%(heading)s, %(currency)s") % {
                "heading": column.verbose_name,
                "currency": company.currency,
            }
        amounts = {
            name: [
                getattr(change, name) for change in changes if getattr(change, name) is not None
            ]
            for name in ("old", "new")
        }
        self.figures = {name: Figures(found, company.decimals) for name, found in amounts.items()}

    def render_changed_at(self, value: datetime) -> SafeString:
        """When, in the company's time zone."""
        return when(value, self.company)

    def render_old(self, value: Decimal | None) -> SafeString | str:
        """The cap before."""
        return _("none") if value is None else self.figures["old"].cell(value)

    def render_new(self, value: Decimal | None) -> SafeString | str:
        """The cap since."""
        return _("none") if value is None else self.figures["new"].cell(value)

    def render_kind(self, record: CapChange) -> str:
        """What happens past it, since then."""
        if record.new is None:
            return ""
        return _("refused") if record.new_is_hard else _("warned")

    def render_by(self, record: CapChange) -> str:
        """Who changed it."""
        return who(record.by, self.reader)


class ChangeTable(Table):  # type: ignore[misc]
    """What was done to one account."""

    changed_at = column(gettext_lazy("When"), "when")
    action = column(gettext_lazy("What"), "what")
    reason = column(gettext_lazy("Why"), "what")
    by = column(gettext_lazy("By"), "by", empty_values=())

    caption = gettext_lazy("What was done to the account, newest first")
    row_header = "changed_at"

    class Meta:
        orderable = False
        attrs = {"class": "cards limits changes"}

    def __init__(self, changes: list[AccountChange], *, company: Account, reader: User) -> None:
        super().__init__(changes)
        self.company = company
        self.reader = reader
        # The platform's reasons are for operators.
        if not reader.is_staff or not any(change.reason for change in changes):
            self.columns.hide("reason")

    def render_changed_at(self, value: datetime) -> SafeString:
        """When, in the company's time zone."""
        return when(value, self.company)

    def render_action(self, record: AccountChange) -> str:
        """What was done, and the name that was given."""
        if record.action == AccountAction.RENAMED:
            return _("Renamed to %(name)s") % {"name": record.name}
        return str(AccountAction(record.action).label)

    def render_by(self, record: AccountChange) -> str:
        """Who did it."""
        return who(record.by, self.reader)


def when(moment: datetime, company: Account) -> SafeString:
    """The moment in the company's time zone."""
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(), local(moment, company))


def who(by: User | None, reader: User) -> str:
    """The person; to customers, and of programs, the platform is one."""
    if by is None or (is_platform(by) and not reader.is_staff):
        return _("The platform")
    return str(by)

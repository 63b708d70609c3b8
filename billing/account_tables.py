"""Tables about accounts: the subaccounts, and one account's holds and limits."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db.models import BooleanField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Lower
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_tables2 import Column, Table

from accounts.access import Access
from accounts.models import Account, BalanceMode, State, User
from billing import caps
from billing.caps import CapUse
from billing.models import Balance, CreditLimitChange, Hold
from billing.standing import standing
from console import money
from console.figures import Figures
from console.templatetags.balance import Holding, formula_line
from console.templatetags.console import local

# What is closed stands last, whatever the order.
_OPEN_FIRST = ExpressionWrapper(Q(account__state=State.CLOSED), BooleanField()).asc()
_SHARED_LAST = ExpressionWrapper(Q(mode=BalanceMode.SHARED), BooleanField()).asc()
_BY_NAME = Lower("account__name")


def column(label: Promise, classes: str, **options: object) -> Column:
    """A column; on a phone, where rows are cards, each cell bears its label."""
    attrs = {"th": {"class": classes}, "td": {"class": classes, "data-label": label}}
    return Column(verbose_name=label, attrs=attrs, **options)


def available_cell(balance: Holding, company: Account) -> SafeString:
    """What can be spent, rounded down, and below it the formula where that says more."""
    formula = formula_line(balance, company)
    return format_html(
        '<span class="strong{}">{}</span>{}',
        " debt" if balance.available < 0 else "",
        money.format_down(balance.available, company.decimals),
        format_html("<small>{}</small>", formula) if formula else "",
    )


class SubaccountTable(Table):  # type: ignore[misc]
    """Subaccounts by their balances, which have their account; closed ones last in any order.

    They have a ``pace`` and ``cap_used``, as the view reads them. ``pool`` is the master account's
    balance: of a shared subaccount the table says no more than whether it can spend.
    """

    name = column(gettext_lazy("Subaccount"), "who", accessor="account__name")
    code = column(gettext_lazy("Code"), "code", accessor="account__code")
    mode = column(gettext_lazy("Balance"), "mode", orderable=False)
    state = column(gettext_lazy("State"), "state", accessor="account__state", orderable=False)
    available = column(gettext_lazy("Available"), "num available", accessor="available")
    links = column(gettext_lazy("Go to"), "links", empty_values=(), orderable=False)

    caption = gettext_lazy("Subaccounts")
    row_header = "name"

    class Meta:
        attrs = {"class": "cards accounts"}

    def __init__(
        self, balances: QuerySet[Balance], *, access: Access, pool: Balance, order_by: str
    ) -> None:
        self.access = access
        self.company = access.company
        self.pool = pool
        # A page has as many chips as rows, but of each kind only a few that differ.
        self.chips: dict[tuple[str, str], SafeString] = {}
        super().__init__(balances, order_by=(order_by,))
        self.columns["available"].column.verbose_name = _("Available, %(currency)s") % {
            "currency": self.company.currency
        }

    def order_name(
        self, balances: QuerySet[Balance], down: bool
    ) -> tuple[QuerySet[Balance], bool]:
        """By name, whatever its case."""
        return balances.order_by(_OPEN_FIRST, _BY_NAME.desc() if down else _BY_NAME.asc()), True

    def order_code(
        self, balances: QuerySet[Balance], down: bool
    ) -> tuple[QuerySet[Balance], bool]:
        """By code."""
        code = F("account__code")
        return balances.order_by(_OPEN_FIRST, code.desc() if down else code.asc()), True

    def order_available(
        self, balances: QuerySet[Balance], down: bool
    ) -> tuple[QuerySet[Balance], bool]:
        """By what is available; those without a balance of their own stand behind, either way."""
        available = F("credit") + F("credit_limit") - F("on_hold")
        order = available.desc() if down else available.asc()
        return balances.order_by(_OPEN_FIRST, _SHARED_LAST, order, _BY_NAME.asc()), True

    def render_name(self, record: Balance) -> SafeString:
        """The name, which leads to the account's page."""
        page = reverse("subaccount-detail", args=[self.company.code, record.account.code])
        return format_html('<a href="{}" hx-boost="false">{}</a>', page, record.account)

    def render_code(self, value: str) -> SafeString:
        """The name in files and in the API."""
        return format_html("<code>{}</code>", value)

    def render_mode(self, record: Balance) -> SafeString:
        """Allocated or shared."""
        return self._chip("mode", record.mode)

    def render_state(self, record: Balance) -> SafeString:
        """How it stands, with its spending cap, too."""
        pace: Decimal = record.pace  # type: ignore[attr-defined]
        chip = self._chip("state", standing(self.company, record, self.pool, pace))
        use = caps.use_of(record)
        return chip if use is None else format_html("{} {}", chip, self._cap_chip(use))

    def _chip(self, kind: str, word: str) -> SafeString:
        if (kind, word) not in self.chips:
            self.chips[kind, word] = render_to_string(f"_partials/chip_{kind}.html", {kind: word})
        return self.chips[kind, word]

    def _cap_chip(self, use: CapUse) -> SafeString:
        drawn = f"{use.percent} {use.is_near} {use.is_reached} {use.is_over} {use.is_hard}"
        if ("cap", drawn) not in self.chips:
            self.chips["cap", drawn] = render_to_string("_partials/chip_cap.html", {"use": use})
        return self.chips["cap", drawn]

    def render_available(self, record: Balance) -> SafeString:
        """What it can still spend, and the formula where that says more."""
        account = record.account
        if account.state == State.CLOSED:
            return format_html('<span class="quiet">{}</span>', _("closed"))
        if account.is_shared:
            return format_html('<span class="quiet">{}</span>', _("shared"))
        return available_cell(record, self.company)

    def render_links(self, record: Balance) -> SafeString:
        """Its transactions, and a transfer to it for those who may make one."""
        account = record.account
        transactions = reverse("transaction-list", args=[self.company.code])
        link = '<a href="{}?{}={}" hx-boost="false">{}<span class="unseen"> {}</span></a>'
        links = format_html(link, transactions, "account", account.pk, _("Transactions"), account)
        if self.access.can_transfer and not account.is_shared and account.state != State.CLOSED:
            transfer = reverse("transfer-new", args=[self.company.code])
            links = links + format_html(link, transfer, "to", account.pk, _("Transfer"), account)
        return links


class HoldTable(Table):  # type: ignore[misc]
    """Open holds; the account is named where holds of several are listed, as of a pool."""

    reference = column(gettext_lazy("Reference"), "reference")
    account = column(gettext_lazy("For"), "who")
    amount = column(gettext_lazy("Held"), "num")
    captured = column(gettext_lazy("Captured"), "num")
    remaining = column(gettext_lazy("Remaining"), "num remaining")
    expires_at = column(gettext_lazy("Expires"), "when")

    caption = gettext_lazy("Open holds, the first to expire first")
    row_header = "reference"

    class Meta:
        orderable = False
        attrs = {"class": "cards holds"}

    def __init__(
        self, holds: list[Hold], *, company: Account, names: dict[int, str], now: datetime
    ) -> None:
        several = len({hold.account_id for hold in holds}) > 1
        super().__init__(holds, exclude=() if several else ("account",))
        self.company = company
        self.names = names
        self.now = now
        self.figures = {
            name: Figures([getattr(hold, name) for hold in holds], company.decimals)
            for name in ("amount", "captured", "remaining")
        }
        for name in self.figures:
            column = self.columns[name].column
            column.verbose_name = _("%(heading)s, %(currency)s") % {
                "heading": column.verbose_name,
                "currency": company.currency,
            }

    def render_reference(self, record: Hold) -> SafeString:
        """The caller's name for it, and what it is for."""
        return format_html(
            '<span class="reference">{}</span>{}',
            record.reference,
            format_html("<small>{}</small>", record.description) if record.description else "",
        )

    def render_account(self, record: Hold) -> str:
        """Whose usage it is for."""
        return self.names.get(record.account_id, "")

    def render_amount(self, value: Decimal) -> SafeString:
        """What was reserved."""
        return self.figures["amount"].cell(value)

    def render_captured(self, value: Decimal) -> SafeString:
        """What became usage of it."""
        return self.figures["captured"].cell(value)

    def render_remaining(self, value: Decimal) -> SafeString:
        """What is still reserved."""
        return self.figures["remaining"].cell(value)

    def render_expires_at(self, value: datetime) -> SafeString:
        """When what remains is given back, in the company's time zone."""
        when = format_html(
            '<time datetime="{}">{}</time>', value.isoformat(), local(value, self.company)
        )
        if value > self.now:
            return when
        return format_html("{}<small>{}</small>", when, _("past: given back as soon as needed"))


class LimitTable(Table):  # type: ignore[misc]
    """Changes of one account's credit limit."""

    changed_at = column(gettext_lazy("When"), "when")
    old = column(gettext_lazy("Old limit"), "num")
    new = column(gettext_lazy("New limit"), "num")
    reason = column(gettext_lazy("Why"), "what")
    by = column(gettext_lazy("By"), "by", empty_values=())

    caption = gettext_lazy("Changes of the credit limit, newest first")
    row_header = "changed_at"

    class Meta:
        orderable = False
        attrs = {"class": "cards limits"}

    def __init__(
        self, changes: list[CreditLimitChange], *, company: Account, reader: User
    ) -> None:
        super().__init__(changes)
        self.company = company
        self.reader = reader
        self.figures = {
            name: Figures([getattr(change, name) for change in changes], company.decimals)
            for name in ("old", "new")
        }
        for name in self.figures:
            column = self.columns[name].column
            column.verbose_name = _("%(heading)s, %(currency)s") % {
                "heading": column.verbose_name,
                "currency": company.currency,
            }

    def render_changed_at(self, value: datetime) -> SafeString:
        """When, in the company's time zone."""
        return format_html(
            '<time datetime="{}">{}</time>', value.isoformat(), local(value, self.company)
        )

    def render_old(self, value: Decimal) -> SafeString:
        """The limit before."""
        return self.figures["old"].cell(value)

    def render_new(self, value: Decimal) -> SafeString:
        """The limit since."""
        return self.figures["new"].cell(value)

    def render_by(self, record: CreditLimitChange) -> str:
        """Who changed it. To customers the platform's staff are operators, not addresses."""
        if record.by is None:
            return _("The platform")
        if record.by.is_staff and not self.reader.is_staff:
            return _("Operator")
        return str(record.by)

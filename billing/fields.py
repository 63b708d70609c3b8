"""Fields of the forms that move credit: an amount, and one of the company's accounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from django import forms
from django.forms.utils import flatatt
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, State
from billing import transfers
from billing.models import Balance
from console import money


class AmountField(forms.CharField):
    """An amount as people type it: more than zero, no more decimals than the currency.

    Zero is taken where ``takes_zero``.
    """

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    decimals = money.LEDGER_DECIMALS
    takes_zero = False
    # In other forms something else helps.
    zero: str | Promise = _("The amount is zero: write how much to move.")
    negative: str | Promise = _(
        "The amount is below zero. To move credit the other way, swap the accounts."
    )

    def clean(self, value: Any) -> Any:
        text = self.to_python(value) or ""
        self.validate(text)
        if not text and not self.required:
            return None
        try:
            amount = money.read_amount(text, decimals=self.decimals)
        except money.AmountError as error:
            raise forms.ValidationError(str(error), code="invalid") from error
        if amount == 0 and not self.takes_zero:
            raise forms.ValidationError(str(self.zero), code="zero")
        if amount < 0:
            raise forms.ValidationError(str(self.negative), code="negative")
        return amount

    def explain(self, company: Account) -> None:
        """Take the company's decimals, and say how an amount is written."""
        self.decimals = company.decimals
        self.help_text = gettext("Without commas or spaces, for example %(example)s") % {
            "example": f"{1500:.{company.decimals}f}"
        }


class Option(NamedTuple):
    """An account in a list: its label for browsers, and what one searches by.

    ``why`` says why it cannot be chosen, if it cannot.
    """

    account: Account
    label: str
    why: str = ""


# As static/js/combobox.js reads a label, and makes a code of a name.
SEPARATOR = " · "
_NO_LETTERS = re.compile(r"[^a-z0-9]+")


class AccountSelect(forms.Select):
    """A select in which some accounts are listed but cannot be chosen; the label says why.

    ``static/js/combobox.js`` makes it searchable by name and code. ``groups`` gives the options,
    by the group's name, when they are drawn: a thousand, so not by a template for each.
    """

    empty_label: str | Promise = ""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.groups: Callable[[], Mapping[str, Sequence[Option]]] = dict

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        # What the script says; it has no words of its own.
        words = {
            "data-combobox": "",
            "data-none": gettext("No account has this name or code."),
            "data-more": gettext("More accounts match: go on typing."),
            "data-found": gettext("Accounts found:"),
        }
        chosen = str(value or "")
        groups = format_html_join(
            "\n",
            "{}",
            ((self._group(group, options, chosen),) for group, options in self.groups().items()),
        )
        return format_html(
            '<select name="{}"{}><option value="">{}</option>{}</select>',
            name,
            flatatt(self.build_attrs(self.attrs, (attrs or {}) | words)),
            self.empty_label,
            groups,
        )

    @staticmethod
    def _group(name: str, options: Sequence[Option], chosen: str) -> SafeString:
        """The options of one group; of none, where it has no name."""
        drawn = format_html_join(
            "\n",
            '<option value="{}"{}{}{}>{}</option>',
            (
                (
                    option.account.pk,
                    _option_state(option, chosen),
                    _option_names(option),
                    format_html(' data-why="{}"', option.why) if option.why else "",
                    option.label,
                )
                for option in options
            ),
        )
        if not name or not drawn:
            return drawn
        return format_html('<optgroup label="{}">{}</optgroup>', name, drawn)


class AccountField(forms.ChoiceField):
    """One of the company's accounts. Any other id is no choice, and nothing is said about it."""

    widget = AccountSelect
    default_error_messages = {
        "invalid_choice": _("Choose one of this company's accounts."),
    }

    def offer(
        self, balances: Sequence[Balance], refusals: Mapping[int, transfers.Refused | None]
    ) -> None:
        """List the accounts of ``balances`` by balance mode; those with a refusal are disabled."""
        self.accounts = {str(row.account_id): row.account for row in balances}
        select = cast(AccountSelect, self.widget)
        select.empty_label = _("Choose an account")
        select.groups = lambda: _by_mode(balances, refusals)

    def valid_value(self, value: Any) -> bool:
        return str(value) in self.accounts

    def clean(self, value: Any) -> Account:
        return self.accounts[super().clean(value)]


def _option_state(option: Option, chosen: str) -> SafeString:
    """Browsers do not send a disabled option: one that an address or a swap has chosen is sent,
    so that the answer says why it is refused.
    """
    if str(option.account.pk) == chosen:
        return SafeString(" selected")
    return SafeString(" disabled" if option.why else "")


def _option_names(option: Option) -> SafeString:
    """The account's name and code, where the script cannot tell them from the label.

    A thousand accounts stand here twice: what goes without saying is a third of the page.
    """
    account = option.account
    named, coded = SafeString(""), SafeString("")
    if option.label.partition(SEPARATOR)[0] != account.name:
        named = format_html(' data-name="{}"', account.name)
    if _NO_LETTERS.sub("-", account.name.lower()) != account.code:
        coded = format_html(' data-code="{}"', account.code)
    return named + coded


def _by_mode(
    balances: Sequence[Balance], refusals: Mapping[int, transfers.Refused | None]
) -> Mapping[str, Sequence[Option]]:
    """The options, grouped as master account, allocated, shared and closed ones."""
    currency = {"currency": balances[0].account.company.currency}
    groups: dict[str, list[Option]] = {
        gettext("Master account, available %(currency)s") % currency: [],
        gettext("Allocated, available %(currency)s") % currency: [],
        gettext("Shared"): [],
        gettext("Closed"): [],
    }
    places = list(groups.values())
    for row in balances:
        refusal = refusals[row.account_id]
        places[_group(row.account)].append(
            Option(row.account, _account_label(row, refusal), refusal.message if refusal else "")
        )
    return groups


def _group(account: Account) -> int:
    """Where the account is listed: master, allocated, shared, closed."""
    if account.is_master:
        return 0
    if account.state == State.CLOSED:
        return 3
    return 2 if account.is_shared else 1


def _account_label(row: Balance, refusal: transfers.Refused | None) -> str:
    """The account's name with what it can spend, and why it cannot be chosen if it cannot.

    Short, so that a list on a phone can show all of it: the currency stands above the names.
    """
    account = row.account
    if account.state == State.CLOSED:
        return gettext("%(name)s · closed") % {"name": account.name}
    if account.is_shared:
        return gettext("%(name)s · shared balance") % {"name": account.name}
    names = {
        "name": account.name,
        "available": money.format_down(row.available, account.decimals),
    }
    if account.state == State.SUSPENDED:
        return gettext("%(name)s · %(available)s · suspended") % names
    if refusal is not None:
        return gettext("%(name)s · %(available)s · company suspended") % names
    return gettext("%(name)s · %(available)s") % names

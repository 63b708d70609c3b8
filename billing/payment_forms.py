"""The form of a payment: for which account, how much, and how; all before a gateway is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any, cast
from uuid import UUID

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from billing import payments
from billing.fields import AccountField, AmountField
from billing.models import Balance, Confirmation, MethodKind, PaymentMethod
from billing.payment_methods import AmountRefused, Quote, presets, quote
from console import money

ICONS = {
    MethodKind.CARD: "credit-card",
    MethodKind.WALLET: "wallet",
    MethodKind.VOUCHER: "ticket",
    MethodKind.BANK_TRANSFER: "landmark",
}
MINUTES_OF_HOUR = 60
# From here on a span is told in the larger unit.
MANY_MINUTES = 120
MANY_HOURS = 48


@dataclass(frozen=True, slots=True)
class Choice:
    """A method as the form offers it; ``trouble`` says why it does not take what is typed."""

    method: PaymentMethod
    is_chosen: bool
    trouble: str

    @property
    def icon(self) -> str:
        """The icon of its kind."""
        return ICONS[MethodKind(self.method.kind)]

    @property
    def limits(self) -> str:
        """``EGP 50.00 to 300,000.00``."""
        return gettext("%(currency)s %(least)s to %(most)s") % {
            "currency": self.method.currency,
            "least": _written(self.method.min_amount, self.method.currency),
            "most": _written(self.method.max_amount, self.method.currency),
        }

    @property
    def fee(self) -> str:
        """What it costs on top, in words."""
        facts = {
            "percent": f"{self.method.fee_percent.normalize():f}",
            "currency": self.method.currency,
            "fixed": _written(self.method.fee_fixed, self.method.currency),
        }
        if self.method.fee_percent and self.method.fee_fixed:
            return gettext("Fee %(percent)s %% and %(currency)s %(fixed)s") % facts
        if self.method.fee_percent:
            return gettext("Fee %(percent)s %%") % facts
        if self.method.fee_fixed:
            return gettext("Fee %(currency)s %(fixed)s") % facts
        return gettext("No fee")

    @property
    def time(self) -> str:
        """How long it takes, in words."""
        if self.method.confirmation == Confirmation.INSTANT:
            return gettext("Credited within a minute")
        return gettext("%(span)s to pay; credited when the money arrives") % {
            "span": span(self.method.expires_minutes)
        }


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known so far of a payment that is being typed.

    ``quoted`` is None until account, amount and method fit; ``owed`` is what would bring the
    account's credit to zero, in the currency's decimals, None where it owes nothing.
    """

    balance: Balance | None
    quoted: Quote | None
    owed: Decimal | None
    trouble: str

    @property
    def after(self) -> Decimal | None:
        """What is then available."""
        if self.balance is None or self.quoted is None:
            return None
        return self.balance.available + self.quoted.amount


class PaymentForm(forms.Form):
    """An account in the person's reach, an amount, and one of the methods that are offered.

    ``cleaned_data`` is what ``payments.start`` takes, but for the key and who asks; ``quoted``
    then has the fee. ``balances`` are those of the accounts in reach, each with its account.
    """

    account = AccountField(
        label=_("Account"), error_messages={"required": _("Choose the account to top up.")}
    )
    amount = AmountField(
        label=_("Amount"), error_messages={"required": _("Write how much to top up.")}
    )
    method = forms.ChoiceField(
        label=_("How to pay"),
        error_messages={
            "required": _("Choose how to pay."),
            "invalid_choice": _("This way to pay is not offered. Choose one of those below."),
        },
    )

    def __init__(
        self,
        company: Account,
        balances: Sequence[Balance],
        methods: Sequence[PaymentMethod],
        data: Mapping[str, str],
    ) -> None:
        super().__init__(data)
        self.company = company
        self.balances = {row.account_id: row for row in balances}
        self.methods = {str(method.pk): method for method in methods}
        self.quoted: Quote | None = None
        amount = cast(AmountField, self.fields["amount"])
        amount.explain(company)
        amount.zero = _("The amount is zero: write how much to top up.")
        amount.negative = _("The amount is below zero: write how much to top up.")
        amount.label = format_html(
            '{}<span class="unseen"> ({})</span>', amount.label, company.currency
        )
        cast(AccountField, self.fields["account"]).offer(
            balances,
            {row.account_id: payments.cannot_top_up(row.account) for row in balances},
        )
        cast(forms.ChoiceField, self.fields["method"]).choices = [
            (pk, method.label) for pk, method in self.methods.items()
        ]

    def clean_account(self) -> Account:
        """Refuse what takes no payment: it was chosen by an address, or shared meanwhile."""
        account: Account = self.cleaned_data["account"]
        account.master = self.company
        refusal = payments.cannot_top_up(account)
        if refusal is not None:
            raise forms.ValidationError(refusal.message)
        return account

    def clean_method(self) -> PaymentMethod:
        """The method itself."""
        return self.methods[self.cleaned_data["method"]]

    def clean(self) -> dict[str, Any]:
        """The amount against the method's limits."""
        cleaned: dict[str, Any] = self.cleaned_data
        if {"amount", "method"} <= cleaned.keys():
            try:
                self.quoted = quote(cleaned["method"], cleaned["amount"])
            except AmountRefused as refusal:
                self.add_error("amount", refusal.message)
        return cleaned

    def forgive(self) -> None:
        """Show what is filled in so far without complaining about what is not.

        What stands there wrongly is still told.
        """
        for name in list(self.errors):
            if not self[name].data:
                del self.errors[name]

    def choices(self) -> list[Choice]:
        """The methods as the form shows them, with what does not fit the amount."""
        self.is_valid()
        amount = self._amount()
        chosen = self["method"].data
        return [
            Choice(method, pk == chosen, _trouble(method, amount))
            for pk, method in self.methods.items()
        ]

    def presets(self) -> Sequence[Decimal]:
        """Amounts to choose from."""
        return presets(self.company.currency)

    def outlook(self) -> Outlook:
        """What is known so far, for the preview."""
        self.is_valid()
        account = self.cleaned_data.get("account")
        balance = self.balances[account.pk] if account else None
        typed = self["amount"].data or ""
        # Whoever has come as far as "1." is about to write a decimal.
        is_unfinished = not typed or typed.endswith(".")
        found = None if is_unfinished else self.errors.get("amount")
        return Outlook(
            balance,
            self.quoted if account else None,
            owed_by(balance, self.company.decimals) if balance else None,
            str(found[0]) if found else "",
        )

    def _amount(self) -> Decimal | None:
        """What is typed, if it is an amount at all, whatever the chosen method says of it."""
        try:
            return cast("Decimal | None", self.fields["amount"].clean(self["amount"].data))
        except forms.ValidationError:
            return None


def owed_by(balance: Balance, decimals: int) -> Decimal | None:
    """What brings its credit to zero, rounded up to the currency; None where it owes nothing."""
    if balance.credit >= 0:
        return None
    return (-balance.credit).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_CEILING)


def span(minutes: int) -> str:
    """``30 minutes``, ``24 hours``, ``14 days``."""
    if minutes < MANY_MINUTES:
        return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    hours = minutes // MINUTES_OF_HOUR
    if hours < MANY_HOURS:
        return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
    return ngettext("%(n)d day", "%(n)d days", hours // 24) % {"n": hours // 24}


def read_key(text: str) -> UUID | None:
    """The key as the review page wrote it; None for anything else."""
    try:
        key = UUID(text)
    except ValueError:
        return None
    return key if str(key) == text else None


def _trouble(method: PaymentMethod, amount: Decimal | None) -> str:
    if amount is None:
        return ""
    try:
        quote(method, amount)
    except AmountRefused as refusal:
        return refusal.message
    return ""


def _written(amount: Decimal, currency: str) -> str:
    return money.format_amount(amount, money.currency_decimals(currency))

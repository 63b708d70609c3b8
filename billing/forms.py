"""Forms of billing: they explain kindly what the verbs and the database refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast
from uuid import UUID, uuid4

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, State
from billing import transfers
from billing.models import Balance
from console import money


class AmountField(forms.CharField):
    """An amount as people type it: more than zero, no more decimals than the currency."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    decimals = money.LEDGER_DECIMALS

    def clean(self, value: Any) -> Decimal:
        text = self.to_python(value) or ""
        self.validate(text)
        try:
            amount = money.read_amount(text, decimals=self.decimals)
        except money.AmountError as error:
            raise forms.ValidationError(str(error), code="invalid") from error
        if amount == 0:
            raise forms.ValidationError(
                gettext("The amount is zero: write how much to move."), code="zero"
            )
        if amount < 0:
            raise forms.ValidationError(
                gettext(
                    "The amount is below zero. To move credit the other way, swap the accounts."
                ),
                code="negative",
            )
        return amount


class AccountSelect(forms.Select):
    """A select in which some accounts are listed but cannot be chosen; the label says why."""

    disabled: frozenset[str] = frozenset()

    def create_option(
        self, name: str, value: Any, label: int | str, selected: bool, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        option = super().create_option(name, value, label, selected, *args, **kwargs)
        # Browsers do not send a disabled option: one that an address or a swap has chosen is sent,
        # so that the answer says why it is refused.
        if str(value) in self.disabled and not selected:
            option["attrs"]["disabled"] = True
        return option


class AccountField(forms.ChoiceField):
    """One of the company's accounts. Any other id is no choice, and nothing is said about it."""

    widget = AccountSelect
    default_error_messages = {
        "invalid_choice": _("Choose one of this company's accounts."),
    }

    def offer(
        self, balances: Sequence[Balance], refusals: Mapping[int, transfers.Refused | None]
    ) -> None:
        """List all accounts; those with a refusal are disabled, and their label says why.

        The master account comes first.
        """
        self.accounts = {str(row.account_id): row.account for row in balances}
        labels = [
            (str(row.account_id), _account_label(row, refusals[row.account_id]))
            for row in balances
        ]
        self.choices = [
            ("", gettext("Choose an account")),
            (gettext("Master account"), labels[:1]),
            (gettext("Subaccounts"), labels[1:]),
        ]
        select = cast(AccountSelect, self.widget)
        select.disabled = frozenset(str(pk) for pk, refusal in refusals.items() if refusal)

    def clean(self, value: Any) -> Account:
        return self.accounts[super().clean(value)]


class TransferForm(forms.Form):
    """Credit from one of the company's accounts to another.

    ``cleaned_data`` is what ``transfers.make`` takes, but for who asks. ``balances`` are those of
    all the company's accounts, in the order they are listed, each with its account. An amount or
    account that the ledger will refuse is left to the ledger: see ``add_refusal``.
    """

    # In addresses and posts the accounts are `from` and `to`.
    NAMES = {"source": "from", "destination": "to"}
    # What a refusal is about, when it is not the one account it names.
    FIELDS = {
        transfers.InsufficientBalance: "amount",
        transfers.BalanceTooLarge: "amount",
        transfers.SameAccount: "destination",
        transfers.AccountSuspended: "source",
        transfers.KeyConflict: None,
    }

    amount = AmountField(
        label=_("Amount"), error_messages={"required": _("Write how much to move.")}
    )
    source = AccountField(
        label=_("From"), error_messages={"required": _("Choose the account that gives.")}
    )
    destination = AccountField(
        label=_("To"), error_messages={"required": _("Choose the account that receives.")}
    )
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    # Read in clean(): whatever is wrong with it, the person can only send again with a fresh one.
    key = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        company: Account,
        balances: Sequence[Balance],
        data: Mapping[str, str],
    ) -> None:
        super().__init__(data)
        self.asked: tuple[Account, Account, Decimal] | None = None
        amount = cast(AmountField, self.fields["amount"])
        amount.decimals = company.decimals
        # The frame of the field shows the currency to who can see it.
        amount.label = format_html(
            '{}<span class="unseen"> ({})</span>', amount.label, company.currency
        )
        listed = {row.account_id: row.account for row in balances}
        cast(AccountField, self.fields["source"]).offer(
            balances, {pk: transfers.cannot_move_from(account) for pk, account in listed.items()}
        )
        cast(AccountField, self.fields["destination"]).offer(
            balances, {pk: transfers.cannot_move_to(account) for pk, account in listed.items()}
        )

    def add_prefix(self, field_name: str) -> str:
        """The field's name in addresses and posts."""
        return self.NAMES.get(field_name, field_name)

    def clean(self) -> dict[str, Any]:
        """Read the key. Without one the transfer could happen twice, so it is not made."""
        cleaned: dict[str, Any] = self.cleaned_data
        if {"source", "destination", "amount"} <= cleaned.keys():
            self.asked = (cleaned["source"], cleaned["destination"], cleaned["amount"])
        try:
            cleaned["key"] = UUID(cleaned.get("key", ""))
        except ValueError:
            self.add_error(
                None,
                gettext(
                    "The form came without its number, so nothing was moved."
                    " It has a new one now: check what you wrote and send it again."
                ),
            )
            self.renew_key()
        return cleaned

    def preview(self) -> transfers.Preview | None:
        """What would happen now, once the amount and both accounts can be read."""
        self.is_valid()
        if self.asked is None:
            return None
        source, destination, amount = self.asked
        return transfers.preview(source=source, destination=destination, amount=amount)

    def forgive(self) -> None:
        """Show what is filled in so far without complaining about what is not."""
        self.errors.clear()

    @staticmethod
    def fresh_key() -> str:
        """A key for one transfer."""
        return str(uuid4())

    def renew_key(self) -> None:
        """Offer a fresh key: what is sent next is another transfer."""
        typed = {name: self.data.get(name, "") for name in ("amount", "from", "to", "note")}
        self.data = typed | {"key": self.fresh_key()}

    def add_refusal(self, refusal: transfers.Refused) -> None:
        """Show why nothing was moved beside the field that it is about."""
        if type(refusal) in self.FIELDS:
            field = self.FIELDS[type(refusal)]
        else:
            at_source = refusal.account != self.cleaned_data["destination"].pk
            field = "source" if at_source else "destination"
        self.add_error(field, refusal.message)
        if isinstance(refusal, transfers.KeyConflict):
            self.renew_key()


def _account_label(row: Balance, refusal: transfers.Refused | None) -> str:
    """The account's name with what it can spend, and why it cannot be chosen if it cannot."""
    account = row.account
    names = {
        "name": account.name,
        "available": money.format_down(row.available, account.decimals),
    }
    if account.state == State.CLOSED:
        return gettext("%(name)s (closed)") % names
    if account.is_shared:
        return gettext("%(name)s (shared: no balance of its own)") % names
    if account.state == State.SUSPENDED:
        return gettext("%(name)s: %(available)s available (suspended)") % names
    if refusal is not None:
        return gettext("%(name)s: %(available)s available (company suspended)") % names
    return gettext("%(name)s: %(available)s available") % names

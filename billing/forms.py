"""Forms of billing: they explain kindly what the verbs and the database refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast
from uuid import UUID, uuid4

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, State
from billing import transfers
from billing.models import Balance, Transfer
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
        currency = {"currency": balances[0].account.company.currency}
        labels = [
            (str(row.account_id), _account_label(row, refusals[row.account_id]))
            for row in balances
        ]
        self.choices = [
            ("", gettext("Choose an account")),
            (gettext("Master account, available %(currency)s") % currency, labels[:1]),
            (gettext("Subaccounts, available %(currency)s") % currency, labels[1:]),
        ]
        select = cast(AccountSelect, self.widget)
        select.disabled = frozenset(str(pk) for pk, refusal in refusals.items() if refusal)

    def clean(self, value: Any) -> Account:
        return self.accounts[super().clean(value)]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known so far of a transfer that is being typed: a side as soon as it is chosen.

    ``trouble`` says why the amount, or the whole transfer, cannot be made. What would be available
    afterwards is None until amount and both accounts are there and the ledger would take them.
    """

    source: Balance | None = None
    destination: Balance | None = None
    source_after: Decimal | None = None
    destination_after: Decimal | None = None
    trouble: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether it says what would happen."""
        return self.source_after is not None


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
        error_messages={
            "max_length": _(
                "A note has at most %(limit_value)d characters; this one has %(show_value)d."
            )
        },
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
        self.company = company
        self.balances = {row.account_id: row for row in balances}
        amount = cast(AmountField, self.fields["amount"])
        amount.decimals = company.decimals
        # The frame of the field shows the currency to who can see it.
        amount.label = format_html(
            '{}<span class="unseen"> ({})</span>', amount.label, company.currency
        )
        amount.help_text = gettext("Without commas or spaces, for example %(example)s") % {
            "example": f"{1500:.{company.decimals}f}"
        }
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
        try:
            cleaned["key"] = _read_key(cleaned.get("key", ""))
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

    def outlook(self) -> Outlook:
        """What is known so far, for the preview."""
        self.is_valid()
        known = self.cleaned_data
        if {"source", "destination", "amount"} <= known.keys():
            told = transfers.preview(
                source=known["source"], destination=known["destination"], amount=known["amount"]
            )
            if told.refusal:
                return Outlook(told.source, told.destination, trouble=told.refusal.message)
            return Outlook(
                told.source, told.destination, told.source_after, told.destination_after
            )
        typed = self["amount"].data or ""
        # Whoever has come as far as "1." is about to write a decimal.
        is_unfinished = not typed or typed.endswith(".")
        found = None if is_unfinished else self.errors.get("amount")
        return Outlook(
            self._balance("source"),
            self._balance("destination"),
            trouble=str(found[0]) if found else "",
        )

    def _balance(self, field: str) -> Balance | None:
        """The balance of the account that was chosen there."""
        account = self.cleaned_data.get(field)
        return self.balances[account.pk] if account else None

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
        if isinstance(refusal, transfers.KeyConflict):
            self.add_error(field, self._sent_before())
            self.renew_key()
        else:
            self.add_error(field, refusal.message)

    def _sent_before(self) -> SafeString:
        """What to do about a form that was sent before, as another transfer, with a link to it."""
        first = Transfer.objects.select_related("master").get(
            master=self.company, key=self.cleaned_data["key"]
        )
        return format_html(
            '{} <a href="{}">{}</a>',
            gettext(
                "This form was sent before, as another transfer. Nothing was moved now."
                " If you want this one too, press Transfer again."
            ),
            first.get_absolute_url(),
            gettext("See the first transfer"),
        )


def _account_label(row: Balance, refusal: transfers.Refused | None) -> str:
    """The account's name with what it can spend, and why it cannot be chosen if it cannot.

    Short, so that a list on a phone can show all of it: the currency stands above the names.
    """
    account = row.account
    names = {
        "name": account.name,
        "available": money.format_down(row.available, account.decimals),
    }
    if account.state == State.CLOSED:
        return gettext("%(name)s · closed") % names
    if account.is_shared:
        return gettext("%(name)s · shared balance") % names
    if account.state == State.SUSPENDED:
        return gettext("%(name)s · %(available)s · suspended") % names
    if refusal is not None:
        return gettext("%(name)s · %(available)s · company suspended") % names
    return gettext("%(name)s · %(available)s") % names


def _read_key(text: str) -> UUID:
    """The key as the form wrote it. Raises ValueError for every other way to write a UUID."""
    key = UUID(text)
    if str(key) != text:
        raise ValueError(f"{text!r} is not how a key is written")
    return key

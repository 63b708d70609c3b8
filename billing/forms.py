"""Forms of transfers: they explain kindly what the verbs and the database refuse."""

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

from accounts.models import Account
from billing import shown, transfers
from billing.fields import AccountField, AmountField
from billing.models import Balance, Transfer, TransferBatch


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

    @classmethod
    def of(cls, told: transfers.Preview) -> Outlook:
        """What a whole preview tells."""
        if told.refusal:
            return cls(told.source, told.destination, trouble=told.refusal.message)
        return cls(told.source, told.destination, told.source_after, told.destination_after)

    @property
    def is_complete(self) -> bool:
        """Whether it says what would happen."""
        return self.source_after is not None

    @property
    def shown(self) -> str:
        """The figures of a whole preview, for its hidden field."""
        if self.source is None or self.destination is None or not self.is_complete:
            return ""
        return shown.write([self.source, self.destination])


class MovingForm(forms.Form):
    """What all forms that move credit have: a note, a key, and what their preview has shown.

    ``shown`` in ``cleaned_data`` is what the verbs take: None when there was no preview, or when
    the person has said that it does not matter.
    """

    # The fields that an address or a fresh key keeps, by their names in posts.
    TYPED: tuple[str, ...] = ()
    # What a refusal is about, when it is not the one account it names.
    FIELDS: Mapping[type[transfers.Refused], str | None] = {}

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
    anyway = forms.BooleanField(
        label=_("Move it even if the balances change once more"),
        required=False,
    )
    # Read in clean(): whatever is wrong with it, the person can only send again with a fresh one.
    key = forms.CharField(required=False, widget=forms.HiddenInput)
    # Stands in the preview, which is drawn anew while one types.
    shown = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, company: Account, data: Mapping[str, str]) -> None:
        super().__init__(data)
        self.company = company
        self.asks_again = bool(data.get("anyway"))

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
        anyway = cleaned.pop("anyway", False)
        try:
            cleaned["shown"] = shown.read(cleaned["shown"]) if cleaned.get("shown") else None
        except ValueError:
            self.add_error(
                None,
                gettext(
                    "The figures of the preview did not arrive whole, so nothing was moved."
                    " Look at them and send the form again."
                ),
            )
        if anyway:
            cleaned["shown"] = None
        return cleaned

    def forgive(self) -> None:
        """Show what is filled in so far without complaining about what is not."""
        self.errors.clear()

    @staticmethod
    def fresh_key() -> str:
        """A key for one transfer."""
        return str(uuid4())

    def renew_key(self) -> None:
        """Offer a fresh key: what is sent next is another transfer."""
        typed = {name: self.data.get(name, "") for name in self.TYPED}
        self.data = typed | {"key": self.fresh_key()}

    def add_refusal(self, refusal: transfers.Refused) -> None:
        """Show why nothing was moved beside the field that it is about."""
        if isinstance(refusal, transfers.KeyConflict):
            self.add_error(None, self._sent_before())
            self.renew_key()
        elif isinstance(refusal, transfers.BalancesChanged):
            self.asks_again = True
            self.add_error(None, refusal.message)
        else:
            self.add_error(self.field_of(refusal), refusal.message)

    def field_of(self, refusal: transfers.Refused) -> str | None:
        """The field that the refusal is about."""
        return self.FIELDS.get(type(refusal))

    def add_hurry(self) -> None:
        """Say that the balances were changing faster than the verb could look."""
        self.add_error(
            None, gettext("The balances were changing meanwhile, so nothing was moved. Try again.")
        )

    def _sent_before(self) -> SafeString:
        """What to do about a form that was sent before, as another transfer, with a link to it."""
        found = {"master": self.company, "key": self.cleaned_data["key"]}
        first = (
            Transfer.objects.select_related("master").filter(**found).first()
            or TransferBatch.objects.select_related("master").filter(**found).first()
        )
        link = (
            format_html(
                ' <a href="{}">{}</a>', first.get_absolute_url(), gettext("See the first transfer")
            )
            if first
            else ""
        )
        return format_html(
            "{}{}",
            gettext(
                "This form was sent before, as another transfer. Nothing was moved now."
                " If you want this one too, press Transfer again."
            ),
            link,
        )


class TransferForm(MovingForm):
    """Credit from one of the company's accounts to another.

    ``cleaned_data`` is what ``transfers.make`` takes, but for who asks. ``balances`` are those of
    all the company's accounts, in the order they are listed, each with its account. An amount or
    account that the ledger will refuse is left to the ledger: see ``add_refusal``.
    """

    # In addresses and posts the accounts are `from` and `to`.
    NAMES = {"source": "from", "destination": "to"}
    TYPED = ("amount", "from", "to", "note")
    FIELDS = {
        transfers.InsufficientBalance: "amount",
        transfers.BalanceTooLarge: "amount",
        transfers.SameAccount: "destination",
        transfers.AccountSuspended: "source",
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
    field_order = ("amount", "source", "destination", "note")

    def __init__(
        self,
        company: Account,
        balances: Sequence[Balance],
        data: Mapping[str, str],
    ) -> None:
        super().__init__(company, data)
        self.balances = {row.account_id: row for row in balances}
        amount = cast(AmountField, self.fields["amount"])
        amount.explain(company)
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
        """Of what was shown, only what is about these accounts counts."""
        cleaned = super().clean()
        ends = [cleaned[name].pk for name in ("source", "destination") if name in cleaned]
        if isinstance(cleaned.get("shown"), dict):
            cleaned["shown"] = shown.of(cleaned["shown"], ends)
        return cleaned

    def outlook(self) -> Outlook:
        """What is known so far, for the preview."""
        self.is_valid()
        known = self.cleaned_data
        if {"source", "destination", "amount"} <= known.keys():
            return Outlook.of(
                transfers.preview(
                    source=known["source"],
                    destination=known["destination"],
                    amount=known["amount"],
                )
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

    def field_of(self, refusal: transfers.Refused) -> str | None:
        if type(refusal) in self.FIELDS:
            return self.FIELDS[type(refusal)]
        at_source = refusal.account != self.cleaned_data["destination"].pk
        return "source" if at_source else "destination"


class ReversalForm(MovingForm):
    """How much of a transfer is moved back.

    ``cleaned_data`` is what ``transfers.reverse`` takes, but for the transfer and who asks.
    """

    TYPED = ("amount", "note")
    FIELDS = {
        transfers.InsufficientBalance: "amount",
        transfers.BalanceTooLarge: "amount",
        transfers.MoreThanMoved: "amount",
    }

    amount = AmountField(
        label=_("Amount"), error_messages={"required": _("Write how much to move back.")}
    )
    field_order = ("amount", "note")

    def __init__(self, transfer: Transfer, data: Mapping[str, str]) -> None:
        super().__init__(transfer.master, data)
        self.transfer = transfer
        amount = cast(AmountField, self.fields["amount"])
        amount.explain(transfer.master)
        amount.zero = _("The amount is zero: write how much to move back.")
        amount.negative = _("The amount is below zero: write how much to move back.")
        amount.label = format_html(
            '{}<span class="unseen"> ({})</span>', amount.label, self.company.currency
        )

    def outlook(self) -> Outlook:
        """What is known so far, for the preview."""
        self.is_valid()
        amount = self.cleaned_data.get("amount")
        if amount is None:
            told = transfers.preview_reversal(
                transfer=self.transfer, amount=Decimal(1).scaleb(-self.company.decimals)
            )
            typed = self["amount"].data or ""
            found = None if not typed or typed.endswith(".") else self.errors.get("amount")
            return Outlook(told.source, told.destination, trouble=str(found[0]) if found else "")
        return Outlook.of(transfers.preview_reversal(transfer=self.transfer, amount=amount))


def _read_key(text: str) -> UUID:
    """The key as the form wrote it. Raises ValueError for every other way to write a UUID."""
    key = UUID(text)
    if str(key) != text:
        raise ValueError(f"{text!r} is not how a key is written")
    return key

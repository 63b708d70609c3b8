"""Forms of adjustments, and of what a second operator decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, State
from billing.fields import AccountField
from billing.holds import expired
from billing.models import Balance
from billing.operator_forms import KeyedForm, PaidAmount
from billing.references import check_description
from billing.refusals import AccountClosed, InsufficientBalance
from billing.second_operator import Alone

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

ADD, TAKE = "add", "take"


class ReasonField(forms.CharField):
    """Why: required, and no longer than pages have room for."""

    def __init__(self, missing: StrPromise) -> None:
        too_long = _(
            "A reason has at most %(limit_value)d characters; this one has %(show_value)d."
        )
        super().__init__(
            label=_("Reason"),
            max_length=300,
            error_messages={"required": missing, "max_length": too_long},
        )


class ReasonForm(KeyedForm):
    """Why an adjustment is undone."""

    reason = ReasonField(_("Write why it is undone."))

    def clean_reason(self) -> str:
        """As the books take it."""
        reason: str = self.cleaned_data["reason"]
        try:
            return check_description(reason)
        except ValueError as error:
            raise forms.ValidationError(
                gettext("The reason holds characters that are no text.")
            ) from error


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known so far of an adjustment that is being typed.

    ``balance`` is the holder's, once an account is chosen; ``amount`` is signed. ``words`` say
    what is particular about the account, ``trouble`` why it cannot be done.
    """

    account: Account | None = None
    balance: Balance | None = None
    amount: Decimal | None = None
    words: Sequence[str] = ()
    trouble: str = ""
    needs_second: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether it says what would happen."""
        return self.balance is not None and self.amount is not None and not self.trouble

    @property
    def credit_after(self) -> Decimal:
        """The holder's credit afterwards; of a complete one."""
        return (self.balance.credit if self.balance else Decimal(0)) + (self.amount or 0)

    @property
    def available_after(self) -> Decimal:
        """What the holder could spend afterwards; of a complete one."""
        return (self.balance.available if self.balance else Decimal(0)) + (self.amount or 0)


class AdjustForm(ReasonForm):
    """How much is added to, or taken from, which account's credit, and why."""

    account = AccountField(
        label=_("Account"), error_messages={"required": _("Choose the account.")}
    )
    direction = forms.ChoiceField(
        label=_("What happens"),
        choices=[(ADD, _("Add to the credit")), (TAKE, _("Take from the credit"))],
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose whether to add or to take away."),
            "invalid_choice": _("Choose whether to add or to take away."),
        },
    )
    amount = PaidAmount(
        label=_("Amount"), error_messages={"required": _("Write how much to add or take away.")}
    )
    reason = ReasonField(_("Write why the credit is adjusted."))

    field_order = ("account", "direction", "amount", "reason", "key")

    def __init__(
        self,
        company: Account,
        balances: Sequence[Balance],
        alone: Alone,
        data: Mapping[str, str] | None = None,
        chosen: Account | None = None,
    ) -> None:
        super().__init__(data, initial={"account": chosen.pk if chosen else None})
        self.company, self.alone = company, alone
        self.balances = {row.account_id: row for row in balances}
        field = cast(AccountField, self.fields["account"])
        field.offer(balances, dict.fromkeys(self.balances))
        self.fields["reason"].help_text = gettext("Customers read it beside the movement.")
        cast(PaidAmount, self.fields["amount"]).of(company.currency)
        self.chosen = chosen

    @property
    def signed(self) -> Decimal:
        """What it does to the credit; the form is valid."""
        amount: Decimal = self.cleaned_data["amount"]
        return amount if self.cleaned_data["direction"] == ADD else -amount

    def outlook(self) -> Outlook:
        """What is known so far; at most one query."""
        if not self.is_bound:
            return self._outlook(self.chosen, None) if self.chosen else Outlook()
        # Cleaned once: what the ledger has refused meanwhile stands among the errors, too.
        errors = self.errors
        account: Account | None = self.cleaned_data.get("account")
        if self.data.get("amount") and "amount" in errors:
            told = self._outlook(account, None) if account else Outlook()
            return replace(told, trouble=" ".join(map(str, errors["amount"])))
        if account is None:
            return Outlook()
        whole = {"amount", "direction"} <= self.cleaned_data.keys()
        return self._outlook(account, self.signed if whole else None)

    def _outlook(self, account: Account, amount: Decimal | None) -> Outlook:
        balance = self.balances[account.holder_id]
        words, trouble = self._words(account, balance), ""
        if amount is not None and amount < 0:
            trouble = self._cannot_take(account, balance, -amount)
        second = amount is not None and abs(amount) > self.alone.left
        return Outlook(account, balance, amount, words, trouble, second and not trouble)

    def _words(self, account: Account, balance: Balance) -> list[str]:
        names = {"account": account, "holder": balance.account}
        if account.state == State.CLOSED:
            return [
                gettext("%(account)s is closed: what is added goes to %(holder)s.") % names,
            ]
        words = []
        if account.is_shared:
            words.append(
                gettext("%(account)s draws on the balance of %(holder)s: that is what moves.")
                % names
            )
        for each in {account.pk: account, self.company.pk: self.company}.values():
            if each.state == State.SUSPENDED:
                words.append(
                    gettext(
                        "%(account)s is suspended. Its credit can be adjusted, but nothing is"
                        " spent until it is restored."
                    )
                    % {"account": each}
                )
        return words

    @staticmethod
    def _cannot_take(account: Account, balance: Balance, amount: Decimal) -> str:
        """Why so much cannot be taken away, as the ledger will say it."""
        if account.state == State.CLOSED:
            return AccountClosed(account=account.pk, name=account.name).message
        available = balance.available
        if amount > available:
            available += expired(balance.account)
        if amount <= available:
            return ""
        return InsufficientBalance(
            account=account.pk,
            name=balance.account.name,
            available=available,
            asked=amount,
            currency=account.company.currency,
        ).message

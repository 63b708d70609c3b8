"""The form of a spending cap, and what it would mean now."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from billing import cap_words
from billing.caps import CapUse, Usage
from billing.fields import AmountField
from billing.models import Balance

HARD, SOFT = "hard", "soft"


class Outlook(NamedTuple):
    """What the typed cap would mean: how the account would stand, or what is wrong with it."""

    use: CapUse | None = None
    sentence: str = ""
    trouble: str = ""


class CapField(AmountField):
    """What may be spent in a month; zero is a cap, too."""

    takes_zero = True
    negative = _("A cap is zero or more.")


class CapForm(forms.Form):
    """What a subaccount may spend in a calendar month, and what happens past it."""

    amount = CapField(
        label=_("At most in a month"),
        error_messages={"required": _("Write how much it may spend in a month.")},
    )
    kind = forms.ChoiceField(
        label=_("When it is used up"),
        choices=[
            (HARD, _("Refuse: its messages stop until the next month or a higher cap")),
            (SOFT, _("Warn: its messages go on, and pages show that the cap was passed")),
        ],
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose what happens when the cap is used up."),
            "invalid_choice": _("Choose one of the two."),
        },
    )

    def __init__(self, company: Account, data: Mapping[str, str] | None = None) -> None:
        super().__init__(data, initial={"kind": HARD})
        self.company = company
        cast(CapField, self.fields["amount"]).explain(company)

    @classmethod
    def of(cls, balance: Balance, company: Account) -> CapForm:
        """The form with the cap that is in force, if there is one."""
        form = cls(company)
        if balance.cap is not None:
            form.initial = {
                # As it was typed once: its six decimals are the ledger's.
                "amount": f"{balance.cap:.{company.decimals}f}",
                "kind": HARD if balance.cap_is_hard else SOFT,
            }
        return form

    @property
    def is_hard(self) -> bool:
        """Whether what would pass it is refused; the form is valid."""
        return bool(self.cleaned_data["kind"] == HARD)

    def outlook(self, usage: Usage) -> Outlook:
        """What the cap would mean for an account that has used so much this month."""
        if not self.is_bound:
            return Outlook()
        self.full_clean()
        amount: Decimal | None = self.cleaned_data.get("amount")
        if amount is None:
            empty = not self.data.get("amount")
            return Outlook(trouble="" if empty else " ".join(map(str, self.errors["amount"])))
        if "kind" not in self.cleaned_data:
            return Outlook(trouble=" ".join(map(str, self.errors["kind"])))
        use = CapUse(amount, self.is_hard, *usage)
        return Outlook(use, cap_words.would(use, self.company))

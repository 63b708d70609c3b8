"""Forms about subaccounts: opening, renaming, and confirming what was shown."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from itertools import count
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, BalanceMode, State
from billing.tree import Leaving

MAX_CODE = 40
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class NameField(forms.CharField):
    """An account's name as people type it: one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            label=_("Name"),
            max_length=100,
            widget=forms.TextInput(attrs={"autocomplete": "off"}),
            error_messages={
                "required": _("Write a name."),
                "max_length": _(
                    "A name has at most %(limit_value)d characters; this one has %(show_value)d."
                ),
            },
            **options,
        )

    def clean(self, value: Any) -> str:
        name = cast(str, super().clean(value))
        if _CONTROL.search(name):
            raise ValidationError(
                gettext("The name has a line break or another character that cannot be seen.")
            )
        return name


class NewSubaccountForm(forms.Form):
    """A subaccount to open. ``cleaned_data`` is what ``tree.open_subaccount`` takes besides.

    A code that is left empty is made of the name. ``proposed`` is the code that was proposed last:
    as long as the field has it, it follows the name.
    """

    name = NameField(help_text=_("As people will read it on every page."))
    code = forms.CharField(
        label=_("Code"),
        required=False,
        validators=Account._meta.get_field("code").validators[:1],
        help_text=_(
            "Names the account in files and in the API, and never changes. Left empty, it is made"
            " of the name."
        ),
        widget=forms.TextInput(
            attrs={
                "maxlength": MAX_CODE,
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )
    mode = forms.ChoiceField(
        label=_("Balance"),
        choices=BalanceMode.choices,
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose where its usage is drawn from."),
            "invalid_choice": _("Choose one of the two."),
        },
    )
    proposed = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, company: Account, data: Mapping[str, str] | None = None) -> None:
        super().__init__(data, initial={"mode": BalanceMode.ALLOCATED})
        self.company = company
        mode = cast(forms.ChoiceField, self.fields["mode"])
        mode.choices = [
            (
                BalanceMode.ALLOCATED,
                gettext("Allocated: it spends its own balance, which starts at zero"),
            ),
            (
                BalanceMode.SHARED,
                gettext("Shared: it spends the balance of %(company)s")
                % {"company": company.name},
            ),
        ]

    def follow_name(self) -> None:
        """Propose a code for what is typed as name, unless another was typed; no errors yet."""
        typed = {name: self.data.get(name, "") for name in ("name", "code", "mode", "proposed")}
        if typed["code"] in {"", typed["proposed"]}:
            typed["code"] = typed["proposed"] = propose_code(typed["name"], self._taken())
        self.data = typed
        self.errors.clear()

    def clean(self) -> dict[str, Any]:
        """Make the code where none was typed."""
        cleaned: dict[str, Any] = self.cleaned_data
        if cleaned.get("name") and cleaned.get("code") == "":
            cleaned["code"] = propose_code(cleaned["name"], self._taken())
            if not cleaned["code"]:
                self.add_error(
                    "code",
                    gettext("No code can be made of this name: write one in Latin letters."),
                )
        return cleaned

    def same_account(self) -> Account | None:
        """The open account that this very form has opened before, or another just like it."""
        known = self.cleaned_data
        same = Account.objects.filter(
            master=self.company, name=known["name"], balance_mode=known["mode"]
        ).exclude(state=State.CLOSED)
        if self["code"].value():
            same = same.filter(code=known["code"])
        found: Account | None = same.first()
        return found

    def add_refusal(self, refusal: ValidationError) -> None:
        """Show why no account was opened beside the field that it is about."""
        _explain(self, refusal)

    def _taken(self) -> set[str]:
        tree = Account.objects.filter(master=self.company)
        return set(tree.values_list("code", flat=True))


class RenameForm(forms.Form):
    """Another name for an account."""

    name = NameField()

    def add_refusal(self, refusal: ValidationError) -> None:
        """Show why the name was not taken."""
        _explain(self, refusal)


def propose_code(name: str, taken: Collection[str]) -> str:
    """A code made of the name that is none of ``taken``; "" when the name has no Latin letters."""
    base = re.sub(r"[-_]+", "-", slugify(name)).strip("-")[:MAX_CODE].rstrip("-")
    if not base or base not in taken:
        return base
    numbered = (
        base[: MAX_CODE - len(suffix)].rstrip("-") + suffix
        for suffix in (f"-{number}" for number in count(2))
    )
    return next(code for code in numbered if code not in taken)


def write_told(leaving: Leaving) -> str:
    """The figures that a page shows, for its hidden field: what is confirmed is what was seen."""
    credit, limit = leaving.figures
    return f"{_plain(credit)} {_plain(limit)}"


def _plain(figure: Decimal) -> str:
    return f"{figure:.6f}"


def _explain(form: forms.Form, refusal: ValidationError) -> None:
    """Sort what ``Account.full_clean`` says to the fields; what is unique it says of none."""
    if not hasattr(refusal, "error_dict"):
        form.add_error(None, refusal)
        return
    for field, errors in refusal.error_dict.items():
        for error in errors:
            if error.code == "unique_together":
                form.add_error("code", gettext("The company has an account with this code."))
            elif field in form.fields:
                form.add_error(field, error)
            else:
                form.add_error("name", error)

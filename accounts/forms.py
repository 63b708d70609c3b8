"""The forms of sign-in, in the words of the console; what they do is allauth's."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from allauth.account import forms
from django import forms as fields
from django.conf import settings
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from console import money

EMAIL = _("E-mail address")
PASSWORD_HINT = _("At least 10 characters: a few words that belong together only for you.")
NOT_AN_EMAIL = _("Write a whole e-mail address, for example name@company.com.")


def _label(form: Any, **labels: Any) -> None:
    """Label the fields, and drop the placeholders that repeat their labels."""
    for name, label in labels.items():
        field = form.fields[name]
        field.label = label
        field.widget.attrs.pop("placeholder", None)


def _new_password(form: Any) -> None:
    """Label both fields, and say in one sentence what the password must be."""
    _label(form, password1=_("New password"), password2=_("New password (again)"))
    form.fields["password1"].help_text = PASSWORD_HINT


def _forgotten() -> str:
    return format_html(
        '<a href="{}">{}</a>', reverse("account_reset_password"), _("Forgotten your password?")
    )


class SignInForm(forms.LoginForm):  # type: ignore[misc]
    """E-mail address and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_demo = settings.DEMO
        _label(self, login=EMAIL, password=_("Password"))
        self.fields["login"].error_messages["invalid"] = NOT_AN_EMAIL


class ForgottenPasswordForm(forms.ResetPasswordForm):  # type: ignore[misc]
    """To which address a link is sent."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, email=EMAIL)
        self.fields["email"].error_messages["invalid"] = NOT_AN_EMAIL


class NewPasswordForm(forms.ResetPasswordKeyForm):  # type: ignore[misc]
    """Behind such a link: the new password, twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _new_password(self)


class ChangePasswordForm(forms.ChangePasswordForm):  # type: ignore[misc]
    """The current password, and the new one twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, oldpassword=_("Current password"))
        _new_password(self)
        self.fields["oldpassword"].help_text = _forgotten()


class PasswordAgainForm(forms.ReauthenticateForm):  # type: ignore[misc]
    """Proving once more who one is, for those without a second factor."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, password=_("Password"))
        self.fields["password"].help_text = _forgotten()


class SignInRulesForm(fields.Form):
    """What a company asks of its people. ``has_factor``: whether who sets it has one."""

    needs_second_factor = fields.BooleanField(
        label=_("Everyone needs a second factor"),
        required=False,
        help_text=_(
            "An authenticator app or a passkey, beside the password. Who has none is led to set"
            " one up before any page of the company. The API is not concerned."
        ),
    )
    confirm_above = fields.CharField(
        label=_("Confirm transfers above"),
        required=False,
        widget=fields.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )

    def __init__(
        self,
        company: Account,
        data: Mapping[str, Any] | None = None,
        *,
        initial: dict[str, Any] | None = None,
        has_factor: bool = True,
    ) -> None:
        super().__init__(data, initial=initial)
        self.company, self.has_factor = company, has_factor
        self.fields["confirm_above"].help_text = gettext(
            "Who makes a larger one proves again who they are, unless they did in the last ten"
            " minutes. Without commas or spaces, for example %(example)s. Empty: never."
        ) % {"example": f"{50000:.{company.decimals}f}"}

    def clean_needs_second_factor(self) -> bool:
        """Nobody locks themselves out."""
        wanted: bool = self.cleaned_data["needs_second_factor"]
        if wanted and not self.company.needs_second_factor and not self.has_factor:
            raise fields.ValidationError(
                gettext("You have none yourself: set one up first, on your page Security.")
            )
        return wanted

    def clean_confirm_above(self) -> Decimal | None:
        """An amount in the company's currency, or None."""
        text: str = self.cleaned_data["confirm_above"]
        if not text:
            return None
        try:
            amount = money.read_amount(text, decimals=self.company.decimals)
        except money.AmountError as error:
            raise fields.ValidationError(str(error)) from error
        if amount < 0:
            raise fields.ValidationError(gettext("Write zero or more."))
        return amount

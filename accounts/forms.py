"""The forms of sign-in, in the words of the console; what they do is allauth's."""

from __future__ import annotations

from typing import Any

from allauth.account import forms
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

EMAIL = _("E-mail address")
NOT_AN_EMAIL = _("Write a whole e-mail address, for example name@company.com.")


def _label(form: Any, **labels: Any) -> None:
    """Label the fields, and drop the placeholders that repeat their labels."""
    for name, label in labels.items():
        field = form.fields[name]
        field.label = label
        field.widget.attrs.pop("placeholder", None)


class SignInForm(forms.LoginForm):  # type: ignore[misc]
    """E-mail address and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
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
        _label(self, password1=_("New password"), password2=_("New password (again)"))


class ChangePasswordForm(forms.ChangePasswordForm):  # type: ignore[misc]
    """The current password, and the new one twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(
            self,
            oldpassword=_("Current password"),
            password1=_("New password"),
            password2=_("New password (again)"),
        )
        self.fields["oldpassword"].help_text = format_html(
            '<a href="{}">{}</a>', reverse("account_reset_password"), _("Forgotten your password?")
        )

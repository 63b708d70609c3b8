"""Forms about people: searching, inviting, another role, and accepting an invitation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.forms import EMAIL, NOT_AN_EMAIL, PASSWORD_HINT
from accounts.models import Account, Role, User
from accounts.people import RANK, roles_of
from accounts.role_words import ABOUT


def one_line(text: str) -> None:
    """Refuse what does not print: it would be a line break in a mail's subject, or unseen."""
    if not text.isprintable():
        raise ValidationError(_("Write it in one line, with letters that can be seen."))


class PeopleSearchForm(forms.Form):
    """By name or address of the person, name or code of the account. Sent by GET."""

    q = forms.CharField(
        label=_("Name, address or account"),
        required=False,
        max_length=100,
        validators=[one_line],
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )


class ReasonForm(forms.Form):
    """Why an operator does something, for the audit log."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        validators=[one_line],
        help_text=_("A ticket, or what the customer asked. It stands in the audit log."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Write why you look.")},
    )


def _role_label(role: Role) -> SafeString:
    return format_html('{}<small class="hint">{}</small>', role.label, ABOUT[role])


class RoleField(forms.TypedChoiceField):
    """One of the roles, each with what it means."""

    def __init__(self, **kwargs: Any) -> None:
        messages = {
            "required": _("Choose a role."),
            "invalid_choice": _("“%(value)s” is not a role here."),
        }
        super().__init__(
            label=_("Role"),
            coerce=Role,
            widget=forms.RadioSelect,
            error_messages=messages,
            **kwargs,
        )

    def offer(self, roles: Sequence[Role]) -> None:
        """Take these."""
        self.choices = [(role.value, _role_label(role)) for role in roles]


class InviteForm(forms.Form):
    """Whom, to which account, as what. ``cleaned_data`` is what ``invitations.invite`` takes."""

    email = forms.EmailField(
        label=EMAIL,
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": _("Write the e-mail address of the person you invite."),
            "invalid": NOT_AN_EMAIL,
            "max_length": _(
                "An address has at most %(limit_value)d characters; this one has %(show_value)d."
            ),
        },
    )
    account = forms.ChoiceField(
        label=_("Account"),
        error_messages={
            "required": _("Choose the account that the person will see."),
            "invalid_choice": _("Choose an account to which you can invite people."),
        },
    )
    role = RoleField()

    def __init__(
        self,
        accounts: Sequence[Account],
        data: Mapping[str, Any] | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial)
        self.accounts = {account.code: account for account in accounts}
        field = self.fields["account"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for mypy
        field.choices = [(code, _account_label(each)) for code, each in self.accounts.items()]
        if len(self.accounts) > 1:
            field.choices = [("", gettext("Choose an account")), *field.choices]
            # What static/js/combobox.js says; it has no words of its own.
            field.widget.attrs |= {
                "data-combobox": "",
                "data-none": gettext("No account has this name or code."),
                "data-more": gettext("More accounts match: go on typing."),
                "data-found": gettext("Accounts found:"),
            }
        role = self.fields["role"]
        assert isinstance(role, RoleField)  # noqa: S101 - for mypy
        offered = {each for account in accounts for each in roles_of(account)}
        role.offer([each for each in RANK if each in offered])

    def clean_account(self) -> Account:
        """The account itself."""
        return self.accounts[self.cleaned_data["account"]]


def _account_label(account: Account) -> str:
    if account.is_master:
        return gettext("%(name)s · the whole company") % {"name": account.name}
    return f"{account.name} · {account.code}"


class RoleForm(forms.Form):
    """Another role at the same account."""

    role = RoleField()

    def __init__(self, account: Account, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["role"]
        assert isinstance(field, RoleField)  # noqa: S101 - for mypy
        field.offer(roles_of(account))


class NewPersonForm(forms.Form):
    """Who accepts an invitation and is new here: a name and a password."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=150,
        validators=[one_line],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text=_("Your colleagues see it beside what you do."),
        error_messages={
            "required": _("Write your name."),
            "max_length": _(
                "A name has at most %(limit_value)d characters; this one has %(show_value)d."
            ),
        },
    )
    password1 = forms.CharField(
        label=_("Password"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=PASSWORD_HINT,
        error_messages={"required": _("Choose a password.")},
    )
    password2 = forms.CharField(
        label=_("Password (again)"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"required": _("Write the password once more.")},
    )

    def __init__(self, email: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        self.email = email

    def clean(self) -> dict[str, Any]:
        """The passwords are one, and a good one for this person."""
        cleaned = self.cleaned_data
        first, second = cleaned.get("password1"), cleaned.get("password2")
        if first and second and first != second:
            self.add_error("password2", gettext("The two passwords differ."))
        if first:
            try:
                validate_password(first, User(email=self.email, name=cleaned.get("name", "")))
            except ValidationError as error:
                self.add_error("password1", error)
        return cleaned

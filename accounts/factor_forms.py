"""Forms of the second factors, in our words; and no bytes that a client sends can break them."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as codes
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn import forms as passkeys
from django import forms
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.adapter import SecondFactorAdapter

if TYPE_CHECKING:
    from accounts.models import User

# A code is good for three periods of 30 seconds, and only once within them.
CODE_LIFE = 120
LONGEST_CODE = 20
LONGEST_NAME = 60


def _plain_code(field: forms.Field, label: Any, hint: Any) -> None:
    field.label, field.help_text = label, hint
    field.max_length = LONGEST_CODE  # type: ignore[attr-defined]
    field.widget = forms.TextInput(
        attrs={"autocomplete": "one-time-code", "autocapitalize": "off", "spellcheck": "false"}
    )
    field.error_messages["required"] = str(_("Write the code."))


def _key_of(user: User, code: str) -> str:
    """By which a code of the app that was taken is known again."""
    digest = sha256(normalize_user_code(code).encode()).hexdigest()
    return f"second-factor:{user.pk}:{digest}"


class _Code:
    """A code of the app, or one of the recovery codes; the app's is taken once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain_code(
            self.fields["code"],  # type: ignore[attr-defined]
            _("Code"),
            _("The six digits that your authenticator app shows, or one of your recovery codes."),
        )

    def clean_code(self) -> str:
        key = _key_of(self.user, self.cleaned_data["code"])  # type: ignore[attr-defined]
        if cache.get(key):
            raise get_adapter().validation_error("code_was_used")
        code: str = super().clean_code()  # type: ignore[misc]
        used: Authenticator = self.authenticator  # type: ignore[attr-defined]
        # Of two that come at once, one adds it.
        if used.type == Authenticator.Type.TOTP and not cache.add(key, 1, timeout=CODE_LIFE):
            raise get_adapter().validation_error("code_was_used")
        return code


class CodeForm(_Code, codes.AuthenticateForm):  # type: ignore[misc]
    """The second step of signing in."""


class CodeAgainForm(_Code, codes.ReauthenticateForm):  # type: ignore[misc]
    """Proving once more who one is."""


class _CredentialField(forms.JSONField):
    """JSON as a browser sends it: short, and neither nested deep nor with huge numbers."""

    LONGEST = 50_000

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > self.LONGEST:
            raise get_adapter().validation_error("passkey_failed")
        try:
            return super().to_python(value)
        except (RecursionError, ValueError) as error:
            raise get_adapter().validation_error("passkey_failed") from error

    def bound_data(self, data: Any, initial: Any) -> str:
        """Never shown again: the browser makes another one."""
        return ""

    def prepare_value(self, value: Any) -> str:
        return ""


def _credential_field() -> _CredentialField:
    said = SecondFactorAdapter.error_messages["passkey_failed"]
    return _CredentialField(
        widget=forms.HiddenInput, error_messages={"invalid": said, "required": said}
    )


class _Credential:
    """What a browser's passkey has answered.

    The library that reads it raises whatever it meets in bytes that a client made up.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["credential"] = _credential_field()  # type: ignore[attr-defined]

    def clean_credential(self) -> Authenticator:
        try:
            return super().clean_credential()  # type: ignore[misc]
        except ValidationError:
            raise
        except Exception as error:
            raise get_adapter().validation_error("passkey_failed") from error


class PasskeyForm(_Credential, passkeys.AuthenticateWebAuthnForm):  # type: ignore[misc]
    """The second step of signing in, with a passkey."""


class PasskeyAgainForm(_Credential, passkeys.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """Proving once more who one is, with a passkey."""


class PasskeySignInForm(_Credential, passkeys.LoginWebAuthnForm):  # type: ignore[misc]
    """Signing in with a passkey alone."""


class NewAppForm(ActivateTOTPForm):  # type: ignore[misc]
    """Setting up an authenticator app: its first code shows that it works."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain_code(
            self.fields["code"], _("Code"), _("The six digits that the app shows after that.")
        )

    def clean_code(self) -> str:
        """Taken here, it signs nobody in."""
        code: str = super().clean_code()
        cache.set(_key_of(self.user, code), 1, timeout=CODE_LIFE)
        return code


def _name_field() -> forms.CharField:
    return forms.CharField(
        label=_("Name"),
        max_length=LONGEST_NAME,
        help_text=_("By which you know it again, for example: My phone."),
        error_messages={"required": _("Write a name for it.")},
    )


class NewPasskeyForm(passkeys.AddWebAuthnForm):  # type: ignore[misc]
    """Adding a passkey; the browser fills in the credential."""

    name = _name_field()
    passwordless = forms.BooleanField(
        label=_("Sign in with this passkey alone, without the password"),
        required=False,
        initial=True,
        help_text=_(
            "It then asks for your finger, face or PIN. Without this it is a second step"
            " after the password."
        ),
    )
    field_order: ClassVar[list[str]] = ["name", "passwordless", "credential"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = False
        self.fields["credential"] = _credential_field()

    def clean(self) -> dict[str, Any]:
        try:
            return dict(super().clean())
        except ValidationError:
            raise
        except Exception as error:
            raise get_adapter().validation_error("passkey_failed") from error


class RenamePasskeyForm(passkeys.EditWebAuthnForm):  # type: ignore[misc]
    """Another name for a passkey."""

    name = _name_field()

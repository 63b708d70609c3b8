"""How allauth behaves here."""

from __future__ import annotations

import base64
import logging
import secrets
import unicodedata
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.devices import device

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Nobody signs up by themselves: people come by invitation."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("The e-mail address or the password is wrong."),
        "enter_current_password": _("The current password is wrong."),
        "incorrect_password": _("The password is wrong."),
        "too_many_login_attempts": _(
            "Too many attempts to sign in have failed. Wait five minutes, then try again."
        ),
        "rate_limited": _("This was tried too often. Wait a few minutes, then try again."),
    }

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Back to the page of one's security, which says that it is changed."""
        return reverse("security")

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Ours is the one measure, on allauth's own pages, too: a fresh sign-in is a proof."""
        from accounts import reauthentication  # noqa: PLC0415 - it needs the models

        return not reauthentication.is_fresh(context.request)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """With a second factor where there is one: the password alone is not enough then."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        words = {
            "mfa_reauthenticate": _("Use a code instead"),
            "mfa_reauthenticate:webauthn": _("Use a passkey instead"),
        }
        stronger = [
            method | {"description": words[method["id"]]}
            for method in methods
            if method["id"] in words
        ]
        if stronger and not self._has_app(user):
            # The code would be one of the recovery codes: nobody's first choice.
            stronger.reverse()
        return stronger or methods

    def _has_app(self, user: Any) -> bool:
        from allauth.mfa.models import Authenticator  # noqa: PLC0415 - not while apps load

        found: bool = Authenticator.objects.filter(
            user_id=user.pk, type=Authenticator.Type.TOTP
        ).exists()
        return found

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Where we are, and not where whoever asked for the mail says: a port is anybody's."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return settings.BASE_URL + path.replace("UID-KEY", quote(key))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Its foot names us as its links do, and not as the request does."""
        super().send_mail(template_prefix, email, context | {"current_site": _site()})

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Failures are counted by the address alone, as the user is looked for by it.

        Allauth adds the host that was asked for, whose port is the client's to choose: each would
        have its own five attempts.
        """
        return unicodedata.normalize("NFKC", credentials.get("email", "")).casefold()

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Closed."""
        return False

    def is_safe_url(self, url: str | None) -> bool:
        """Whether ``?next=`` stays on this site; what is no address does not."""
        try:
            return bool(super().is_safe_url(url))
        except ValueError:
            return False


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets are kept encrypted, and who needs a second factor does not remove the last."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _(
            "The code is wrong, or too old. Write the one that the app shows now."
        ),
        "code_was_used": _("This code was used already. Wait for the next one."),
        "passkey_failed": _("The passkey was not accepted. Try again, or use a code."),
        "cannot_delete_authenticator": _(
            "You need a second factor, and this is the last one. Add another one first."
        ),
        "cannot_generate_recovery_codes": _(
            "Recovery codes stand in for a second factor: set one up first."
        ),
    }

    def encrypt(self, text: str) -> str:
        """So that whoever reads a backup has no codes. The key is made of SECRET_KEY."""
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The secret; one that fits no code when it was written with another SECRET_KEY."""
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            logger.exception("A second factor cannot be read: was SECRET_KEY changed?")
            return base64.b32encode(secrets.token_bytes(20)).decode()

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        """The browser's name is a better guess than a number."""
        return device(context.request.headers.get("User-Agent", ""))

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        """Not the last factor of somebody who needs one."""
        from accounts import second_factor  # noqa: PLC0415 - it needs the models

        others = type(authenticator).objects.filter(
            user_id=authenticator.user_id, type__in=second_factor.FACTORS
        )
        if others.exclude(pk=authenticator.pk).exists():
            return True
        return second_factor.who_needs(authenticator.user) is None


def _site() -> SimpleNamespace:
    host = urlsplit(settings.BASE_URL).netloc
    return SimpleNamespace(name=host, domain=host)


def _cipher() -> MultiFernet:
    """Written with today's SECRET_KEY, read with those before (SECRET_KEY_FALLBACKS), too."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_key(key)) for key in keys])


def _key(secret: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"second factors").derive(
        secret.encode()
    )
    return base64.urlsafe_b64encode(derived)

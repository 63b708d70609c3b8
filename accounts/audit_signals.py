"""Sign-ins and passwords, as Django and allauth tell of them, for the audit log."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as allauth_signals
from allauth.mfa import signals as factor_signals
from allauth.mfa.models import Authenticator
from django.contrib.auth import signals
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.translation import gettext_noop as _

from accounts.audit import record_for_person
from accounts.audit_actions import AuditAction
from accounts.models import User

# As the page of one's security calls them.
FACTOR_WORDS = {
    Authenticator.Type.TOTP: _("Authenticator app"),
    Authenticator.Type.WEBAUTHN: _("Passkey"),
    Authenticator.Type.RECOVERY_CODES: _("Recovery codes"),
}


@receiver(signals.user_logged_in)
def signed_in(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Somebody has signed in."""
    record_for_person(action=AuditAction.SIGNED_IN, whom=user, by=user)


@receiver(signals.user_login_failed)
def sign_in_failed(credentials: dict[str, Any], **kwargs: Any) -> None:
    """Somebody could not sign in: the address as typed, and whose it is, if anybody's."""
    typed = str(credentials.get("email") or credentials.get("username") or "")
    whom = User.objects.filter(email=typed.lower()).first() if "\x00" not in typed else None
    record_for_person(action=AuditAction.SIGN_IN_FAILED, whom=whom, by=None, about=typed)


@receiver(signals.user_logged_out)
def signed_out(user: User | None, **kwargs: Any) -> None:
    """Somebody has signed out."""
    if user is not None:
        record_for_person(action=AuditAction.SIGNED_OUT, whom=user, by=user)


@receiver(allauth_signals.password_changed)
@receiver(allauth_signals.password_set)
def password_changed(user: User, **kwargs: Any) -> None:
    """Somebody has changed their password."""
    record_for_person(action=AuditAction.PASSWORD_CHANGED, whom=user, by=user)


@receiver(allauth_signals.password_reset)
def password_reset(user: User, **kwargs: Any) -> None:
    """Somebody who reads the person's mails has given them a new password."""
    record_for_person(action=AuditAction.PASSWORD_RESET, whom=user, by=user)


@receiver(factor_signals.authenticator_added)
def factor_added(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """Somebody has set up a second factor, or got their first recovery codes."""
    _tell_of_factor(AuditAction.SECOND_FACTOR_ADDED, user, authenticator)


@receiver(factor_signals.authenticator_removed)
def factor_removed(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """Somebody has removed a second factor."""
    _tell_of_factor(AuditAction.SECOND_FACTOR_REMOVED, user, authenticator)


@receiver(factor_signals.authenticator_reset)
def codes_made(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """Somebody has new recovery codes; the old ones are dead."""
    _tell_of_factor(AuditAction.RECOVERY_CODES_MADE, user, authenticator)


def _tell_of_factor(action: AuditAction, user: User, authenticator: Authenticator) -> None:
    about = FACTOR_WORDS[Authenticator.Type(authenticator.type)]
    record_for_person(action=action, whom=user, by=user, about=about)

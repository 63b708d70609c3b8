"""How allauth behaves here."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


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
        """On to the front page, which says that it is changed."""
        return reverse("home")

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Closed."""
        return False

    def is_safe_url(self, url: str | None) -> bool:
        """Whether ``?next=`` stays on this site; what is no address does not."""
        try:
            return bool(super().is_safe_url(url))
        except ValueError:
            return False

"""The app of people and accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Listens to sign-ins."""

    name = "accounts"

    def ready(self) -> None:
        """Connect what the audit log is told by."""
        from accounts import audit_signals  # noqa: F401, PLC0415 - needs the models

"""The app of people and accounts: connects what follows a sign-in."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, accounts, and how people sign in."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to allauth, and connect what the audit log is told by."""
        from accounts import (  # noqa: PLC0415 - they need the models
            audit_signals,  # noqa: F401
            reauthentication,
            sign_ins,
            viewing,
        )

        sign_ins.listen()
        reauthentication.listen()
        viewing.listen()

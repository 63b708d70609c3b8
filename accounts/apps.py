"""The app of people: connects what follows a sign-in."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, accounts, and how people sign in."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to allauth."""
        from accounts import reauthentication, sign_ins  # noqa: PLC0415 - they need the models

        sign_ins.listen()
        reauthentication.listen()

"""The form of an alert: from where on, and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.access import people_who_see
from accounts.models import Account, Membership, Role, User
from billing.fields import AccountField, AmountField
from billing.models import Balance
from billing.refusals import Refused, SharedBalance

# The highest role of a person at an account stands beside the name.
_ORDER = [Role.MASTER_ADMIN, Role.FINANCE, Role.SUBACCOUNT_ADMIN, Role.MEMBER]


class AlertAccountForm(forms.Form):
    """Which account the alert is for. Sent by GET: it changes nothing."""

    of = AccountField(
        label=_("Account"),
        error_messages={"required": _("Choose the account whose balance is watched.")},
    )

    def __init__(self, balances: list[Balance], data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        field = self.fields["of"]
        assert isinstance(field, AccountField)  # noqa: S101 - for mypy
        refusals: dict[int, Refused | None] = {
            row.account_id: _cannot_choose(row.account) for row in balances
        }
        field.offer(balances, refusals)


class AlertForm(forms.Form):
    """Threshold and recipients. ``cleaned_data`` is what ``alerts.add`` takes besides."""

    threshold = AmountField(
        label=_("Threshold"),
        error_messages={"required": _("Write the balance from which on people are told.")},
    )
    recipients = forms.TypedMultipleChoiceField(
        label=_("Who is told"),
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "By e-mail, each in a mail of their own, and here. Only who may see the account."
        ),
        error_messages={
            "required": _("Choose at least one person."),
            "invalid_choice": _("Choose people who can see this account."),
            "invalid_list": _("Choose people who can see this account."),
        },
    )

    def __init__(
        self,
        account: Account,
        data: Mapping[str, Any] | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial)
        threshold = self.fields["threshold"]
        assert isinstance(threshold, AmountField)  # noqa: S101 - for mypy
        threshold.zero = _("The threshold is zero: write more, so that there is time to act.")
        threshold.negative = _("The threshold is below zero: write more than zero.")
        threshold.explain(account.company)
        self.people = people(account)
        recipients = self.fields["recipients"]
        assert isinstance(recipients, forms.TypedMultipleChoiceField)  # noqa: S101 - for mypy
        recipients.choices = [(user.pk, label) for user, label in self.people.items()]

    def clean_recipients(self) -> list[User]:
        """The people themselves."""
        chosen = set(self.cleaned_data["recipients"])
        return [user for user in self.people if user.pk in chosen]


def _cannot_choose(account: Account) -> Refused | None:
    if account.is_shared:
        return SharedBalance(account=account.pk, name=account.name)
    return None


def people(account: Account) -> dict[User, str]:
    """Who may be told about the account, by name, with what they are there. Two queries."""
    roles: dict[int, list[Role]] = {}
    memberships = Membership.objects.filter(account__in={account.pk, account.master_id})
    for user, role in memberships.values_list("user", "role"):
        roles.setdefault(user, []).append(Role(role))
    found = sorted(people_who_see(account), key=lambda user: str(user).casefold())
    return {
        user: gettext("%(name)s · %(role)s")
        % {"name": user, "role": min(roles[user.pk], key=_ORDER.index).label}
        for user in found
        if user.pk in roles
    }

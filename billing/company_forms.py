"""Forms of the operators' pages of accounts: open, edit, limit, suspend and restore."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.forms import EMAIL, NOT_AN_EMAIL
from accounts.models import Account, State
from billing import companies, history, references
from billing.account_forms import MAX_CODE, NameField
from billing.models import Balance, PaymentMethod
from billing.operator_forms import Limit
from console import money, places

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

# Would be an address of the operators' pages.
RESERVED = {"new"}
LONGEST_REASON = 300
_ASK_AGAIN = _("The form came without what the page had shown. It has it now: send it again.")
_BLIND = {"required": _ASK_AGAIN, "invalid": _ASK_AGAIN}


class ReasonField(forms.CharField):
    """Why an operator does something."""

    def __init__(self, *, missing: str | StrPromise, **options: Any) -> None:
        super().__init__(
            label=_("Reason"),
            max_length=LONGEST_REASON,
            widget=forms.TextInput(attrs={"autocomplete": "off"}),
            error_messages={
                "required": missing,
                "max_length": _(
                    "A reason has at most %(limit_value)d characters; this one has %(show_value)d."
                ),
            },
            **options,
        )

    def clean(self, value: Any) -> str:
        reason = cast(str, super().clean(value))
        try:
            return references.check_description(reason)
        except ValueError as error:
            raise ValidationError(
                gettext("The reason holds characters that are no text.")
            ) from error


class EmailField(forms.EmailField):
    """Who is invited."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            label=EMAIL,
            max_length=254,
            widget=forms.EmailInput(attrs={"autocomplete": "off"}),
            error_messages={
                "required": _("Write the e-mail address of the person you invite."),
                "invalid": NOT_AN_EMAIL,
                "max_length": _(
                    "An address has at most %(limit_value)d characters; this one has"
                    " %(show_value)d."
                ),
            },
            **options,
        )


class _Choice(forms.ChoiceField):
    """One of a long list; nothing is chosen for the operator."""

    def __init__(self, *, missing: str | StrPromise, **options: Any) -> None:
        unknown = _("“%(value)s” is none of those listed.")
        super().__init__(
            error_messages={"required": missing, "invalid_choice": unknown}, **options
        )

    def offer(self, choices: list[Any]) -> None:
        """Take these."""
        self.choices = [("", gettext("Choose one")), *choices]


class NewCompanyForm(forms.Form):
    """A master account to open. The code is typed: sent twice, the form opens one account."""

    name = NameField(help_text=_("As people will read it on every page."))
    code = forms.CharField(
        label=_("Code"),
        validators=Account._meta.get_field("code").validators[:1],
        help_text=_(
            "Names the company in addresses, in files and in the API, and never changes:"
            " lower-case letters, digits and hyphens."
        ),
        error_messages={"required": _("Write a code.")},
        widget=forms.TextInput(
            attrs={
                "maxlength": MAX_CODE,
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )
    country = _Choice(
        label=_("Country"),
        missing=_("Choose the country."),
        help_text=_("Says which ways to pay it is offered."),
    )
    currency = _Choice(label=_("Currency"), missing=_("Choose the currency."))
    time_zone = _Choice(
        label=_("Billing time zone"),
        missing=_("Choose the time zone."),
        help_text=_("Its days and months begin by it."),
    )
    email = EmailField(
        required=False,
        help_text=_("Is invited to be its first master admin. You can also do that later."),
    )

    def __init__(self, data: Mapping[str, str] | None = None) -> None:
        super().__init__(data)
        methods = PaymentMethod.objects.exclude(country="*").order_by()
        payable = dict(methods.values_list("country", "currency").distinct())
        _offer(self, "country", places.countries(), set(payable))
        _offer(self, "currency", places.currencies(), set(payable.values()))
        cast(_Choice, self.fields["time_zone"]).offer(places.time_zones())
        self.fields["email"].label = _("E-mail address of its admin")

    def clean_code(self) -> str:
        """Not a word that the addresses need."""
        code: str = self.cleaned_data["code"]
        if code in RESERVED:
            raise ValidationError(
                gettext("“%(code)s” is a word of the console's own addresses: choose another.")
                % {"code": code}
            )
        return code

    def clean(self) -> dict[str, Any]:
        """Say with the other errors that the code is taken; the database has the last word."""
        cleaned: dict[str, Any] = self.cleaned_data
        is_taken = Account.objects.masters().filter(code=cleaned.get("code")).exists()
        if is_taken and self.same_company() is None:
            self.add_error("code", gettext("Another master account has this code."))
        return cleaned

    def same_company(self) -> Account | None:
        """The master account that this very form has opened before, or another just like it."""
        known = self.cleaned_data
        names = ("code", "name", "country", "currency", "time_zone")
        if not set(names) <= known.keys():
            return None
        same = Account.objects.masters().filter(**{name: known[name] for name in names})
        return cast("Account | None", same.first())

    def add_refusal(self, refusal: ValidationError) -> None:
        """Show why no account was opened beside the field that it is about."""
        _explain(self, refusal, other="code")


class EditCompanyForm(forms.Form):
    """Name and country; the country only while there are neither entries nor payments."""

    name = NameField()
    country = _Choice(label=_("Country"), missing=_("Choose the country."))
    shown = forms.CharField(strip=False, widget=forms.HiddenInput, error_messages=_BLIND)

    def __init__(
        self, company: Account, *, has_books: bool, data: Mapping[str, str] | None = None
    ) -> None:
        self.company = company
        shown = companies.figures(company)
        initial = {"name": company.name, "country": company.country, "shown": shown}
        super().__init__(data, initial=initial)
        if has_books:
            del self.fields["country"]
        else:
            cast(_Choice, self.fields["country"]).offer(places.countries())

    @property
    def chosen_country(self) -> str:
        """The country that was chosen; its own where none can be chosen."""
        chosen: str = self.cleaned_data.get("country", self.company.country)
        return chosen

    def add_refusal(self, refusal: ValidationError) -> None:
        """Show why the name was not taken."""
        _explain(self, refusal, other="name")

    def renew(self, company: Account) -> None:
        """Compare with how it is now when it is sent again; what is typed stays."""
        self.data = {**dict(self.data.items()), "shown": companies.figures(company)}


class LimitForm(forms.Form):
    """How far an account's credit may fall below zero."""

    limit = Limit(
        label=_("New credit limit"),
        error_messages={"required": _("Write the limit; zero is none.")},
    )
    reason = ReasonField(
        missing=_("Write why the credit limit changes."),
        help_text=_("Whoever sees the account reads it, its company's people, too."),
    )
    shown = Limit(widget=forms.HiddenInput, error_messages=_BLIND)

    def __init__(
        self, account: Account, balance: Balance, data: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(data, initial={"shown": f"{balance.credit_limit:f}"})
        cast(Limit, self.fields["limit"]).of(account.company.currency)

    def typed(self) -> Decimal | None:
        """What is typed so far, if it is an amount: for the preview."""
        try:
            return cast("Decimal | None", self.fields["limit"].clean(self["limit"].value()))
        except ValidationError:
            return None

    def renew(self, balance: Balance) -> None:
        """Compare with the limit as it is now when it is sent again; what is typed stays."""
        self.data = {**dict(self.data.items()), "shown": f"{balance.credit_limit:f}"}


class StateForm(forms.Form):
    """Suspend or restore, with a reason."""

    reason = ReasonField(missing="", help_text=_("For operators: customers do not read it."))
    shown = forms.RegexField(r"\A[0-9]{1,18}\Z", widget=forms.HiddenInput, error_messages=_BLIND)

    def __init__(
        self, account: Account, wanted: State, data: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(data, initial={"shown": str(history.mark(account))})
        self.fields["reason"].error_messages["required"] = (
            gettext("Write why it is suspended.")
            if wanted == State.SUSPENDED
            else gettext("Write why it is restored.")
        )

    def renew(self, account: Account) -> None:
        """Compare with how it stands now when it is sent again; what is typed stays."""
        self.data = {**dict(self.data.items()), "shown": str(history.mark(account))}


class FirstAdminForm(forms.Form):
    """Who is to be a company's first master admin."""

    email = EmailField()


def _offer(
    form: forms.Form, field: str, choices: list[tuple[str, str]], payable: set[str]
) -> None:
    """The choices, those for which there are ways to pay first."""
    first = [choice for choice in choices if choice[0] in payable]
    others = [choice for choice in choices if choice[0] not in payable]
    groups = [(gettext("With ways to pay of their own"), first), (gettext("Others"), others)]
    cast(_Choice, form.fields[field]).offer([group for group in groups if group[1]])


def _explain(form: forms.Form, refusal: ValidationError, *, other: str) -> None:
    """Sort what the domain says to the fields; of no field is what the code is about."""
    if not hasattr(refusal, "error_dict"):
        form.add_error(other, refusal)
        return
    for field, errors in refusal.error_dict.items():
        for error in errors:
            form.add_error(field if field in form.fields else other, error)


def limit_figures(company: Account, amount: Decimal) -> str:
    """``EGP 500.00``, for sentences."""
    return f"{company.currency} {money.format_amount(amount, company.decimals)}"

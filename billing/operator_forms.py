"""Forms of the operators' pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing import payment_methods, references
from billing.fields import AmountField
from billing.models import Payment, PaymentMethod
from console import money

# A bank's correction may be old, but not from another time.
OLDEST = timedelta(days=2 * 366)


class PaidAmount(AmountField):
    """An amount that came, or that goes back."""

    zero = _("The amount is zero.")
    negative = _("The amount is below zero: write it without a sign.")

    def of(self, currency: str) -> None:
        """Take the currency's decimals, and say how an amount is written."""
        self.decimals = money.currency_decimals(currency)
        self.help_text = gettext("Without commas or spaces, for example %(example)s") % {
            "example": f"{1500:.{self.decimals}f}"
        }


class Limit(PaidAmount):
    """A limit or fee; zero is one, too."""

    takes_zero = True


class KeyedForm(forms.Form):
    """A form that is sent once, whatever happens: its key names what it does."""

    key = forms.UUIDField(
        widget=forms.HiddenInput,
        error_messages={
            "required": _(
                "The form came without its number. It has a new one now: send it again."
            ),
            "invalid": _("The form came without its number. It has a new one now: send it again."),
        },
    )

    def __init__(self, data: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.initial.setdefault("key", uuid4())

    def renew_key(self) -> None:
        """Give what is typed a number of its own."""
        self.data = {**dict(self.data.items()), "key": str(uuid4())}


class ConfirmForm(KeyedForm):
    """What arrived by bank for a payment, and when."""

    amount = PaidAmount(
        label=_("Amount that arrived"),
        error_messages={"required": _("Write how much arrived.")},
    )
    arrived_on = forms.DateField(
        label=_("Arrived on"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        error_messages={
            "required": _("Write the day on which it arrived."),
            "invalid": _("Write the day as year-month-day, for example 2026-11-20."),
        },
    )
    note = forms.CharField(
        label=_("What the bank says"),
        required=False,
        max_length=140,
        help_text=_("The bank's own reference, or where you saw it."),
    )

    def __init__(self, payment: Payment, data: Mapping[str, str] | None = None) -> None:
        decimals = money.currency_decimals(payment.currency)
        super().__init__(data, initial={"amount": f"{payment.total:.{decimals}f}"})
        self.payment = payment
        cast(PaidAmount, self.fields["amount"]).of(payment.currency)

    def clean_arrived_on(self) -> Any:
        """Not in the future, and not from another time."""
        day = self.cleaned_data["arrived_on"]
        # The day has begun somewhere: a company may be ahead of UTC by fourteen hours.
        today = timezone.now().astimezone(self.payment.account.zone).date()
        if day > today:
            raise forms.ValidationError(
                gettext("%(day)s is still to come: today is %(today)s.")
                % {"day": day.isoformat(), "today": today.isoformat()}
            )
        if day < today - OLDEST:
            raise forms.ValidationError(
                gettext("%(day)s is too long ago: at most two years.") % {"day": day.isoformat()}
            )
        return day


class RefundForm(KeyedForm):
    """How much of a payment goes back, and why."""

    amount = PaidAmount(
        label=_("Amount to give back"),
        error_messages={"required": _("Write how much to give back.")},
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        help_text=_("Stands in the payment's trail."),
        error_messages={
            "required": _("Write why the money goes back."),
            "max_length": _(
                "A reason has at most %(limit_value)d characters; this one has %(show_value)d."
            ),
        },
    )
    past_limit = forms.BooleanField(
        label=_("Give it back even if the credit was spent"),
        required=False,
        help_text=_(
            "Then nothing is put on hold, and the balance may fall below the credit limit."
        ),
    )

    def __init__(
        self, payment: Payment, left: Decimal, data: Mapping[str, str] | None = None
    ) -> None:
        decimals = money.currency_decimals(payment.currency)
        super().__init__(
            data, initial={"amount": f"{money.round_down(left, decimals):.{decimals}f}"}
        )
        cast(PaidAmount, self.fields["amount"]).of(payment.currency)

    def clean_reason(self) -> str:
        """As the books take it."""
        reason: str = self.cleaned_data["reason"]
        try:
            return references.check_description(reason)
        except ValueError as error:
            raise forms.ValidationError(
                gettext("The reason holds characters that are no text.")
            ) from error


class MethodForm(forms.Form):
    """What operators change of a way to pay."""

    min_amount = PaidAmount(label=_("Smallest amount"))
    max_amount = PaidAmount(label=_("Largest amount"))
    step = PaidAmount(label=_("In steps of"))
    fee_percent = Limit(label=_("Fee in percent"), help_text=_("On top of the amount; up to 100."))
    fee_fixed = Limit(label=_("Fixed fee"), help_text=_("On top of the amount."))
    is_enabled = forms.BooleanField(label=_("Offered to customers"), required=False)
    shown = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, method: PaymentMethod, data: Mapping[str, str] | None = None) -> None:
        self.decimals = money.currency_decimals(method.currency)
        initial: dict[str, Any] = {"is_enabled": method.is_enabled}
        for name in ("min_amount", "max_amount", "step", "fee_fixed"):
            initial[name] = f"{getattr(method, name):.{self.decimals}f}"
        initial["fee_percent"] = f"{method.fee_percent:.2f}"
        initial["shown"] = payment_methods.figures(method)
        super().__init__(data, initial=initial)
        for name in ("min_amount", "max_amount", "step", "fee_fixed"):
            cast(PaidAmount, self.fields[name]).decimals = self.decimals
        cast(PaidAmount, self.fields["fee_percent"]).decimals = 2

    def clean_fee_percent(self) -> Decimal:
        """At most all of it."""
        percent: Decimal = self.cleaned_data["fee_percent"]
        if percent > 100:
            raise forms.ValidationError(gettext("A fee is at most 100 percent."))
        return percent

    def clean(self) -> dict[str, Any]:
        """Limits that leave something between them."""
        cleaned: dict[str, Any] = self.cleaned_data
        least, most, step = (cleaned.get(name) for name in ("min_amount", "max_amount", "step"))
        if least is not None and most is not None and least > most:
            self.add_error(
                "max_amount",
                gettext("The largest amount is less than the smallest, %(least)s.")
                % {"least": money.format_amount(least, self.decimals)},
            )
        elif most is not None and step is not None and step > most:
            self.add_error(
                "step",
                gettext("A step is at most the largest amount, %(most)s.")
                % {"most": money.format_amount(most, self.decimals)},
            )
        return cleaned

"""Forms of transfers to many: how the amounts come about, and confirming them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.db import models
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from billing import distribution, transfers
from billing.fields import AccountField, AmountField
from billing.forms import MovingForm
from billing.models import Balance
from billing.pasted_lines import (
    BadLine,
    Directory,
    Pasted,
    Reading,
    count_lines,
    read_accounts,
    read_table,
)
from billing.transfer_batches import MAX_LINES, Line
from console import money

# A thousand lines of the longest names and amounts.
MAX_TEXT = 200_000


class Way(models.TextChoices):
    """How the amounts come about."""

    EVEN = "even", _("Share an amount out evenly")
    USAGE = "usage", _("Share an amount out by last month's usage")
    TARGET = "target", _("Fill up to a balance each")
    TABLE = "table", _("Take amounts from a table")


# What is asked for, by way.
ASKED = {
    Way.EVEN: ("amount", "accounts"),
    Way.USAGE: ("amount", "accounts"),
    Way.TARGET: ("target", "accounts"),
    Way.TABLE: ("table",),
}


@dataclass
class Plan:
    """The lines to be confirmed; ``notes`` says how they came about."""

    lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _text(label: Any, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=False,
        # As typed: the lines are numbered.
        strip=False,
        max_length=MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
        error_messages={
            "max_length": _(
                "This text has %(show_value)d characters: at most %(limit_value)d are read."
            )
        },
    )


class BatchForm(MovingForm):
    """From which account, and how much each of the others gets.

    ``plan`` has the lines when the form is valid. Only what the chosen way asks for is read. Lines
    of a list or table that cannot be used stand in ``bad_lines``, each with its number.
    """

    NAMES = {"source": "from"}
    TYPED = ("from", "way", "amount", "target", "accounts", "table", "note")

    source = AccountField(
        label=_("From"), error_messages={"required": _("Choose the account that gives.")}
    )
    way = forms.ChoiceField(
        label=_("How much each gets"),
        choices=Way.choices,
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose how the amounts come about."),
            "invalid_choice": _("Choose how the amounts come about."),
        },
    )
    amount = AmountField(label=_("Amount in all"), required=False)
    target = AmountField(label=_("Balance that each shall have"), required=False)
    accounts = _text(_("Only these accounts"))
    table = _text(_("Accounts and amounts"))
    field_order = ("source", "way", "amount", "target", "accounts", "table", "note")

    def __init__(
        self, company: Account, balances: Sequence[Balance], data: Mapping[str, str]
    ) -> None:
        super().__init__(company, data)
        self.balances = {row.account_id: row for row in balances}
        self.plan = Plan()
        self.bad_lines: list[BadLine] = []
        cast(AccountField, self.fields["source"]).offer(
            balances,
            {row.account_id: transfers.cannot_move_from(row.account) for row in balances},
        )
        for name in ("amount", "target"):
            figure = cast(AmountField, self.fields[name])
            figure.explain(company)
            figure.negative = _("The amount is below zero.")
        self.fields["target"].zero = _("The balance is zero: write what each shall have.")  # type: ignore[attr-defined]
        receiving = [row.account.code for row in balances if self._receives(row.account)]
        self.fields["accounts"].help_text = ngettext(
            "One code or name a line. If empty: the %(count)d subaccount with its own balance.",
            "One code or name a line. If empty: all %(count)d subaccounts with their own balance.",
            len(receiving),
        ) % {"count": len(receiving)}
        example = f"{next(iter(receiving), company.code)}, {250:.{company.decimals}f}"
        self.fields["table"].help_text = gettext(
            "A line each, at most %(count)d: the account's code or name, then the amount, with a"
            " tab, a comma or a semicolon between. For example: %(example)s"
        ) % {"count": MAX_LINES, "example": example}

    def add_prefix(self, field_name: str) -> str:
        """The field's name in posts."""
        return self.NAMES.get(field_name, field_name)

    @property
    def way_name(self) -> str:
        """The chosen way, or "" when none is."""
        chosen = self["way"].value()
        return chosen if chosen in Way.values else ""

    def clean(self) -> dict[str, Any]:
        """Read what the way asks for, forget the rest, and make the plan."""
        cleaned = super().clean()
        way = cleaned.get("way")
        if not way:
            return cleaned
        for names in ASKED.values():
            for name in set(names) - set(ASKED[Way(way)]):
                self.errors.pop(name, None)
        source = cleaned.get("source")
        if source is None:
            return cleaned
        if way == Way.TABLE:
            self._take_table(source, cleaned)
        else:
            self._share_out(Way(way), source, cleaned)
        if not self.errors and len(self.plan.lines) > MAX_LINES:
            self.add_error("accounts", self._too_many(len(self.plan.lines)))
        return cleaned

    def field_of(self, refusal: transfers.Refused) -> str | None:
        if isinstance(refusal, transfers.InsufficientBalance):
            return ASKED[Way(self.cleaned_data["way"])][0]
        return "source" if refusal.account == self.cleaned_data["source"].pk else None

    def _receives(self, account: Account) -> bool:
        return not account.is_master and transfers.cannot_move_to(account) is None

    def _directory(self) -> Directory:
        return Directory(row.account for row in self.balances.values())

    def _take_table(self, source: Account, cleaned: dict[str, Any]) -> None:
        text = cleaned.get("table")
        if text is None:
            return
        if not text.strip():
            self.add_error("table", gettext("Paste or write the accounts and amounts."))
            return
        if count_lines(text) > MAX_LINES + 1:
            self.add_error("table", self._too_many(count_lines(text)))
            return
        reading = read_table(text, self._directory(), self.company.decimals)
        self._refuse_lines("table", source, reading)
        if len(reading.lines) > MAX_LINES:
            self.add_error("table", self._too_many(len(reading.lines)))
        elif not reading.lines and not self.bad_lines:
            self.add_error("table", gettext("There is no line with an account and an amount."))
        self.plan.lines = [
            Line(line.account, cast(Decimal, line.amount)) for line in reading.lines
        ]

    def _share_out(self, way: Way, source: Account, cleaned: dict[str, Any]) -> None:
        """Make the lines of an amount, or of a balance, and the accounts that are meant."""
        [figure, _accounts] = ASKED[way]
        if figure not in self.errors and cleaned.get(figure) is None:
            self.add_error(
                figure,
                gettext("Write what balance each shall have.")
                if way == Way.TARGET
                else gettext("Write how much to share out."),
            )
        accounts = self._meant(source, cleaned)
        if self.errors or not accounts:
            return
        share = {Way.EVEN: self._evenly, Way.USAGE: self._by_usage, Way.TARGET: self._up_to}[way]
        amounts = share(cleaned[figure], accounts)
        self.plan.lines = [
            Line(account, amount)
            for account, amount in zip(accounts, amounts, strict=True)
            if amount
        ]

    def _meant(self, source: Account, cleaned: dict[str, Any]) -> list[Account]:
        """The accounts among which is shared; none, with an error, when that cannot be."""
        text = cleaned.get("accounts")
        if text is None:
            return []
        if text.strip():
            if count_lines(text) > MAX_LINES:
                self.add_error("accounts", self._too_many(count_lines(text)))
                return []
            reading = read_accounts(text, self._directory())
            self._refuse_lines("accounts", source, reading)
            return [line.account for line in reading.lines]
        accounts = [
            row.account
            for row in self.balances.values()
            if self._receives(row.account) and row.account_id != source.pk
        ]
        if not accounts:
            self.add_error(
                "accounts",
                gettext("No other subaccount has a balance of its own to receive credit."),
            )
        return accounts

    def _refuse_lines(self, name: str, source: Account, reading: Reading) -> None:
        """Put the lines that cannot be used, or whose account cannot receive, beside the field."""
        bad = [*reading.bad, *self._cannot_receive(source, reading.lines)]
        if not bad:
            return
        self.bad_lines = sorted(bad)
        self.add_error(
            name,
            ngettext(
                "%(count)d line cannot be used. It is named below the text.",
                "%(count)d lines cannot be used. They are named below the text.",
                len(bad),
            )
            % {"count": len(bad)},
        )

    @staticmethod
    def _cannot_receive(source: Account, lines: Iterable[Pasted]) -> list[BadLine]:
        bad = []
        for line in lines:
            refusal = transfers.cannot_move_to(line.account)
            if line.account.pk == source.pk:
                refusal = transfers.SameAccount(account=source.pk)
            if refusal is not None:
                bad.append(BadLine(line.number, line.account.name, refusal.message))
        return bad

    def _evenly(self, amount: Decimal, accounts: Sequence[Account]) -> list[Decimal]:
        shares = distribution.evenly(amount, len(accounts), self.company.decimals)
        more = shares.count(shares[0])
        if more < len(shares) and shares[-1]:
            self.plan.notes.append(
                ngettext(
                    "%(amount)s does not divide by %(accounts)d: the first account gets %(unit)s"
                    " more.",
                    "%(amount)s does not divide by %(accounts)d: the first %(count)d accounts get"
                    " %(unit)s more each.",
                    more,
                )
                % {
                    "amount": self._written(amount),
                    "accounts": len(accounts),
                    "count": more,
                    "unit": self._written(shares[0] - shares[-1]),
                }
            )
        self._note_nothing(
            shares,
            ngettext_lazy(
                "%(count)d account gets nothing, because the amount does not reach that far.",
                "%(count)d accounts get nothing, because the amount does not reach that far.",
                "count",
            ),
        )
        return shares

    def _by_usage(self, amount: Decimal, accounts: Sequence[Account]) -> list[Decimal]:
        now = timezone.now()
        used = distribution.usage_last_month(self.company, now)
        weights = [max(used.get(account.pk, Decimal(0)), Decimal(0)) for account in accounts]
        since, _until = distribution.last_month(self.company, now)
        month = formats.date_format(since, "F Y")
        if not any(weights):
            self.add_error(
                "way",
                gettext("None of these accounts used anything in %(month)s: choose another way.")
                % {"month": month},
            )
            return [Decimal(0)] * len(accounts)
        self.plan.notes.append(
            gettext("In proportion to what each used in %(month)s.") % {"month": month}
        )
        shares = distribution.in_proportion(amount, weights, self.company.decimals)
        self._note_nothing(
            shares,
            ngettext_lazy(
                "%(count)d account gets nothing, because it used nothing, or too little.",
                "%(count)d accounts get nothing, because they used nothing, or too little.",
                "count",
            ),
        )
        return shares

    def _up_to(self, target: Decimal, accounts: Sequence[Account]) -> list[Decimal]:
        available = [self.balances[account.pk].available for account in accounts]
        shares = distribution.up_to(target, available, self.company.decimals)
        if not any(shares):
            self.add_error(
                "target", gettext("All of these accounts have as much already: nothing to move.")
            )
        self._note_nothing(
            shares,
            ngettext_lazy(
                "%(count)d account gets nothing, because it has as much already.",
                "%(count)d accounts get nothing, because they have as much already.",
                "count",
            ),
        )
        return shares

    def _note_nothing(self, shares: Sequence[Decimal], note: Promise) -> None:
        """Say how many (``count``) get nothing, for they do not stand in the table."""
        nothing = shares.count(Decimal(0))
        if nothing:
            self.plan.notes.append(str(note % {"count": nothing}))

    def _written(self, amount: Decimal) -> str:
        return f"{self.company.currency} {money.format_amount(amount, self.company.decimals)}"

    @staticmethod
    def _too_many(count: int) -> str:
        return gettext(
            "%(count)s accounts are too many at once: at most %(most)s. Share them among several"
            " tables."
        ) % {"count": count, "most": MAX_LINES}


class SendForm(MovingForm):
    """Confirming the lines of a preview: they come back as they were shown.

    ``cleaned_data`` is what ``transfer_batches.make_many`` takes, but for who asks.
    """

    NAMES = {"source": "from"}
    TYPED = ("from", "lines", "note")

    source = AccountField()
    lines = forms.CharField(strip=False, max_length=MAX_TEXT, widget=forms.HiddenInput)

    def __init__(
        self, company: Account, balances: Sequence[Balance], data: Mapping[str, str]
    ) -> None:
        super().__init__(company, data)
        self.accounts = [row.account for row in balances]
        cast(AccountField, self.fields["source"]).offer(
            balances, dict.fromkeys((row.account_id for row in balances), None)
        )

    def add_prefix(self, field_name: str) -> str:
        """The field's name in posts."""
        return self.NAMES.get(field_name, field_name)

    def clean_lines(self) -> list[Line]:
        """The lines, as the preview wrote them."""
        text = self.cleaned_data["lines"]
        if count_lines(text) > MAX_LINES:
            raise forms.ValidationError(gettext("The lines of the preview did not arrive whole."))
        reading = read_table(text, Directory(self.accounts), self.company.decimals)
        if reading.bad or not reading.lines:
            raise forms.ValidationError(gettext("The lines of the preview did not arrive whole."))
        return [Line(line.account, cast(Decimal, line.amount)) for line in reading.lines]

    def field_of(self, refusal: transfers.Refused) -> None:
        """All of it is said above the table: nothing can be typed here."""
        return

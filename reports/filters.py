"""The filter of the transactions: a bad one shows its errors and no rows.

Its query string is the selection: what a page shows, a saved view keeps, and an export writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.db.models import Q, QuerySet
from django.utils import formats, timezone
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django_filters import CharFilter, ChoiceFilter, DateFilter, FilterSet
from django_filters import MultipleChoiceFilter as SeveralFilter

from accounts.models import User
from billing.fields import AmountField
from billing.models import Entry, Kind
from console import money
from console.days import (
    DAY_ERRORS,
    DAY_FORMAT,
    Period,
    day_start,
    day_validators,
    day_widget,
    report_periods_of,
)
from reports.columns import Column
from reports.filter_fields import AmountFilter, ManyAccounts, StatementField, StatementFilter
from reports.models import Statement
from reports.pages import Order
from reports.queries import Scope

# The longest list of accounts that is kind as check boxes; a longer one is a list that scrolls.
FEW_ACCOUNTS = 30
# More of them are hardly chosen by hand, and no address is long enough for their names.
MOST_ACCOUNTS = 400
LONGEST_TEXT = 100
# Who made an entry, when it is nobody of the company.
PROGRAM, OPERATOR = "program", "operator"

# How they are shown, not which: fields that filter nothing.
LOOKS = ("sort", "columns")
# What one looks for first; the rest is a step away.
FIRST_FIELDS = ["date_from", "date_to", "account", "kind"]


class TransactionForm(forms.Form):
    """What is typed; what does not go together is refused here, the rest by the fields.

    ``is_cut``: the address said more than is read, so that nothing may be shown for it.
    """

    is_cut = False

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("date_from"), cleaned.get("date_to")
        if first and last and last < first:
            self.add_error("date_to", _("This day is before From. Swap the two days."))
        least, most = cleaned.get("amount_min"), cleaned.get("amount_max")
        if least is not None and most is not None and most < least:
            self.add_error("amount_max", _("This is less than “at least”. Swap the two amounts."))
        if self.is_cut or len(cleaned.get("account") or ()) > MOST_ACCOUNTS:
            text = gettext(
                "Choose at most %(most)d accounts; with none chosen, all of them are shown."
            )
            self.add_error("account", text % {"most": MOST_ACCOUNTS})
        return cleaned


def _day(label: Promise) -> DateFilter:
    return DateFilter(
        label=label,
        method="by_day",
        widget=day_widget(),
        input_formats=[DAY_FORMAT],
        validators=day_validators(),
        error_messages=DAY_ERRORS,
    )


def _amount(label: Promise) -> AmountFilter:
    return AmountFilter(label=label, method="by_amount")


def _several(label: Promise, method: str, unknown: Promise, **options: Any) -> SeveralFilter:
    errors = {"invalid_choice": unknown}
    return SeveralFilter(label=label, method=method, error_messages=errors, **options)


def _one(
    label: Promise, method: str, empty: Promise, unknown: Promise, **more: Any
) -> ChoiceFilter:
    errors = {"invalid_choice": unknown}
    return ChoiceFilter(
        label=label, method=method, empty_label=empty, error_messages=errors, **more
    )


class TransactionFilter(FilterSet):  # type: ignore[misc]
    """By day in the company's time zone, account, kind, direction, amount, text and author.

    Of the accounts and entries that the person sees. Also the order and the columns, which filter
    nothing. An invalid filter matches nothing.
    """

    date_from = _day(_("From"))
    date_to = _day(_("To"))
    account = _several(
        _("Accounts"),
        "by_account",
        _("“%(value)s” is not one of the accounts that you can see here."),
    )
    kind = _several(
        _("Kinds"),
        "by_kind",
        _("“%(value)s” is not a kind of transaction."),
        choices=Kind.choices,
        widget=forms.CheckboxSelectMultiple,
    )
    direction = _one(
        _("Direction"),
        "by_direction",
        _("In and out"),
        _("“%(value)s” is neither “in” nor “out”."),
        choices=[
            ("in", pgettext_lazy("direction", "Money in")),
            ("out", pgettext_lazy("direction", "Money out")),
        ],
    )
    amount_min = _amount(_("Amount at least"))
    amount_max = _amount(_("Amount at most"))
    text = CharFilter(
        label=_("Reference or description"),
        method="by_text",
        max_length=LONGEST_TEXT,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    by = _one(
        _("Made by"),
        "by_author",
        pgettext_lazy("author", "Anybody"),
        _("“%(value)s” is not one of the people that you can choose here."),
    )
    statement = StatementFilter(
        label=_("Statement number"),
        method="by_statement",
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    sort = _one(
        _("Order"),
        "unfiltered",
        Order.NEWEST.label,
        _("“%(value)s” is no order of these transactions."),
        choices=[(each.value, each.label) for each in Order if each != Order.NEWEST],
    )
    columns = _several(
        _("Columns"),
        "unfiltered",
        _("“%(value)s” is no column of this table."),
        choices=Column.choices,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = Entry
        fields: list[str] = []
        form = TransactionForm

    def __init__(self, data: Mapping[str, Any], scope: Scope, *, is_cut: bool = False) -> None:
        super().__init__(data, scope.entries)
        self.is_cut = is_cut
        self.scope = scope
        self.zone = scope.company.zone
        few = len(scope.accounts) <= FEW_ACCOUNTS
        self.filters["account"].extra |= {
            "choices": [(str(account.pk), account.name) for account in scope.accounts],
            "widget": forms.CheckboxSelectMultiple
            if few
            else ManyAccounts(attrs={"aria-label": _("Accounts")}),
        }
        self.filters["by"].extra["choices"] = lambda: self._authors

    @cached_property
    def _authors(self) -> list[tuple[str, str | Promise]]:
        """Who may have made an entry: the people of the accounts that the person sees. One query.

        To customers the platform's staff are operators, without names.
        """
        people = (
            User.objects.filter(memberships__account__in=self.scope.names.keys(), is_staff=False)
            .distinct()
            .order_by("name", "email")
        )
        return [
            (PROGRAM, _("A program, or the system")),
            (OPERATOR, _("An operator")),
            *((str(person.pk), str(person)) for person in people),
        ]

    @cached_property
    def form(self) -> forms.Form:
        """The form. What is no date is shown as text: a date input would hide what was typed."""
        form: TransactionForm = super().form
        form.is_cut = self.is_cut
        cast(StatementField, form.fields["statement"]).scope = self.scope
        for name in ("amount_min", "amount_max"):
            field = cast(AmountField, form.fields[name])
            # Books have more decimals than people type: those are looked for, too.
            field.decimals = money.LEDGER_DECIMALS
            field.negative = gettext("Write it without a minus, and choose the direction.")
            field.takes_zero = True
        for name, errors in form.errors.as_data().items():
            if name in {"date_from", "date_to"} and any(each.code == "invalid" for each in errors):
                form.fields[name].widget.input_type = "text"
        for name in {"date_from", "date_to"} & {self.first_wrong}:
            form.fields[name].widget.attrs["autofocus"] = True
        return form

    @property
    def first_wrong(self) -> str:
        """The first field with an error, which takes the focus; "" when there is none."""
        errors = super().form.errors
        return next((name for name in self.filters if name in errors), "")

    @property
    def further_fields(self) -> list[forms.BoundField]:
        """What is a step away, without the columns."""
        names = [name for name in self.filters if name not in {*FIRST_FIELDS, "columns"}]
        return [self.form[name] for name in names]

    @property
    def more_is_open(self) -> bool:
        """Whether one of the fields that are a step away says something, or is wrong."""
        fields = [*self.further_fields, self.form["columns"]]
        return any(field.value() or field.errors for field in fields)

    @property
    def is_filtered(self) -> bool:
        """Whether anything is filtered, rightly or wrongly; order and columns are no filter."""
        names = [name for name in self.filters if name not in LOOKS]
        return any(self.form[name].value() for name in names)

    def asked(self, name: str) -> Any:
        """What a field says, cleaned: None, "" or [] for nothing, and of an invalid filter."""
        return self.form.cleaned_data.get(name) if self.form.is_valid() else None

    @property
    def order(self) -> Order:
        """In which order the entries are asked for."""
        return Order(self.asked("sort") or Order.NEWEST)

    @property
    def columns_shown(self) -> list[Column]:
        """The columns that are asked for, in their order on the page; none for the usual ones."""
        return [each for each in Column if each.value in (self.asked("columns") or ())]

    @property
    def is_by_days(self) -> bool:
        """Whether whole days, accounts and kinds are all that is asked: what is added up daily."""
        finer = ("amount_min", "amount_max", "text", "by", "statement")
        return all(self.asked(name) in (None, "") for name in finer)

    @property
    def whole_statement(self) -> Statement | None:
        """The statement that is all that is asked for; None where something else is, too."""
        others = set(self.filters) - {"statement", *LOOKS}
        if any(self.asked(name) not in (None, "", []) for name in others):
            return None
        found: Statement | None = self.asked("statement")
        return found

    @property
    def in_words(self) -> list[str]:
        """What is filtered, for paper: the period, the accounts, the kinds, and what else."""
        days = {
            name: formats.date_format(day, "j M Y")
            for name in ("date_from", "date_to")
            if isinstance(day := self.asked(name), date)
        }
        if len(days) == 2:
            period = gettext("%(date_from)s to %(date_to)s") % days
        elif "date_from" in days:
            period = gettext("from %(date_from)s") % days
        elif days:
            period = gettext("until %(date_to)s") % days
        else:
            period = gettext("all days")
        accounts = [str(name) for name in self.chosen_accounts]
        kinds = [str(label) for label in self.chosen_kinds]
        return [
            period,
            ", ".join(accounts) or gettext("all accounts"),
            ", ".join(kinds) or gettext("all kinds"),
            *self._finer_words(),
        ]

    def _finer_words(self) -> list[str]:
        words = [str(label) for label in (*self._chosen("direction"), *self._chosen("sort"))]
        decimals = self.scope.company.decimals
        for name, text in (
            ("amount_min", gettext("at least %(amount)s %(currency)s")),
            ("amount_max", gettext("at most %(amount)s %(currency)s")),
        ):
            amount = self.asked(name)
            if isinstance(amount, Decimal):
                shown = money.format_amount(amount, decimals)
                words.append(text % {"amount": shown, "currency": self.scope.company.currency})
        if self.asked("text"):
            words.append(gettext("with “%(text)s”") % {"text": self.asked("text")})
        if self.asked("statement"):
            words.append(gettext("statement %(name)s") % {"name": self.asked("statement").name})
        words += [gettext("made by %(name)s") % {"name": name} for name in self._chosen("by")]
        return words

    @property
    def periods(self) -> list[Period]:
        """The periods offered today, with the one that is chosen marked."""
        days = self.form.cleaned_data if self.form.is_valid() else {}
        chosen = (days.get("date_from"), days.get("date_to"))
        today = timezone.localdate(timezone=self.zone)
        return [
            replace(period, is_current=bool(days) and chosen == (period.first, period.last))
            for period in report_periods_of(today, self.scope.company.country)
        ]

    @property
    def chosen_accounts(self) -> list[str]:
        """The names of the accounts that are chosen."""
        return self._chosen("account")

    @property
    def chosen_kinds(self) -> list[str | Promise]:
        """The labels of the kinds that are chosen."""
        return self._chosen("kind")

    @property
    def chosen_columns(self) -> list[str | Promise]:
        """The labels of the columns that are chosen."""
        return self._chosen("columns")

    def _chosen(self, name: str) -> list[Any]:
        """The labels of what is chosen; what is none of the choices stands for itself."""
        field = cast(Any, self.form.fields[name])
        labels = dict(field.choices)
        value = self.form[name].value() or []
        values = [value] if isinstance(value, str) else value
        return [labels.get(each, f"“{each}”") for each in values]

    def filter_queryset(self, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        """All conditions, or no rows at all where one of them makes no sense."""
        if not self.form.is_valid():
            return queryset.none()
        filtered: QuerySet[Entry] = super().filter_queryset(queryset)
        return filtered

    def by_day(self, entries: QuerySet[Entry], name: str, day: date) -> QuerySet[Entry]:
        """From the first moment of ``date_from`` to the last of ``date_to``."""
        if name == "date_from":
            return entries.filter(posted_at__gte=day_start(day, self.zone))
        return entries.filter(posted_at__lt=day_start(day + timedelta(days=1), self.zone))

    def by_account(
        self, entries: QuerySet[Entry], name: str, accounts: list[str]
    ) -> QuerySet[Entry]:
        """Attributed to one of the accounts."""
        return entries.filter(account__in=[int(account) for account in accounts])

    def by_kind(self, entries: QuerySet[Entry], name: str, kinds: list[str]) -> QuerySet[Entry]:
        """Of one of the kinds."""
        return entries.filter(kind__in=kinds)

    def by_direction(self, entries: QuerySet[Entry], name: str, way: str) -> QuerySet[Entry]:
        """Money in, or money out."""
        if way == "out":
            return entries.filter(amount__lt=0)
        # Usage never is, which the index of all but usage wants to be told.
        return entries.filter(amount__gt=0).exclude(kind=Kind.USAGE)

    def by_amount(self, entries: QuerySet[Entry], name: str, amount: Decimal) -> QuerySet[Entry]:
        """Between the two amounts, in or out."""
        if name == "amount_min":
            return entries.filter(Q(amount__gte=amount) | Q(amount__lte=-amount))
        return entries.filter(amount__lte=amount, amount__gte=-amount)

    def by_text(self, entries: QuerySet[Entry], name: str, text: str) -> QuerySet[Entry]:
        """With the text somewhere in reference or description, in any case."""
        return entries.filter(Q(reference__icontains=text) | Q(description__icontains=text))

    def by_author(self, entries: QuerySet[Entry], name: str, author: str) -> QuerySet[Entry]:
        """Made by one person, by any operator, or by nobody."""
        if author == PROGRAM:
            return entries.filter(by__isnull=True)
        if author == OPERATOR:
            operators = list(User.objects.filter(is_staff=True).values_list("pk", flat=True))
            return entries.filter(by__in=operators)
        return entries.filter(by=int(author))

    def by_statement(
        self, entries: QuerySet[Entry], name: str, statement: Statement
    ) -> QuerySet[Entry]:
        """What the statement holds, and nothing that was posted later."""
        return entries.filter(
            holder=statement.holder_id, seq__range=(statement.first_seq, statement.last_seq)
        )

    def unfiltered(self, entries: QuerySet[Entry], name: str, value: Any) -> QuerySet[Entry]:
        """All: it is about how they are shown."""
        return entries

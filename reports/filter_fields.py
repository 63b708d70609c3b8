"""Fields of the transactions' filter that others have no use for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django_filters import Filter

from billing.fields import AmountField
from reports.models import Statement
from reports.queries import Scope


class ManyAccounts(forms.SelectMultiple):
    """A list of a thousand accounts: drawn at once, not by a template for each."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        chosen = {str(each) for each in value or ()}
        options = format_html_join(
            "\n",
            '<option value="{}"{}>{}</option>',
            (
                (pk, SafeString(" selected") if pk in chosen else "", label)
                for pk, label in self.choices
            ),
        )
        about = flatatt(self.build_attrs(self.attrs, attrs))
        return format_html('<select name="{}" multiple{}>{}</select>', name, about, options)


class StatementField(forms.CharField):
    """The number of a statement of an account in reach: its entries, to the last one."""

    scope: Scope

    def clean(self, value: Any) -> Any:
        name = super().clean(value)
        if not name:
            return None
        found = Statement.objects.named(self.scope.company, name)
        statement = found.filter(holder__in=self.scope.names.keys()).first()
        if statement is None:
            raise forms.ValidationError(
                gettext("“%(name)s” is not one of the statements that you can see here.")
                % {"name": name}
            )
        return statement


class StatementFilter(Filter):  # type: ignore[misc]
    field_class = StatementField


class AmountFilter(Filter):  # type: ignore[misc]
    field_class = AmountField

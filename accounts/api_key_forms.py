"""The form of a new key of the API."""

from __future__ import annotations

from typing import cast
from uuid import uuid4

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from accounts.models import Scope
from accounts.people_forms import one_line


class KeyForm(forms.Form):
    """What it is for and what it may do. ``form`` makes one key of a form that is sent twice."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        validators=[one_line],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Which program uses it, for example “SMS gateway, Cairo”."),
        error_messages={
            "required": _("Write which program the key is for."),
            "max_length": _(
                "A name has at most %(limit_value)d characters; this one has %(show_value)d."
            ),
        },
    )
    scopes = forms.TypedMultipleChoiceField(
        label=_("What it may do"),
        choices=Scope.choices,
        coerce=Scope,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("No more than the program needs: a key cannot be changed later."),
        error_messages={
            "required": _("Choose at least one thing that the key may do."),
            "invalid_choice": _("“%(value)s” is nothing that a key may do."),
        },
    )
    form = forms.UUIDField(
        widget=forms.HiddenInput,
        error_messages={
            "required": _("The form came without its number: send it again."),
            "invalid": _("The form's number did not arrive whole: send it again."),
        },
    )

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, initial={"form": uuid4()})

    def renew(self) -> None:
        """A fresh number, where the one that came was none."""
        if "form" in self.errors:
            typed = cast(QueryDict, self.data).copy()
            typed["form"] = str(uuid4())
            self.data = typed

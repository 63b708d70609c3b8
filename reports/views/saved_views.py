"""Keep the selection of the page of transactions under a name, and forget it again."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts.access import access_or_404
from reports import saved_views
from reports.filters import TransactionFilter
from reports.models.saved_views import LONGEST_NAME
from reports.queries import Scope


class NameForm(forms.Form):
    """What a view is called."""

    name = forms.CharField(
        max_length=LONGEST_NAME,
        error_messages={
            "required": gettext_lazy("Give the view a name."),
            "max_length": gettext_lazy("A name has at most %(limit_value)d letters."),
        },
    )


@require_POST
def view_save(request: HttpRequest, company: str) -> HttpResponse:
    """Keep the selection of the query string; back to it. A known name is replaced."""
    access = access_or_404(request.user, company)
    query = saved_views.canonical(request.GET.urlencode())
    page = f"{reverse('transaction-list', args=[access.company.code])}?{query}"
    form = NameForm(request.POST)
    filters = TransactionFilter(request.GET, Scope.of(access))
    if not filters.is_valid():
        messages.error(request, _("Correct what is marked in the filter, then save the view."))
    elif not form.is_valid():
        messages.error(request, str(form.errors["name"][0]))
    else:
        name = form.cleaned_data["name"]
        try:
            saved_views.save(user=access.user, company=access.company, name=name, query=query)
        except saved_views.CannotSave as refusal:
            messages.error(request, str(refusal))
        else:
            text = _("Saved as “%(name)s”. You find it under Views, and only you.")
            messages.success(request, text % {"name": name})
    return redirect(page)


@require_POST
def view_delete(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Forget one of the person's own views; anybody else's is not there."""
    access = access_or_404(request.user, company)
    view = get_object_or_404(saved_views.of(access.user, access.company), pk=pk)
    view.delete()
    messages.success(request, _("The view “%(name)s” is deleted.") % {"name": view.name})
    return redirect("transaction-list", company=access.company.code)

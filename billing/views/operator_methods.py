"""Ways to pay: what operators change of them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import operator_or_404
from accounts.reauthentication import fresh_proof_required
from billing import payment_methods
from billing.models import PaymentMethod
from billing.operator_forms import MethodForm
from billing.payment_methods import ANYWHERE
from console import places

# The table has some fifty; a page that lists all is bounded all the same.
MOST = 500


@require_safe
def method_list(request: HttpRequest) -> HttpResponse:
    """All methods by the country's name, last those of all countries without their own."""
    operator_or_404(request.user)
    rows = list(PaymentMethod.objects.order_by("country", "currency", "position", "pk")[:MOST])
    rows.sort(key=lambda row: (row.country == ANYWHERE, places.country_name(row.country)))
    return render(request, "operator/method_list.html", {"methods": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@fresh_proof_required(of=operator_or_404)
def method_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Limits, step, fee, and whether it is offered. Payments that were asked for keep theirs."""
    operator = operator_or_404(request.user)
    method = get_object_or_404(PaymentMethod, pk=pk)
    form = MethodForm(method)
    trouble = ""
    if request.method == "POST":
        form = MethodForm(method, request.POST)
        if form.is_valid():
            typed = dict(form.cleaned_data)
            shown = typed.pop("shown")
            try:
                payment_methods.edit(method, shown=shown, by=operator, **typed)
            except payment_methods.MethodChanged as error:
                method = error.method
                trouble = _(
                    "Somebody else has changed it meanwhile, so nothing was saved."
                    " Look at the figures as they are now, and change them again."
                )
                form = MethodForm(method)
            else:
                messages.success(request, _("Saved %(method)s.") % {"method": method.label})
                return redirect("operator-method-list")
    status = 422 if trouble or form.errors else 200
    context = {"method": method, "form": form, "trouble": trouble}
    return render(request, "operator/method_edit.html", context, status=status)

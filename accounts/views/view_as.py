"""Beginning and stopping the read-only view of a customer: see ``accounts.viewing``."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import viewing
from accounts.access import operator_or_404
from accounts.models import Account, Membership
from accounts.people_forms import ReasonForm
from accounts.reauthentication import fresh_proof_required


@require_http_methods(["GET", "HEAD", "POST"])
@fresh_proof_required(of=operator_or_404)
def view_as(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Say what the view is, ask for the reason, and begin it. Sent twice it begins once."""
    operator = operator_or_404(request.user)
    master = get_object_or_404(Account.objects.masters(), code=company)
    found = Membership.objects.filter(master=master, user=pk).select_related("account", "user")
    memberships = list(found.order_by("pk"))
    if not memberships:
        raise Http404
    person = memberships[0].user
    form, trouble = ReasonForm(), ""
    if request.method == "POST":
        form = ReasonForm(request.POST)
        if form.is_valid():
            try:
                viewing.begin(
                    request,
                    operator=operator,
                    person=person,
                    company=master,
                    reason=form.cleaned_data["reason"],
                )
            except viewing.CannotView as refusal:
                trouble = refusal.message
            else:
                return redirect("overview", company=master.code)
    context = {
        "company": master,
        "person": person,
        "memberships": memberships,
        "form": form,
        "trouble": trouble,
        "minutes": viewing.MINUTES,
    }
    status = 422 if trouble or form.errors else 200
    return render(request, "operator/view_as.html", context, status=status)


@require_POST
def view_as_stop(request: HttpRequest) -> HttpResponse:
    """End the view that is under way; where none is, say so."""
    operator_or_404(request.user)
    code = viewing.end(request, why=_("Stopped."))
    if code is None:
        messages.info(request, _("The read-only view had ended already."))
        return redirect("operator-home")
    messages.success(request, _("The read-only view has ended. You are yourself again."))
    return redirect("people-list", company=code)

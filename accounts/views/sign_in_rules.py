"""A company's rules of sign-in, set by its master admins."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import reauthentication, second_factor, sign_in_rules
from accounts.access import access_or_404
from accounts.forms import SignInRulesForm
from console import money


@require_http_methods(["GET", "HEAD", "POST"])
def company_security(request: HttpRequest, company: str) -> HttpResponse:
    """The form, and saving it: with a fresh proof, for it could open the door to a thief."""
    access = access_or_404(request.user, company)
    access.require_sign_in_rules()
    rules = access.company
    form = SignInRulesForm(
        rules,
        initial={
            "needs_second_factor": rules.needs_second_factor,
            "confirm_above": ""
            if rules.confirm_above is None
            else f"{money.round_down(rules.confirm_above, rules.decimals)}",
        },
    )
    if request.method == "POST":
        form = SignInRulesForm(rules, request.POST, has_factor=second_factor.has_one(access.user))
        if form.is_valid():
            asked = reauthentication.ask(request)
            if asked is not None:
                return asked
            if sign_in_rules.change(company=rules, **form.cleaned_data, by=access.user):
                messages.success(request, _("Saved the rules of sign-in."))
            else:
                messages.info(request, _("The rules are these already."))
            return redirect("company-security", company=rules.code)
    context = {"access": access, "company": rules, "form": form}
    return render(
        request, "accounts/company_security.html", context, status=422 if form.errors else 200
    )

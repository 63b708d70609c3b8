"""The front door: straight to one's company, or a choice among several."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts.models import Account

# An operator sees every company; this page lists as many as one can look through.
MANY = 200


def home(request: HttpRequest) -> HttpResponse:
    """Redirect to the only company the person belongs to, else list them by name."""
    companies = list(Account.objects.companies_of(request.user).order_by("name")[: MANY + 1])
    if len(companies) == 1:
        return redirect("overview", company=companies[0].code)
    return render(
        request,
        "console/home.html",
        {"companies": companies[:MANY], "more": len(companies) > MANY},
    )
